"""From a flood's begin to its report, with a real front and honest clients beside the flood; each kind of flood."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
from hardtack.control.pinned import key_of
from hardtack.control.report.headers import headers
from hardtack.control.report.samples import Samples
from hardtack.control.report.sampling import SOON
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.capture import capturing
from hardtack.lab.clients import offer, server_socket
from hardtack.lab.flood import Flood, flooding
from hardtack.lab.packets.recipe import Kind, Target
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import COUNTERS
from report.planted import FLOODS, Planted
from report.test_report_rules import truth

pytestmark = needs_root

HOSTS = {"one": SERVER, "two": SECOND}
RATE = 10_000  # frames a second of a flood
CALM = Samples.QUARANTINE + 2 * SOON + 1  # s of honest traffic, so that what was sampled by then is believed
NEAR = 0.05
LOOK = 1.0  # s between two looks of the front's at its tables
# MemoryDenyWriteExecute: prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), Linux 6.3; before it, nothing is refused
NO_NEW_CODE = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])"


@dataclass
class Ground:
    """A front, where it keeps its reports, and what honest clients have sent in calm."""

    at: Scene
    folder: Path
    honest: list[bytes]

    def ask(self, *hosts: str, seconds: float = 0) -> None:
        """Honest requests for so long, all of which are served; clients with timestamps and without, in turn."""
        end = time.monotonic() + seconds
        while True:
            for timestamps in (True, False):
                offer(self.at.net.client, timestamps=timestamps)
                for address in (address for host in hosts or HOSTS for address in HOSTS[host]):
                    assert server_socket(self.at.net.client, address, TALK, timeout=PATIENCE)
            if time.monotonic() >= end:
                return

    @contextmanager
    def flooded(self, host: str, planted: Planted) -> Iterator[Flood]:
        """A flood on its way."""
        net, address = self.at.net, HOSTS[host][planted.version == 6]
        target = Target(address, TALK, net.near.mac, net.outside.mac, planted.marks)
        how: dict[str, Any] = {"kind": planted.kind, "sources": planted.sources, "callers": planted.callers}
        with flooding(net.near, target, seconds=PATIENCE, rate=RATE, **how) as flood:
            yield flood

    def notice(self, host: str) -> None:
        """Wait until the front has noticed an attack; with honest clients beside."""
        end = time.monotonic() + PATIENCE
        while not any(f"under-attack host={host} " in line for line in self.at.front.lines[self.at.since :]):
            assert time.monotonic() < end, "no attack was noticed"
            self.ask(host)
        self.at.waits_for(f"under-attack host={host} ")

    def see(self, host: str, enough: int) -> None:
        """Wait until it has counted so many; likewise."""
        end = time.monotonic() + PATIENCE
        while self.counted(host) < enough:
            assert time.monotonic() < end, "the flood has ended"
            self.ask(host)

    def counted(self, host: str) -> int:
        """Frames to it, ever."""
        with pinned(self.at.net.outside, COUNTERS) as table:
            return sum(frames_of(table.totals(key_of(number_of(host)))))

    def end_quiet(self, host: str) -> None:
        """As if a minute had gone by without a sign of the attack."""
        number = number_of(host)

        def over() -> bool:
            with pinned(self.at.net.outside, ATTACKS) as table:
                entry = entries_of(table)[number : number + 1]
                entry["seen"] -= QUIET
                return not entry["since"][0]

        assert eventually(over, PATIENCE)

    def kept(self) -> list[Path]:
        """The reports that it has told of, oldest first."""
        lines = [line for line in self.at.front.lines if " report host=" in line]
        return [Path(line.rpartition("file=")[2]) for line in lines]

    def report(self, *options: str) -> tuple[int, str, str]:
        """`hardtack report`."""
        return self.at.hardtack("report", *options)


def number_of(host: str) -> int:
    """Hosts have numbers in the order in which they are written."""
    return [*HOSTS].index(host) + 1


def without_new_code(command: list[object]) -> list[object]:
    """As the unit has it: nothing in memory becomes executable, as machine code made by LLVM would have to."""
    return [sys.executable, "-c", NO_NEW_CODE, *command]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Two hosts, always protected; some calm first."""
    folder = tmp_path_factory.mktemp("reports")
    before, os.environ["STATE_DIRECTORY"] = os.environ["STATE_DIRECTORY"], str(folder / "state")
    hosts: list[dict[str, Value]] = [
        {"name": name, "addresses": addresses, "via": "direct", "ports": [TALK]} for name, addresses in HOSTS.items()
    ]
    try:
        with scene(folder, *hosts, wrapped=without_new_code, reload="manual") as made:
            ground = Ground(made, folder / "state/reports", [])
            assert ground.report()[0] == 1
            assert "no report in" in ground.report()[2] and "hardtack report --now" in ground.report()[2]
            assert "no host is under attack" in ground.report("--now")[2]
            with capturing(made.net.near, outgoing=True) as seen:
                ground.ask(seconds=CALM)
            ground.honest += [frame for frame in seen.frames if headers(frame)]
            yield ground
    finally:
        os.environ["STATE_DIRECTORY"] = before


@dataclass
class Told:
    """Of a flood: the report that was kept of it, and how many frames it sent."""

    file: Path
    facts: dict[str, Any]
    sent: int


@pytest.fixture(scope="module")
def so_far() -> list[dict[str, Any]]:
    """What was said of the first flood while it went on."""
    return []


