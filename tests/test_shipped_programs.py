"""The programs as they ship: what they cost the verifier, and the clock they really read."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from engines_under_test import SIZES, XDP_ACTIONS, write
from kernel_ground import needs_root, one_cpu
from naive import world
from naive.cookie import EPOCH, epoch, keys
from naive.decide import decide
from naive.forward import Action
from naive.frames import LINUX, IPv6, Tcp, frame
from naive.moment import Moment
from naive.world import MASTER
from tables_under_test import updates

from hardtack.compiler import objects
from hardtack.compiler.program import Source
from hardtack.kernel.datapath import Datapath
from hardtack.lab import programs
from hardtack.packet.entries import ONLY, clock_entry, keys_entry
from hardtack.packet.programs import FRONT, SHIPPED
from hardtack.packet.reasons import Reason

pytestmark = needs_root
BUDGET = 400_000  # instructions that the verifier may walk, of the million that it allows: docs/packet-programs.md
RULED = 600_000  # the same of those behind rule programs
PATIENCE = 60.0  # s
COARSE = 20  # ms by which the kernel's coarse clock may lag: two ticks of the slowest kernels
NS = 1_000_000  # in a millisecond
SYNS = [frame(tcp=Tcp(options=LINUX)), frame(IPv6(), Tcp(destination_port=80, options=LINUX))]
LAB = [source for source in vars(programs).values() if isinstance(source, Source)]


@pytest.mark.parametrize("source", [*SHIPPED, *LAB], ids=lambda source: source.name)
def test_a_program_verifies_within_its_budget(source: Source) -> None:
    with Datapath(objects.compiled(source)) as datapath:
        assert 0 < datapath.program.verified < (RULED if source.name.endswith("_ruled") else BUDGET)


@pytest.fixture
def front() -> Iterator[Datapath]:
    """`front` with its hosts, but without keys, and with a clock that stands where the kernel's does.

    On one CPU: each has its own idea of the time, and another that had none yet would hide that this one's is old.
    """
    with one_cpu(), Datapath(objects.compiled(FRONT), sizes=SIZES) as datapath:
        write(datapath.tables, (one for one in updates(world.state(keys=[{}])) if one[0] in datapath.tables))
        yield datapath


def counted(front: Datapath, reason: Reason, number: int = 1) -> int:
    """How often a reason was counted for a host."""
    rows = front.tables["counters"].lookup_all(number.to_bytes(4, "little"))
    return sum(memoryview(row).cast("Q")[2 * reason] for row in rows)


def set_clock(front: Datapath, ahead_ms: int = 0) -> None:
    """As the control plane does, but for a clock that is ahead of this machine's."""
    offset = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    front.tables["clock"].update(ONLY, clock_entry(offset + ahead_ms * NS))


def set_keys(front: Datapath, ahead_ms: int = 0) -> dict[int, bytes]:
    """Keys for the epochs around a moment."""
    now = epoch(time.time_ns() // NS + ahead_ms)
    schedule = keys(MASTER, range(now - 2, now + 3))
    front.tables["keys"].update(ONLY, keys_entry(schedule.items()))
    return schedule


def answers(front: Datapath, syn: bytes, schedule: dict[int, bytes], ahead_ms: int) -> bool:
    """Whether the answer is the twin's for one of the moments that the run may have happened at."""
    before = time.time_ns() // NS
    ran = front.program.test_run(syn)
    after = time.time_ns() // NS
    moments = range(before - COARSE + ahead_ms, after + 1 + ahead_ms)
    expected = {decide(world.state(keys=[schedule]), syn, Moment(moment, moment)).frame for moment in moments}
    return XDP_ACTIONS[ran.verdict] == Action.back and ran.frame in expected


def comes_true(front: Datapath, syn: bytes, schedule: dict[int, bytes], ahead_ms: int) -> bool:
    """Whether it answers so before long: each CPU looks at the tables once a tick."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if answers(front, syn, schedule, ahead_ms):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("syn", SYNS, ids=["IPv4", "IPv6"])
def test_the_cookie_is_of_the_time_it_is(front: Datapath, syn: bytes) -> None:
    set_clock(front)
    schedule = set_keys(front)
    assert comes_true(front, syn, schedule, 0)


@pytest.mark.parametrize("ahead_ms", [EPOCH, -EPOCH, 3_600_000, 400 * 86_400_000])
def test_a_clock_that_is_set_and_new_keys_are_heeded(front: Datapath, ahead_ms: int) -> None:
    set_clock(front)
    assert comes_true(front, SYNS[0], set_keys(front), 0)
    set_clock(front, ahead_ms)
    assert comes_true(front, SYNS[0], set_keys(front, ahead_ms), ahead_ms)


def test_without_keys_it_leaves_a_syn_to_the_kernel(front: Datapath) -> None:
    set_clock(front)
    front.tables["keys"].update(ONLY, keys_entry([]))
    ran = front.program.test_run(SYNS[0])
    assert (XDP_ACTIONS[ran.verdict], ran.frame) == (Action.kernel, SYNS[0])
    assert counted(front, Reason.no_key) == 1
    assert comes_true(front, SYNS[0], set_keys(front), 0)
