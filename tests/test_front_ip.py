"""The front's programs at tcx, on the table of hand-written frames: they judge as those at XDP do, and send nothing on.

BPF_PROG_TEST_RUN gives them frames with an Ethernet header. Without: tests/handshake/test_front_without_ethernet.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines_under_test import Ebpf, Twin, ebpf
from frame_table import ROWS
from kernel_ground import needs_root
from naive import world
from naive.forward import Action
from naive.frames import packed
from naive.state import PLENTY, mapped
from rows.row import Row
from test_agent_program import taken

from hardtack.packet.programs import FRONT_IP, INSIDE_IP
from hardtack.packet.reasons import Verdict

pytestmark = needs_root
SHOWN = {Verdict.DROP: Action.drop, Verdict.REPLY: Action.back}  # all else is the kernel's
ASKED = [row for row in ROWS if row.side in ("outside", "inside") and row.room == PLENTY and taken(row.frame)]


@pytest.fixture(scope="module")
def engine() -> Iterator[Ebpf]:
    with ebpf(outside=FRONT_IP, inside=INSIDE_IP) as made:
        yield made


@pytest.mark.parametrize("row", ASKED, ids=lambda row: row.description)
def test_it_judges_as_the_program_at_xdp_does(engine: Ebpf, row: Row) -> None:
    twin = Twin(world.state(**row.policy))
    engine.forget()
    engine.set_policy(twin.state)
    for judge in (engine, twin):
        for given in row.before:
            judge.run(given, row.now_ms)
        for given in row.heard:
            judge.run(given, row.now_ms, "inside")
    outcome, thought = engine.run(row.frame, row.now_ms, row.side), twin.run(row.frame, row.now_ms, row.side)
    assert (outcome.reason, outcome.number) == (thought.reason, thought.number)
    dry = thought.number == world.HOSTS[mapped(packed(world.DRY))].number  # where nothing is dropped or answered
    assert outcome.action == (Action.kernel if dry else SHOWN.get(outcome.verdict, Action.kernel))
    assert outcome.frame.hex() == (thought.frame if outcome.verdict == Verdict.REPLY and not dry else row.frame).hex()
