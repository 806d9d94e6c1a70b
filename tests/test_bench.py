"""The bench runs end to end, its numbers add up, and its statistics are right. Nothing here is judged by time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab_ground import needs_root
from naive import checksum
from naive.parse import Segment, parse

from hardtack.compiler.objects import compiled
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.statistics import Runs
from hardtack.lab import programs
from hardtack.lab.bench import frames, kinds
from hardtack.lab.bench.contestants import Contestant
from hardtack.lab.bench.figures import figures, quartile, steps
from hardtack.lab.bench.forged import forged
from hardtack.lab.bench.goals import goals
from hardtack.lab.bench.ground import Slice
from hardtack.lab.bench.kinds import Kind
from hardtack.lab.bench.reload import Reload
from hardtack.lab.bench.rounds import Entry, Sample, Samples, entries, in_turn
from hardtack.lab.bench.sizes import Memory
from hardtack.lab.bench.start import Start
from hardtack.lab.packets.crowd import connections
from hardtack.lab.packets.recipe import KEY, LINUX_OPTIONS, SPARE
from hardtack.packet.programs import SHIPPED

ROOT = Path(__file__).parents[1]
STRAY = 100  # frames of the kernel's own (neighbour discovery and the like) that may be among those counted in all slices
NO_RUNS = Runs(0, 0)
SYNS, ACKS, KNOWN = (
    {"drop", "mirror", "hardtack", "hardtack-empty"},
    {"drop", "mirror", "hardtack", "hardtack-empty"},
    {"mirror", "straight", "hardtack"},
)
LINUX = {"cookies", "cookies-full", "synproxy"}
STEPS = ["mirror", "touched", "parsed", "host_found", "segment_read", "dated", "looked_up", "judged_so_far"]
COOKIE = ["options_read", "hashed"]
NO_START = Start(0, 0, 0, 0, 0, 0, 0)


def entry(name: str, kind: Kind = kinds.IPV4) -> Entry:
    """One that is never played."""
    return Entry(Contestant(name, name, (kind,), lambda: 0), kind)


def sample(nanoseconds: int, received: int = 100, runs: Runs = NO_RUNS) -> Sample:
    """A slice that took so long."""
    return Sample(Slice(received + 5, 5, received, received, 0, nanoseconds, 0, 1.0), received, runs)


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that halves its speed for one round changes no ratio."""
    mirror, ours = entry("mirror"), entry("hardtack")
    played = {mirror: [sample(n) for n in (10_000, 10_000, 20_000)], ours: [sample(n) for n in (15_000, 16_000, 30_000)]}
    _, figure = figures(played)
    assert (figure.median, figure.least, figure.ratio, figure.more) == (160, 150, 1.5, 60)
    assert (figure.sent, figure.lost, figure.received, figure.done) == (315, 15, 300, 300)
    assert figure.quiet_ratio == pytest.approx(1.55)


def test_steps_are_differences_without_the_clock() -> None:
    played = {
        entry(name): [sample(0, runs=Runs(total, 10))] for name, total in (("drop", 400), ("mirror", 450), ("parsed", 600))
    }
    mirror, parsed = steps(played, {("parsed", "ipv4"): 12})
    assert (mirror.quiet, mirror.quiet_total, mirror.alone) == (5, 5, None)
    assert (parsed.quiet, parsed.quiet_total, parsed.alone, parsed.alone_total) == (15, 20, 12, 12)


def test_a_forged_ack_is_held_against_its_parts() -> None:
    """An XDP drop in the same round, and one SipHash."""
    drop, ours = entry("drop", kinds.ACK_4), entry("hardtack", kinds.ACK_4)
    (found,) = forged({drop: [sample(7_000), sample(9_000)], ours: [sample(15_000), sample(22_000)]}, {4: 30.0})
    assert (found.cost, found.drop, found.siphash) == (185, 80, 30)
    assert found.ratio == pytest.approx((150 / 100 + 220 / 120) / 2)
    assert found.quiet == pytest.approx(167.5 / 105)


