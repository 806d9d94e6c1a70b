"""From a flood's begin to its report, with a real front and honest clients beside the flood."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fronts.running import Value
from fronts.test_reload import Scene, scene
from handshake.counted import counts, pinned
from handshake.stage import PATIENCE, TALK
from kernel_ground import needs_root
from lab_ground import eventually

from hardtack.control.attacks.detector import QUIET
from hardtack.control.attacks.entry import ATTACKS, entries_of
from hardtack.control.report.samples import Samples
from hardtack.lab.addresses import SERVER
from hardtack.lab.clients import server_socket
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Kind, Target
from hardtack.pcap.libpcap import compile

pytestmark = needs_root

TTL = 243  # no client of the lab has it
RATE = 20_000
CALM = Samples.QUARANTINE + 6  # s of honest traffic, so that some of it is believed
NEAR = 0.05
# MemoryDenyWriteExecute: prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), Linux 6.3; before it, nothing is refused
NO_NEW_CODE = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])"


@dataclass
class Ground:
    """A front, and where it keeps its reports."""

    at: Scene
    folder: Path

    def ask(self, seconds: float = 0) -> None:
        """Honest requests for so long, all of which are served."""
        end = time.monotonic() + seconds
        while True:
            for address in SERVER:
                assert server_socket(self.at.net.client, address, TALK, timeout=PATIENCE)
            if time.monotonic() >= end:
                return

    def end_quiet(self) -> None:
        """As if a minute had gone by without a sign of the attack."""

        def over() -> bool:
            with pinned(self.at.net.outside, ATTACKS) as table:
                entry = entries_of(table)[1:2]
                entry["seen"] -= QUIET
                return not entry["since"][0]

        assert eventually(over, PATIENCE)

    def report(self, *options: str) -> tuple[int, str, str]:
        """`hardtack report`."""
        return self.at.hardtack("report", *options)

    def flooded(self, kind: Kind, version: int) -> dict[str, Any]:
        """A flood with one TTL, and what is said of it while it goes on."""
        net = self.at.net
        target = Target(SERVER[version == 6], TALK, net.near.mac, net.outside.mac, TTL)
        with flooding(net.near, target, kind=kind, seconds=PATIENCE, rate=RATE) as flood:
            while not any("under-attack" in line for line in self.at.front.lines[self.at.since :]):
                self.ask()
            self.at.waits_for("under-attack")
            self.ask(3)
            status, told, said = self.report("--now", "--json", "--host", "one")
            assert status == 0, said
            flood.stop()
        self.end_quiet()
        found = json.loads(told)
        assert isinstance(found, dict)
        return found


def without_new_code(command: list[object]) -> list[object]:
    """As the unit has it: nothing in memory becomes executable, as machine code made by LLVM would have to."""
    return [sys.executable, "-c", NO_NEW_CODE, *command]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One host, always protected; some calm first."""
    folder = tmp_path_factory.mktemp("reports")
    before, os.environ["STATE_DIRECTORY"] = os.environ["STATE_DIRECTORY"], str(folder / "state")
    host: dict[str, Value] = {"name": "one", "addresses": SERVER, "via": "direct", "ports": [TALK]}
    try:
        with scene(folder, host, wrapped=without_new_code, reload="manual") as made:
            ground = Ground(made, folder / "state/reports")
            assert ground.report()[0] == 1
            assert "no report in" in ground.report()[2] and "hardtack report --now" in ground.report()[2]
            assert "no host is under attack" in ground.report("--now")[2]
            ground.ask(CALM)
            yield ground
    finally:
        os.environ["STATE_DIRECTORY"] = before


@pytest.mark.parametrize(("kind", "version", "wanted"), [("syn", 4, "ip[8] = 243"), ("ack", 6, "ip6[7] = 243")])
def test_a_flood_is_reported_with_the_rule_that_would_drop_it(ground: Ground, kind: Kind, version: int, wanted: str) -> None:
    so_far = ground.flooded(kind, version)
    line = ground.at.waits_for("report host=one ")
    file = Path(line.rpartition("file=")[2])
    status, told, _ = ground.report("--json", "--host", "one")
    assert status == 0
    kept = json.loads(told)
    for one in (so_far, kept):
        (best, *_) = one["rules"]
        assert wanted in best["rule"], one["rules"]
        assert abs(best["attack"] - true_share(one)) <= NEAR
        assert best["ordinary"] == 0, "no client has it"
        assert one["samples"]["attack"] > 200 and one["samples"]["ordinary"] > 100
        assert one["host"] == "one" and one["changed"] is False
        compile(best["rule"].removeprefix("drop "))
    assert so_far["ended"] is None and kept["ended"]
    assert kept["kinds"][0]["kind"] == {"syn": "SYN", "ack": "ACK"}[kind]
    reasons = kept["traffic"]["by_reason"]
    assert reasons[{"syn": "answered", "ack": "stray_ack"}[kind]]["frames"] > RATE
    assert 0 < kept["traffic"]["frames"] <= sum(counts(ground.at.net.outside).values())
    assert kept["traffic"]["peak_frames_per_second"] >= kept["traffic"]["mean_frames_per_second"] > 0
    page = file.read_text()
    assert ground.report()[1] == ground.report(file.name)[1] == ground.report(str(file))[1] == page
    assert len(page.splitlines()) <= 60 and max(map(len, page.splitlines())) <= 80
    assert wanted in page and "Nothing was changed." in page and "dry drop" in page
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o770
    assert file.with_suffix(".json").name in ground.report("--list")[1]


def true_share(facts: dict[str, Any]) -> float:
    """Of the frames that are no known connection's, what is no honest SYN: for each of these a cookie came back."""
    frames, reasons = facts["traffic"]["frames"], facts["traffic"]["by_reason"]
    honest = reasons["remembered"]["frames"]
    return float((frames - honest) / frames)


def test_a_front_goes_on_when_a_report_fails(ground: Ground) -> None:
    """The child is killed while it computes; the front says so, and nothing else happens."""
    net = ground.at.net
    with flooding(net.near, Target(SERVER[0], TALK, net.near.mac, net.outside.mac), seconds=PATIENCE, rate=RATE) as flood:
        ground.at.waits_for("under-attack")
        flood.stop()
    ground.folder.rename(ground.folder.with_name("away"))
    ground.folder.with_name("away").chmod(0o500)
    before = sorted(ground.folder.with_name("away").iterdir())
    helper = children(ground.at.front.pid)
    ground.end_quiet()

    def killed() -> bool:
        for pid in {*children(ground.at.front.pid)} - {*helper}:
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    assert eventually(killed, PATIENCE)
    assert "report-failed" in ground.at.waits_for("report-failed")
    assert sorted(ground.folder.with_name("away").iterdir()) == before
    ground.ask()


def children(pid: int) -> list[int]:
    """Its children."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--now", "--list"], 2, "not together with FILE or --list"),
        (["none.json"], 1, "cannot read this report: No such file or directory; hardtack report --list"),
        (["--host", "two", "--list"], 1, 'no report on host "two"'),
        (["--now", "--host", "two"], 1, 'host "two" is not under attack'),
        (["/proc/self/status"], 1, "no report, or a damaged one: it is no JSON"),
    ],
)
def test_mistakes_are_told(ground: Ground, options: list[str], status: int, told: str) -> None:
    done = ground.report(*options)
    assert done[0] == status and told in done[2] and "Traceback" not in done[2], done
