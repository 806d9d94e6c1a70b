"""The table of hand-written frames, through both compilations: same reason, bytes, counter and connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bursts_under_test import Bursts
from engines_under_test import PLENTY, SHORTEST, Ebpf, Native, Outcome, Twin, ebpf
from frame_table import ROWS
from kernel_ground import needs_root
from naive import world
from naive.decide import REASONS
from naive.state import PLENTY as UNLIMITED  # the room of a row that says nothing of it
from rows.row import Row
from tables_under_test import in_words, sources_in_words
from workers_under_test import Rings

LEAVING = ("leaving", "looped")  # seen by a program that is none but the kernel's
FOR_NATIVE_CODE = [row for row in ROWS if row.side not in LEAVING]
FOR_THE_KERNEL = [row for row in ROWS if len(row.frame) >= SHORTEST and row.room == UNLIMITED]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Ebpf]:
    with ebpf() as engine:
        yield engine


@pytest.fixture(scope="module", params=[Native, Bursts, Rings], ids=["alone", "in a burst", "by a worker"])
def native(request: pytest.FixtureRequest) -> Iterator[Native]:
    made: Native = request.param()
    yield made
    made.close()


def expected(row: Row, twin: Twin) -> Outcome:
    """The row's right-hand side, with what the row leaves to the twin: which host it counts for, and where it goes."""
    thought = twin.run(row.frame, row.now_ms, row.side, min(row.room, PLENTY))
    number = thought.number if row.number is None else row.number
    return Outcome(row.reason, number, row.expected, row.action or thought.action)


def prepared(engine: Ebpf | Native, row: Row) -> Twin:
    """The engine and a twin, both as the row wants them before its frame."""
    twin = Twin(world.state(**row.policy))
    engine.forget()
    engine.set_policy(twin.state)
    for given in row.before:
        assert str(engine.run(given, row.now_ms)) == str(twin.run(given, row.now_ms))
    for given in row.heard:
        assert str(engine.run(given, row.now_ms, "inside")) == str(twin.run(given, row.now_ms, "inside"))
    return twin


@needs_root
@pytest.mark.parametrize("row", FOR_THE_KERNEL, ids=lambda row: row.description)
def test_ebpf_agrees_with_the_table(kernel: Ebpf, row: Row) -> None:
    twin = prepared(kernel, row)
    outcome, wanted = kernel.run(row.frame, row.now_ms, row.side), expected(row, twin)
    assert str(outcome) == str(wanted)
    assert outcome.action == wanted.action
    assert (kernel.known(), kernel.noted()) == (in_words(twin.state), twin.state.noted)
    assert kernel.proven() == sources_in_words(twin.state)


@pytest.mark.parametrize("row", FOR_NATIVE_CODE, ids=lambda row: row.description)
def test_native_code_agrees_with_the_table(native: Native, row: Row) -> None:
    twin = prepared(native, row)
    outcome, wanted = native.run(row.frame, row.now_ms, row.side, min(row.room, PLENTY)), expected(row, twin)
    assert str(outcome) == str(wanted)
    assert outcome.action in (None, wanted.action)
    assert (native.known(), native.noted()) == (in_words(twin.state), twin.state.noted)
    assert native.proven() == sources_in_words(twin.state)


def test_the_kernel_is_spared_only_what_it_cannot_be_asked() -> None:
    """Frames it takes for none, and frames without room, which only the native engine can be short of."""
    assert {row.description for row in ROWS} - {row.description for row in FOR_THE_KERNEL} == {
        "nothing at all",
        "13 bytes: half an Ethernet type",
        "no room to grow: 54 bytes in, 58 out",
        "challenge: it needs no room",
        "room for just the 4 bytes it takes",
        "a frame that need not grow needs no room",
        "no room for a tag: the kernel's, as it came",
        "no room for a tag, routed: the kernel's, with all its hops",
    }


def test_the_table_reaches_every_reason_in_the_kernel_but_no_room() -> None:
    missed = REASONS - {row.reason for row in FOR_THE_KERNEL}
    assert {reason.name for reason in missed} == {"no_room"}
