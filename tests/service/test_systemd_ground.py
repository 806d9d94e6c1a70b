"""Machines with a systemd end with the test that made them, however that ends."""

from __future__ import annotations

import sys
from pathlib import Path
from signal import SIGINT, SIGKILL, Signals

import pytest
from lab_ground import eventually, needs_root, running

from hardtack.lab import namespaces
from hardtack.lab.process import Process
from service.systemd_ground import PATIENCE, missing

HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from hardtack.lab.folder import folder
from hardtack.lab.lab import Lab
from service.systemd_ground import machine
with Lab() as lab, folder("layer") as empty, machine(lab.namespace("machine"), empty) as made:
    print("ready", made.net.name, made.pid, flush=True)
    time.sleep(600)
"""

pytestmark = [needs_root, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.mark.parametrize("number", [SIGINT, SIGKILL])
def test_nothing_is_left_running(number: Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # empty folders may be left
    holder = Process([sys.executable, "-c", HOLDER.format(tests=str(Path(__file__).parents[1]))])
    _, name, pid = holder.wait_for("^ready ", PATIENCE).split()
    assert running(int(pid)) and Path(f"/proc/{pid}/comm").read_text() == "systemd\n"
    holder.send(number)
    holder.wait(PATIENCE)
    assert eventually(lambda: not running(int(pid)), PATIENCE)
    if number == SIGKILL:  # the next lab would
        namespaces.discard(name)
