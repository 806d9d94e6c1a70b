"""`hardtack capture` on a running front: what it writes is what was counted, and it ends with its process."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from handshake.counted import pinned
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually

from fronts.running import Value, counting, front
from fronts.test_reload import Scene, scene
from hardtack.control.taps import OWN, clock
from hardtack.image import ONLY
from hardtack.lab.addresses import SERVER
from hardtack.lab.clients import upload
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Target
from hardtack.lab.process import Process
from hardtack.packet.reasons import Reason, Verdict, verdict
from hardtack.packet.tap_tables import MOST_TAPS, TAPPED, TAPS, Tapped, Taps

COUNT, RATE = 20_000, 40_000  # frames of a flood, and in a second
OURS = f"host {SERVER[0]} or host {SERVER[1]}"

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark: apt-get install tshark")


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    host: dict[str, Value] = {"name": "one", "addresses": SERVER, "via": "direct", "ports": [TALK]}
    with scene(tmp_path_factory.mktemp("capture"), host, reload="manual") as made:
        yield made


@contextmanager
def capturing(at: Scene, *options: object) -> Iterator[Process]:
    """`hardtack capture` at work; ended as by Ctrl-C."""
    before = taps(at)
    with Process([sys.executable, "-m", "hardtack", "capture", *options], at.net.front) as process:
        assert eventually(lambda: taps(at) > before, PATIENCE), process.lines
        yield process
        process.stop(signal.SIGINT, PATIENCE)


def taps(at: Scene) -> int:
    """How many watch, besides the front's process, which does so for a second now and then."""
    with pinned(at.net.outside, TAPS) as table:
        until = np.frombuffer(table.lookup(ONLY) or b"", Taps)["taps"]["until"][0, OWN + 1 :]
        return int((until > clock()).sum())


def on(at: Scene) -> bool:
    """Whether frames are counted for anybody."""
    with pinned(at.net.outside, TAPS) as table:
        return bool(np.frombuffer(table.lookup(ONLY) or b"", Taps)["on"][0])


def looked_at(at: Scene) -> int:
    """Frames that others' taps have had so far."""
    with pinned(at.net.outside, TAPPED) as table:
        return int(np.frombuffer(b"".join(table.lookup_all(ONLY)), Tapped)["taps"]["taken"][:, OWN + 1 :].sum())


def flood(at: Scene, kind: str = "mixed", count: int = COUNT) -> None:
    """A flood that is over."""
    net = at.net
    target = Target(SERVER[0], TALK, net.near.mac, net.outside.mac)
    with flooding(net.near, target, seconds=60, kind=kind, count=count, rate=RATE) as made:  # type: ignore[arg-type]
        made.wait(60)


def saw(process: Process, many: int) -> bool:
    """Whether it has printed so many frames that were answered."""
    return sum("REPLY answered" in line for line in process.lines) == many


def comments(file: Path) -> Counter[tuple[Reason, str]]:
    """Reasons and interfaces in a capture, as tshark reads them."""
    fields = ["-T", "fields", "-e", "frame.comment", "-e", "frame.interface_name"]
    told = subprocess.run(["tshark", "-n", "-r", file, *fields], capture_output=True, check=True, text=True).stdout
    found = Counter[tuple[Reason, str]]()
    for line in told.splitlines():
        match = re.fullmatch(r"(\w+) (\w+)(?:, host one)?, CPU \d+: (.*)\t(\w+)", line)
        assert match, line
        reason = Reason[match[2]]
        assert verdict(reason) == Verdict[match[1]] and reason.text == match[3]
        found[reason, match[4]] += 1
    return found


def test_what_it_writes_is_what_was_counted(at: Scene, tmp_path: Path) -> None:
    file = tmp_path / "all.pcapng"
    with capturing(at, "--rate", 1_000_000, "-w", file) as process, counting(at.net.outside) as seen:
        flood(at)
        upload(at.net.client, SERVER[0], TALK, 100_000)
        assert eventually(lambda: not at.net.near.namespace.call(lambda: 0), 1)
    assert f"{sum(seen.values()):,} frames captured" in process.lines[-1] and "missed" not in process.lines[-1]
    found = comments(file)
    assert sum(seen.values()) > COUNT
    assert Counter({reason: sum(n for (one, _), n in found.items() if one == reason) for reason, _ in found}) == seen
    assert {name for _, name in found} >= {at.net.outside.name}
    assert not taps(at)