def test_goals_are_of_every_number_of_connections_but_not_of_trains() -> None:
    played: Samples = {}
    for kind in (*kinds.KNOWN, *kinds.TRAINS):
        played |= {entry("mirror", kind): [sample(10_000)], entry("hardtack", kind): [sample(15_000 + kind.crowd // 100)]}
    asked = goals(played, [], Memory(100, 15_000, 1_100, 161.0), [], NO_START, Reload(*[0] * 10))
    sent_on = [goal for goal in asked if goal.limit == 1.6]
    assert [goal.measured for goal in sent_on] == pytest.approx([1.5, 1.6, 2.5] * 2)
    assert [goal.met for goal in sent_on] == [True, True, False] * 2
    assert [goal.met for goal in asked if "memory" in goal.text] == [False]


def test_quartiles() -> None:
    assert [quartile([4, 1, 3, 2, 5], number) for number in (1, 2, 3)] == [2, 3, 4]
    assert quartile([7], 1) == 7


def test_everybody_plays_once_a_round_and_not_always_at_the_same_place() -> None:
    field = entries([Contestant(name, name, kinds.ALL, lambda: 0) for name in ("a", "b", "c")])
    rounds = [list(in_turn(field, 3))[start : start + len(field)] for start in range(0, 3 * len(field), len(field))]
    assert all(set(one) == set(field) for one in rounds)
    assert len({one[0] for one in rounds}) == 3


@pytest.mark.parametrize("version", [4, 6])
def test_single_frames_are_what_the_flood_sends(version: int) -> None:
    """But for the random fields and checksums, which the flood's own program writes."""
    kind = kinds.IPV4 if version == 4 else kinds.IPV6
    flooded = kind.frame(kind.target(frames.MACS[6:], frames.MACS[:6]))[:-SPARE]
    single = frames.segment(version, LINUX_OPTIONS)
    differing = {at for at in range(len(flooded)) if flooded[at] != single[at]}
    random = {*range(24, 30), 34, 35, *range(38, 42)} if version == 4 else {*range(22, 38), 54, 55, *range(58, 62)}
    assert len(flooded) == len(single)
    assert differing <= random


def ends(segment: Segment) -> bytes:
    """Addresses and ports as they lie in a record of the connection table."""
    both = (
        bytes(10) + b"\xff\xff" + end if len(end) == 4 else end
        for end in (segment.packet.source, segment.packet.destination)
    )
    return b"".join(both) + segment.source_port.to_bytes(2, "big") + segment.destination_port.to_bytes(2, "big")


def intact(segment: Segment) -> bool:
    """Whether the checksums are right."""
    packet = segment.packet
    tcp = packet.transport[: packet.room]
    pseudo = packet.source + packet.destination + len(tcp).to_bytes(4, "big") + b"\0\0\0\6"
    return checksum.holds(pseudo + tcp) and (packet.version == 6 or checksum.holds(packet.header))


@needs_root
@pytest.mark.parametrize("version", [4, 6])
def test_segments_are_of_connections_that_the_front_is_told_of(version: int) -> None:
    kind = Kind("crowd", "", version, "known", crowd=300_000, train=2)
    target = kind.target(frames.MACS[6:], frames.MACS[:6])
    rows = connections(target, 2, kind.crowd)
    known = {row.tobytes() for row in rows.view("u1").reshape(kind.crowd, -1)[:, :36]}
    assert len(known) == kind.crowd
    with Datapath(compiled(programs.SEGMENTS)) as generator:
        generator.tables["crowd"].update(KEY, kind.order(target))
        sent = [parse(generator.program.test_run(kind.frame(target)).frame) for _ in range(400)]
    segments = [one for one in sent if isinstance(one, Segment)]
    assert len(segments) == 400
    assert all(intact(segment) for segment in segments)
    named = [ends(segment) for segment in segments]
    assert named[::2] == named[1::2]
    assert len(set(named)) > 190
    assert set(named) <= known
    single = parse(frames.known(version))
    assert isinstance(single, Segment) and ends(single) in known


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What `hardtack bench --quick --json` printed, and the folder it wrote to."""
    out = tmp_path_factory.mktemp("bench") / "out"
    command = [sys.executable, "-m", "hardtack", "bench", "--quick", "--json", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), out


@needs_root
def test_everything_is_there(ran: tuple[dict[str, Any], Path]) -> None:
    found, out = ran
    assert json.loads((out / "bench.json").read_text()) == found
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (out / "bench.svg").read_text()
    assert {"date", "kernel", "processor", "load_before", "load_after", "stolen"} <= found["machine"].keys()
    by_kind = {kind.name: {one["contestant"] for one in found["figures"] if one["kind"] == kind.name} for kind in kinds.ALL}
    linux = LINUX - {"synproxy"} if any("SYNPROXY" in line for line in found["absent"]) else LINUX
    expected = {kind.name: SYNS | (linux if kind.options == "linux" else set()) for kind in kinds.SYNS}
    expected |= {kind.name: ACKS for kind in kinds.ACKS}
    expected |= {kind.name: KNOWN for kind in (*kinds.KNOWN, *kinds.EVERY, *kinds.TRAINS)}
    assert by_kind == expected
    for kind in kinds.STEPPED:
        taken = [*STEPS, *(COOKIE if kind.sends != "known" else ()), "hardtack"]
        assert [step["name"] for step in found["steps"] if step["kind"] == kind.name] == taken
    assert {one["part"] for one in found["alone"]} == {"whole", "options", "parse", "hash"}
    assert len(found["forged"]) == 4 and all(one["siphash"] > 0 for one in found["forged"])
    assert [size["program"] for size in found["sizes"]] == [source.name for source in SHIPPED]
    assert all(isinstance(goal["met"], bool) for goal in found["goals"])
    assert found["memory"]["connections"] == 1_000_000
    assert 64 < found["memory"]["each"] <= 160
    assert found["start"]["tables"] > 0
    assert found["start"]["resident"] > 0
    assert [(one["hosts"], one["denied"], one["found_one"] > 0) for one in found["scale"]] == [(10_000, 100_000, True)] * 2
    assert all(one["many"] == 10 and one["without"] > 0 for one in found["rules"]) and len(found["rules"]) == 2
    assert len(found["in_memory"]["figures"]) == 6 and all(one["burst"] > 0 for one in found["in_memory"]["figures"])
    kinds_of_change = ("host", "address", "rule", "prefix", "among", "large")
    assert all(found["reload"][kind] > 0 for kind in kinds_of_change) and found["reload"]["frames"] > 0


@needs_root
def test_the_frames_add_up(ran: tuple[dict[str, Any], Path]) -> None:
    for one in ran[0]["figures"]:
        assert one["received"] > 0, one
        assert abs(one["sent"] - one["lost"] - one["received"]) < STRAY, one
        expected = 0 if one["contestant"] == "drop" else one["received"]
        assert abs(one["done"] - expected) < STRAY, one


def test_one_cpu_is_too_few() -> None:
    if os.geteuid() != 0:
        pytest.skip("without root it says so first")
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from hardtack.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", program, "bench", "--quick"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hardtack: the bench sends on one CPU and receives on another, and this machine gives it one\n"
