"""The table of hand-written frames, through both compilations of the front: same verdict, same reason, same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines_under_test import PLENTY, SHORTEST, Ebpf, Native, Outcome, ebpf
from frame_table import ROWS
from kernel_ground import needs_root
from naive import decide
from rows.row import Row

UNLIMITED = decide.PLENTY  # the room of a row that says nothing of it
FOR_THE_KERNEL = [row for row in ROWS if len(row.frame) >= SHORTEST and row.room == UNLIMITED]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Ebpf]:
    with ebpf() as engine:
        yield engine


@pytest.fixture(scope="module")
def native() -> Native:
    return Native()


def expected(row: Row) -> str:
    """The row's right-hand side, as an outcome is shown."""
    return str(Outcome(row.verdict, row.reason, row.expected))


@needs_root
@pytest.mark.parametrize("row", FOR_THE_KERNEL, ids=lambda row: row.description)
def test_ebpf_agrees_with_the_table(kernel: Ebpf, row: Row) -> None:
    assert str(kernel.run(row.frame, row.now_ms)) == expected(row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.description)
def test_native_code_agrees_with_the_table(native: Native, row: Row) -> None:
    assert str(native.run(row.frame, row.now_ms, min(row.room, PLENTY))) == expected(row)


def test_the_kernel_is_spared_only_what_it_cannot_be_asked() -> None:
    """Frames it takes for none, and frames without room, which only the native engine can be short of."""
    assert {row.description for row in ROWS} - {row.description for row in FOR_THE_KERNEL} == {
        "nothing at all",
        "13 bytes: half an Ethernet type",
        "no room to grow: 54 bytes in, 58 out",
        "room for just the 4 bytes it takes",
        "a frame that need not grow needs no room",
    }


def test_the_table_reaches_every_reason_in_the_kernel_but_no_room() -> None:
    missed = decide.REASONS - {row.reason for row in FOR_THE_KERNEL}
    assert {reason.name for reason in missed} == {"no_room"}
