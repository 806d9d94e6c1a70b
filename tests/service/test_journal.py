"""Log lines: their times, levels, colours, formats, and how many there are of one event."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from hardtack.journal import BURST, Limit, Lines, plain
from hardtack.quota import Quota

SAY = """
import logging
from hardtack import journal
journal.begin(False)
journal.note("by-kernel", logging.WARNING, hosts="a,b", why="100 % gone", mtu=1500)
"""
TEXT = 'WARNING by-kernel hosts=a,b why="100 % gone" mtu=1500'


def said(environment: dict[str, str], program: str = SAY) -> subprocess.CompletedProcess[str]:
    """What a process of ours says on standard error."""
    clean = {name: value for name, value in os.environ.items() if name not in ("JOURNAL_STREAM", "HARDTACK_LOG", "NO_COLOR")}
    return subprocess.run(
        [sys.executable, "-c", program], env=clean | environment, stderr=subprocess.PIPE, text=True, check=False, timeout=30
    )


def on_terminal(environment: dict[str, str]) -> str:
    """The same, on a terminal."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run([sys.executable, "-c", SAY], env=clean | environment, stderr=theirs, check=True, timeout=30)
    os.close(theirs)
    text = os.read(ours, 4096).decode()
    os.close(ours)
    return text


def in_journal(environment: dict[str, str]) -> str:
    """The same, with a standard error that systemd says is its journal's."""
    read, write = os.pipe()
    found = os.fstat(write)
    stream = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    subprocess.run([sys.executable, "-c", SAY], env=os.environ | stream | environment, stderr=write, check=True, timeout=30)
    os.close(write)
    with os.fdopen(read) as file:
        return file.read()


def test_times_have_their_zone() -> None:
    for zone, offset in (("UTC", r"\+00:00"), ("Asia/Kolkata", r"\+05:30"), ("XXX5", "-05:00")):
        line = said({"TZ": zone}).stderr
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\d{offset} {TEXT}\n", line), line


def test_the_journal_gets_priorities_and_no_times() -> None:
    assert in_journal({}) == f"<4>{TEXT}\n"
    assert json.loads(in_journal({"HARDTACK_LOG": "json"}).removeprefix("<4>"))["event"] == "by-kernel"
    assert not said({"JOURNAL_STREAM": "1:2"}).stderr.startswith("<")  # somebody else's


def test_json() -> None:
    told = json.loads(said({"HARDTACK_LOG": "json"}).stderr)
    assert told.pop("time").startswith("20")
    assert told == {"level": "warning", "event": "by-kernel", "hosts": "a,b", "why": "100 % gone", "mtu": 1500}
    assert plain({"a": True, "b": ("x",), "c": 1.5}) == {"a": True, "b": "('x',)", "c": 1.5}


def test_another_format_is_a_mistake() -> None:
    done = said({"HARDTACK_LOG": "xml"})
    assert "HARDTACK_LOG: found 'xml', which is not a log format; write text or json" in done.stderr


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_colours_are_for_terminals(environment: dict[str, str], colours: bool) -> None:
    assert ("\x1b[33mWARNING\x1b[0m" in on_terminal(environment)) == colours


def test_one_event_cannot_fill_a_disk() -> None:
    """A burst, then one a minute, which says how many were left out. Others are not concerned."""
    limit, lines = Limit(), Lines("text", journal=True)

    def line(event: str, at: float) -> str | None:
        record = logging.LogRecord("hardtack", logging.INFO, "", 0, event, None, None)
        record.event, record.created = event, at
        return lines.format(record) if limit.filter(record) else None

    attack = [line("under-attack", second / 10) for second in range(36_000)]  # an hour, ten a second
    passed = [one for one in attack if one]
    assert BURST + 58 <= len(passed) <= BURST + 60
    assert passed[0] == "<6>INFO under-attack" and re.fullmatch(r"<6>INFO under-attack suppressed=\d+", passed[-1])
    assert line("attack-over", 3600.0) and all(line("reloaded", 3600.0) for _ in range(100))


def test_a_clock_that_goes_back_opens_nothing() -> None:
    quota = Quota(2, 60.0)
    assert [quota.take("a", now) for now in (100.0, 100.0, 50.0, 20.0, 85.0)] == [0, 0, None, None, 2]
