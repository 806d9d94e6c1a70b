"""No access to memory is wrong: checked before it is made, and between pages that nobody may touch. On the whole corpus."""

from __future__ import annotations

import signal
import struct
from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
import transcripts
from captures.guarded import ends, walled
from checked_under_test import Checked, CheckedAlone, CheckedRings, Walled, WalledAlone, WalledProgram
from engines_under_test import PLENTY, Native
from naive import world
from parts.wrong import DONE, LINES, WAYS
from strategies import Event
from test_bursts import several
from test_front_frames import FOR_NATIVE_CODE, expected, prepared
from test_front_generated import BOOTED, state
from transcripts.playing import Player
from transcripts.reading import conversations

from hardtack.compiler.checked import CheckedProgram, OutOfBounds
from hardtack.compiler.program import Source
from hardtack.packet.burst_records import MOST_TOGETHER
from hardtack.packet.layout import NETS, POLICY

WRONG = Source("wrong", "parts.wrong:wrong", "xdp", (POLICY, NETS), clock="table")
FRAME, ENTRIES = 32, 3  # bytes of its frame; nets
CONVERSATIONS = [*conversations(Path(transcripts.__file__).parent)]
WAYS_OF_PLAYING = [(4, True), (6, False)]


def all_rows(engine: Native) -> None:
    """Each row comes out as it is written."""
    for row in FOR_NATIVE_CODE:
        twin = prepared(engine, row)
        outcome = engine.run(row.frame, row.now_ms, row.side, min(row.room, PLENTY))
        assert str(outcome) == str(expected(row, twin)), row.description


def all_conversations(engine: Native) -> None:
    """So does each conversation."""
    for conversation in CONVERSATIONS:
        for version, timestamps in WAYS_OF_PLAYING:
            Player(engine, version, timestamps).play(conversation)


@pytest.fixture(scope="module")
def generated() -> list[list[Event]]:
    """Bursts of 1 to 64 frames: anything there could be, and traffic."""
    return [*islice(several(Random(12)), 2 * MOST_TOGETHER)]


@pytest.mark.parametrize("kind", [Checked, CheckedAlone, CheckedRings], ids=["in a burst", "alone", "by a worker"])
def test_rows_and_conversations_touch_nothing_else(kind: type[Native]) -> None:
    engine = kind(world.state())
    all_rows(engine)
    all_conversations(engine)
    engine.close()


def test_generated_frames_touch_nothing_else(generated: list[list[Event]]) -> None:
    """And come to the same in bursts as alone."""
    alone, bursts, clock = CheckedAlone(state()), Checked(state()), count(BOOTED, 3)
    for events in generated:
        now_ms, ms = events[0].now_ms, next(clock)
        single = [alone.run(event.frame, now_ms, ms=ms) for event in events]
        assert [(one.reason, one.frame) for one in single] == bursts.together([one.frame for one in events], now_ms, ms=ms)


def test_nothing_is_touched_behind_tables_and_frames(generated: list[list[Event]]) -> None:
    """In a process of its own, which a wrong access would kill. Frames also without any room: they end with a page."""

    def all_of_them() -> None:
        alone, bursts, clock = WalledAlone(world.state()), Walled(world.state()), count(BOOTED, 3)
        all_conversations(bursts)
        for engine in (alone, bursts):
            for row in FOR_NATIVE_CODE:
                prepared(engine, row)
                engine.run(row.frame, row.now_ms, row.side, 0)
        for events in generated:
            now_ms, ms = events[0].now_ms, next(clock)
            single = [alone.run(event.frame, now_ms, room=0, ms=ms).reason for event in events]
            found = bursts.together([event.frame for event in events], now_ms, ms=ms, room=0)
            assert len(single) == len(found)

    assert ends(all_of_them, expected=False) == 0


def test_a_page_ends_where_a_frame_and_a_table_end() -> None:
    """A wrong program dies of it: what the test above asserts can fail."""
    for further, status in ((FRAME - 1, 0), (FRAME, signal.SIGSEGV)):
        assert ends(partial(WalledProgram(WRONG, tables()).run, asked("frame", further), 0)) == status
    for further, status in ((POLICY.value_size - 1, 0), (POLICY.value_size, signal.SIGSEGV)):
        assert ends(partial(WalledProgram(WRONG, tables()).run, asked("table", further))) == status


@pytest.fixture(scope="module")
def program() -> CheckedProgram:
    return CheckedProgram(WRONG, tables())


@pytest.mark.parametrize(
    ("way", "right", "wrong"),
    [
        ("frame", (0, FRAME - 1), (-1, FRAME)),
        ("frame written", (0, FRAME - 1), (-1, FRAME)),
        ("by number", (0, FRAME - 1), (-1, FRAME, 1 << 40)),
        ("table", (0, POLICY.value_size - 1), (-1, POLICY.value_size, 1 << 40)),
        ("table written", (0, POLICY.value_size - 1), (-1, POLICY.value_size)),
        ("entry", (0, ENTRIES - 1), (-1, ENTRIES)),
        ("stack", (0, 16), (17,)),
        ("copied", (0, 16), (17,)),
        ("exchanged", (0, POLICY.value_size - 8), (-1, POLICY.value_size - 7)),
        ("set", (0, POLICY.value_size - 8), (-1, POLICY.value_size - 7)),
    ],
)
def test_one_byte_too_far_is_found(
    program: CheckedProgram, way: str, right: tuple[int, ...], wrong: tuple[int, ...]
) -> None:
    for further in right:
        assert program.run(asked(way, further))[0] == DONE
    for further in wrong:
        with pytest.raises(OutOfBounds, match=rf"^wrong\.py:{LINES[way]}: (reads|writes) \d+ bytes at 0x"):
            program.run(asked(way, further))
    assert program.run(asked(way, 0))[0] == DONE


def tables() -> dict[str, npt.NDArray[np.uint8]]:
    """The tables of the wrong program."""
    return {POLICY.name: walled(POLICY.value_size), NETS.name: walled(ENTRIES * NETS.value_size)}


def asked(way: str, further: int) -> bytes:
    """What it is to do."""
    return struct.pack("<B7xq", WAYS.index(way), further).ljust(FRAME, b"\0")
