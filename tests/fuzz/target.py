"""What is fuzzed: a burst of frames, judged by checked machine code. No access is wrong; one by one they come to the same.

An input is a moment in ms (8 bytes), the room that a frame may grow by (1 byte), then frames, with MARK between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from frame_table import ROWS
from naive import world
from tables_under_test import LO

from fuzz.arena import InBursts, OneByOne
from hardtack.compiler.checked import CheckedProgram
from hardtack.packet.burst_records import Batch, Frame
from hardtack.packet.entries import clock_entry

MARK = b"\xf0FUZ"
MOST_FRAMES = 8  # of an input; what is behind them is left out
LONGEST = 4096  # bytes of an input
MOMENT = (1 << 44) - 1  # ms: so far 64 bits of ns go
SLOT = LONGEST + 512  # bytes: a frame and its room
BUCKETS = 2  # of the connection table: connections push each other out of it
NS = 1_000_000  # in a millisecond


class Target:
    """Judges inputs. `programs` count what they reach. OutOfBounds, AssertionError."""

    def __init__(self) -> None:
        self.alone, self.bursts = OneByOne(world.state(), BUCKETS), InBursts(world.state(), BUCKETS)
        self._slots = np.zeros((MOST_FRAMES, SLOT), np.uint8)
        self._records = np.zeros(MOST_FRAMES, Frame)
        self._batch = np.zeros(1, Batch)
        engines = self.alone, self.bursts
        self.programs = [engine.program for engine in engines if isinstance(engine.program, CheckedProgram)]

    def judge(self, data: bytes) -> list[tuple[int, bytes]]:
        """Reasons, and the frames afterwards; the same from both engines, or AssertionError."""
        now, room, frames = read(data)
        clock = np.frombuffer(clock_entry(now * NS, now * NS), np.uint8)
        for engine in (self.alone, self.bursts):
            engine.arena.renew()
            engine.tables["clock"][:] = clock
        single = [self.alone.program.run(frame, room, LO) for frame in frames]
        together = self._together(frames, room)
        assert single == together, f"one by one:\n{told(single)}\nin a burst:\n{told(together)}"
        return together

    def _together(self, frames: Sequence[bytes], room: int) -> list[tuple[int, bytes]]:
        program, records = self.bursts.program, self._records[: len(frames)]
        assert isinstance(program, CheckedProgram)
        floors = [self._slots.ctypes.data + number * SLOT for number in range(len(frames))]
        for slot, record, floor, frame in zip(self._slots, records, floors, frames, strict=False):
            end = room + len(frame)
            slot[:end] = np.frombuffer(bytes(room) + frame, np.uint8)
            places = floor + room, floor + end, floor + end + room, floor
            record["head"], record["tail"], record["limit"], record["floor"] = places
        records["interface"], records["reason"] = LO, 0
        self._batch[0] = records.ctypes.data, len(frames), MOST_FRAMES
        bounds = records.ctypes.data, records.nbytes
        program.permit((self._batch.ctypes.data, Batch.itemsize), bounds, frames=(bounds[0], len(frames), Frame.itemsize))
        assert program.call(self._batch.ctypes.data) == 0
        found = []
        for record, slot, floor in zip(records, self._slots, floors, strict=False):
            begin, end = int(record["head"]) - floor, int(record["tail"]) - floor
            found.append((int(record["reason"]), slot[begin:end].tobytes()))
        return found


def read(data: bytes) -> tuple[int, int, list[bytes]]:
    """Moment, room and frames of an input."""
    return int.from_bytes(data[:8], "little") & MOMENT, data[8] if len(data) > 8 else 0, data[9:].split(MARK)[:MOST_FRAMES]


def written(now_ms: int, room: int, frames: Sequence[bytes]) -> bytes:
    """An input."""
    return (now_ms & MOMENT).to_bytes(8, "little") + bytes([room]) + MARK.join(frames)


def seeds() -> Iterator[bytes]:
    """Every row: its frame, behind those that came before it."""
    for row in ROWS:
        if row.side == "outside":
            made = written(row.now_ms, min(row.room, 255), [*row.before, row.frame])
            if len(made) <= LONGEST:
                yield made


def told(outcomes: Sequence[tuple[int, bytes]]) -> str:
    """A line for each."""
    return "\n".join(f"  {reason} {frame.hex()}" for reason, frame in outcomes)