@pytest.fixture(scope="module")
def told(ground: Ground, so_far: list[dict[str, Any]]) -> dict[Kind, Told]:
    """Of all floods, one after the other on the two hosts in turn: the one's attack ends while the next one begins."""
    sent, before = list[int](), ""
    for planted, host in zip(FLOODS, itertools.cycle(HOSTS)):
        with ground.flooded(host, planted) as flood:
            ground.notice(host)
            enough = ground.counted(host) + planted.frames
            if before:  # all that was sampled of it has been taken by now
                ground.end_quiet(before)
            ground.see(host, enough)
            if not so_far:
                status, text, said = ground.report("--now", "--json", "--host", host)
                assert status == 0, said
                so_far.append(json.loads(text))
            flood.stop()
        sent.append(flood.frames)
        before = host
    time.sleep(2 * LOOK)
    ground.end_quiet(before)
    assert eventually(lambda: len(ground.kept()) == len(FLOODS), PATIENCE)
    return {
        planted.kind: Told(file, json.loads(file.with_suffix(".json").read_text()), many)
        for planted, file, many in zip(FLOODS, ground.kept(), sent, strict=True)
    }


@pytest.mark.parametrize("planted", FLOODS, ids=lambda planted: planted.kind)
def test_the_best_rule_names_what_a_flood_has_planted(ground: Ground, told: dict[Kind, Told], planted: Planted) -> None:
    facts = told[planted.kind].facts
    (best, *_) = facts["rules"]
    assert planted.because in best["because"] and planted.rule in best["rule"], facts["rules"]
    share = true_share(facts)
    assert abs(best["attack"] - share) <= NEAR
    expression = best["rule"].removeprefix("drop ")
    assert best["ordinary"] is not None and abs(best["ordinary"] - truth(expression, ground.honest)) <= NEAR
    assert facts["samples"]["attack"] > 150
    honest = {"SYN": 1 - share}  # nobody can tell them apart before they have come back
    for one in facts["kinds"]:
        wanted = planted.kinds.get(one["kind"], 0) * share + honest.get(one["kind"], 0)
        assert abs(one["share"] - wanted) <= NEAR, facts["kinds"]
    assert facts["kinds"][0]["kind"] in planted.kinds
    assert 0 < facts["traffic"]["frames"] * share <= told[planted.kind].sent


def true_share(facts: dict[str, Any]) -> float:
    """Of the frames that are no known connection's, what is no honest SYN: for each of these a cookie came back."""
    frames, reasons = facts["traffic"]["frames"], facts["traffic"]["by_reason"]
    return float((frames - reasons["remembered"]["frames"]) / frames)


def test_a_report_is_a_page_and_facts(ground: Ground, told: dict[Kind, Told], so_far: list[dict[str, Any]]) -> None:
    first, last = told[FLOODS[0].kind], told[FLOODS[-1].kind]
    (early,) = so_far
    for one in (early, first.facts):
        assert FLOODS[0].rule in one["rules"][0]["rule"]
        assert one["host"] == "one" and one["changed"] is False
    assert early["ended"] is None and first.facts["ended"]
    assert first.facts["traffic"]["by_reason"]["answered"]["frames"] > FLOODS[0].frames / 2
    traffic = early["traffic"]
    assert 0 < traffic["frames"] <= first.facts["traffic"]["frames"] <= sum(counts(ground.at.net.outside).values())
    assert traffic["peak_frames_per_second"] >= traffic["mean_frames_per_second"] > 0
    page = last.file.read_text()
    assert ground.report()[1] == ground.report(last.file.name)[1] == ground.report(str(last.file))[1] == page
    assert last.facts.items() <= json.loads(ground.report("--json", "--host", last.facts["host"])[1]).items()
    assert len(page.splitlines()) <= 60 and max(map(len, page.splitlines())) <= 80
    assert FLOODS[-1].rule in page and "Nothing was changed." in page and "dry drop" in page
    assert stat.S_IMODE(last.file.stat().st_mode) == 0o600 and stat.S_IMODE(last.file.parent.stat().st_mode) == 0o770
    listed = ground.report("--list")[1]
    assert all(one.file.with_suffix(".json").name in listed for one in told.values())


def test_a_front_goes_on_when_a_report_fails(ground: Ground) -> None:
    """The child is killed while it computes; the front says so, and nothing else happens."""
    net = ground.at.net
    with flooding(net.near, Target(SERVER[0], TALK, net.near.mac, net.outside.mac), seconds=PATIENCE, rate=RATE) as flood:
        ground.notice("one")
        flood.stop()
    ground.folder.rename(ground.folder.with_name("away"))
    ground.folder.with_name("away").chmod(0o500)
    before = sorted(ground.folder.with_name("away").iterdir())
    helper = children(ground.at.front.pid)
    ground.end_quiet("one")

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
        (["none.json"], 1, "cannot read this report: No such file or directory; see hardtack report --list"),
        (["--host", "six", "--list"], 1, 'no report on host "six"'),
        (["--now", "--host", "six"], 1, 'host "six" is not under attack'),
        (["/proc/self/status"], 1, "not a report, or damaged: it is not JSON"),
    ],
)
def test_mistakes_are_told(ground: Ground, options: list[str], status: int, told: str) -> None:
    done = ground.report(*options)
    assert done[0] == status and told in done[2] and "Traceback" not in done[2], done