def test_reasons_hosts_and_expressions_are_asked_in_the_kernel(at: Scene, tmp_path: Path) -> None:
    """What is left out costs none of the budget, which is a fifth of what the flood would take."""
    for options, wanted in (
        (["--reason", "answered"], lambda reason: reason == Reason.answered),
        (["--verdict", "drop", "--host", "one"], lambda reason: verdict(reason) == Verdict.DROP),
    ):
        file = tmp_path / "some.pcapng"
        with capturing(at, *options, "--rate", 1_000_000, "-w", file), counting(at.net.outside) as seen:
            flood(at, count=2000)
        found = comments(file)
        expected = {reason: n for reason, n in seen.items() if wanted(reason) and n}
        assert expected and {reason: n for (reason, _), n in found.items()} == expected
    with capturing(at, "--filter", f"src host {SERVER[0]}", "--rate", 6000) as process:
        flood(at)
        upload(at.net.client, SERVER[0], TALK, 1000)
    lines = [line for line in process.lines if ">" in line]
    assert lines and all(f" {SERVER[0]}:{TALK} > " in line for line in lines) and "missed" not in process.lines[-1]


def test_a_sample_is_one_of_so_many_and_a_budget_holds(at: Scene) -> None:
    with capturing(at, "--sample", "1/100", "--filter", OURS) as process:
        flood(at)
    some = int(process.lines[-1].split()[0])
    assert COUNT / 100 / 2 < some < COUNT / 100 * 2
    with capturing(at, "--rate", 60) as process:
        flood(at)
    taken, missed = re.match(r"([0-9,]+) frames captured; ([0-9,]+) more were lost", process.lines[-1]).groups()  # type: ignore[union-attr]
    assert int(taken.replace(",", "")) < COUNT / 10 < int(missed.replace(",", ""))


def test_it_ends_with_a_process_that_is_killed(at: Scene) -> None:
    with capturing(at) as process:
        process.stop(signal.SIGKILL, PATIENCE)
    assert taps(at) == 1
    assert eventually(lambda: not taps(at) and not on(at), PATIENCE)
    before = looked_at(at)
    flood(at, count=1000)
    assert looked_at(at) == before


def test_it_goes_on_over_a_restart_of_the_front(at: Scene) -> None:
    with capturing(at, "--reason", "answered") as process:
        at.front.stop(signal.SIGTERM, PATIENCE)
        flood(at, "syn", 100)
        assert eventually(partial(saw, process, 100), PATIENCE)
        with front(at.net.outside, at.file):
            assert eventually(lambda: taps(at) == 1, PATIENCE)
            flood(at, "syn", 100)
            assert eventually(partial(saw, process, 200), PATIENCE)


def test_several_at_once_and_not_too_many(at: Scene) -> None:
    with (
        capturing(at, "--reason", "answered") as one,
        capturing(at, "-i", at.net.outside.name, "--count", 100) as two,
        capturing(at, "--host", "one") as three,
    ):
        flood(at, "syn", 100)
        for process in (one, two, three):
            assert eventually(partial(saw, process, 100), PATIENCE), process.lines
        assert two.wait(PATIENCE) == 0
        with capturing(at, "--reason", "answered"):
            status, _, told = at.hardtack("capture", "--seconds", "1")
            assert (status, f"{MOST_TAPS - 1} captures or live views are already running on this front" in told) == (1, True)


def test_mistakes_are_told(at: Scene, tmp_path: Path) -> None:
    for options, told in (
        (["--reason", "answer"], "no such reason: answer; there is answered"),
        (["--verdict", "lost"], "no such verdict: lost; there are pass, drop, reply, forward"),
        (["--reason", "answered", "--verdict", "drop"], "no reason matches both --reason and --verdict"),
        (["--host", "none"], 'no front here has a host "none"'),
        (["--filter", "tcp and"], 'expression "tcp and": '),
        (["--sample", "0"], "write a fraction, as 1/1000"),
        (["-w", str(tmp_path / "no" / "file")], "cannot write a capture there: No such file or directory"),
    ):
        status, _, error = at.hardtack("capture", "--seconds", "1", *options)
        assert status == 2 and told in error and "Traceback" not in error, error
