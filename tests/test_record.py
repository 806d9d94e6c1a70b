"""What a front or an agent leaves about its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hardtack.agent import record
from hardtack.agent.record import RecordError


def test_a_process_leaves_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = record.place("front", 4026531833, "eth0", tmp_path / "run")
    assert record.read(path) is None
    record.write(path, ["eth0", "eth1"], Path("hardtack.toml"))
    found = record.read(path)
    assert found and found.running
    assert (found.pid, found.configuration) == (os.getpid(), str(tmp_path / "hardtack.toml"))
    assert found.interfaces == ("eth0", "eth1")
    assert path.parent.stat().st_mode & 0o777 == 0o700  # so that nobody else gets at it
    assert [entry.name for entry in path.parent.iterdir()] == ["front-4026531833-eth0.json"]
    record.write(path, ["eth0"])
    again = record.read(path)
    assert again and again.configuration == ""
    record.remove(path)
    record.remove(path)
    assert record.read(path) is None


def test_a_later_process_of_that_number_is_another(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record.write(path, ["eth0"])
    found = record.read(path)
    assert found and not replace(found, birth=found.birth - 1).running


def test_whoever_has_ended_does_not_run() -> None:
    """Nor does one whose parent has not asked yet how it ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert record.birth_of(ended.pid) == 0
    ended.wait()
    assert record.birth_of(ended.pid) == 0


MORE = {"pid": 1, "birth": 2, "started": 3.0, "interfaces": [], "more": 4}


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps(MORE)])
def test_what_is_no_record_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"record.json: not a state file of a front or an agent; remove it: rm "):
        record.read(path)
