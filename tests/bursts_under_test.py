"""The front's program over bursts, as an engine for tests: alone, a frame is judged among others that are nobody's."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import count

import numpy as np
import numpy.typing as npt
from engines_under_test import NS, PLENTY, REASONS, Native, Outcome, Side, monotonic
from naive.world import NUMBERS
from tables_under_test import LO

from hardtack.compiler.native import NativeProgram
from hardtack.packet.burst_records import MOST_TOGETHER, Batch, Frame
from hardtack.packet.entries import clock_entry
from hardtack.packet.programs import BURSTS, INSIDE_REASON
from hardtack.packet.reasons import FRONT_REASONS, Reason

NOBODYS = bytes(12) + b"\x08\x06" + bytes(28)  # ARP: not IP, so nothing is remembered of it
SCRATCH = ("burst", "explained", "walk")  # within one frame, or one burst: in what order, is no matter
CLEARED = ("counters",)  # by `run`, before each frame
OF_ITS_OWN = ("networks", "recent", "rule_programs")  # with numbers and addresses that no two engines have in common


class Bursts(Native):
    """Frames from the internet are judged by the program for bursts; what hosts send, as by Native."""

    SOURCES = (BURSTS, INSIDE_REASON)

    def run(
        self, frame: bytes, now_ms: int, side: Side = "outside", room: int = PLENTY, *, cpu: int = 0, ms: int | None = None
    ) -> Outcome:
        """One frame somewhere in a burst of the next size, from 1 to 64 and again; the others are NOBODYS."""
        if side != "outside":
            return super().run(frame, now_ms, side, room, cpu=cpu, ms=ms)
        size = next(self._sizes) % MOST_TOGETHER + 1
        place = next(self._sizes) % size
        frames = [NOBODYS] * place + [frame] + [NOBODYS] * (size - place - 1)
        program, own = self._on(cpu, BURSTS)
        counters = own["counters"].view(np.uint64).reshape(NUMBERS, FRONT_REASONS, 2)
        counters[:] = 0
        reason, out = self.judged(program, frames, now_ms, room, ms)[place]
        counters[0, Reason.not_ip] -= np.array([size - 1, (size - 1) * len(NOBODYS)], np.uint64)
        assert (counters[:, :, 0].sum(), counters[:, :, 1].sum()) == (1, len(frame)), f"not counted once: {frame.hex()}"
        ((number, counted),) = np.argwhere(counters[:, :, 0])
        assert counted == reason, f"{REASONS[reason]} counted under {REASONS[counted]} for {frame.hex()}"
        return Outcome(REASONS[reason], int(number), out)

    _sizes = count()

    def together(
        self,
        frames: Sequence[bytes],
        now_ms: int,
        most: int = MOST_TOGETHER,
        *,
        cpu: int = 0,
        ms: int | None = None,
        room: int = PLENTY,
    ) -> list[tuple[Reason, bytes]]:
        """What becomes of frames that come at one moment, in bursts of `most`."""
        program, _ = self._on(cpu, BURSTS)
        return [(REASONS[reason], out) for reason, out in self.judged(program, frames, now_ms, room, ms, most)]

    def judged(
        self,
        program: NativeProgram,
        frames: Sequence[bytes],
        now_ms: int,
        room: int,
        ms: int | None,
        most: int = MOST_TOGETHER,
    ) -> list[tuple[int, bytes]]:
        """Reasons, and the frames afterwards."""
        self.tables["clock"][:] = np.frombuffer(clock_entry(now_ms * NS, monotonic(now_ms, ms) * NS), np.uint8)
        memory = [self.frame_memory(frame, room) for frame in frames]
        floors = [ctypes.addressof(one) for one in memory]
        bounds = np.zeros(len(frames), Frame)
        for bound, floor, frame in zip(bounds, floors, frames, strict=True):
            ends = (floor + room, floor + room + len(frame), floor + len(frame) + 2 * room, floor)
            bound["head"], bound["tail"], bound["limit"], bound["floor"] = ends
        bounds["interface"] = LO
        batch = np.array((bounds.ctypes.data, len(frames), most), Batch)
        self.permit(program, bounds, batch)
        assert program.call(batch.ctypes.data) == 0
        return [
            (int(end["reason"]), one.raw[int(end["head"]) - floor : int(end["tail"]) - floor])
            for one, end, floor in zip(memory, bounds, floors, strict=True)
        ]

    def frame_memory(self, frame: bytes, room: int) -> ctypes.Array[ctypes.c_char]:
        """A frame, and so much room before it and behind it."""
        return ctypes.create_string_buffer(bytes(room) + frame, len(frame) + 2 * room)

    def permit(self, program: NativeProgram, bounds: npt.NDArray[np.void], batch: npt.NDArray[np.void]) -> None:
        """Have the program touch these frames: it may touch anything."""


def everything(engine: Native) -> dict[str, bytes]:
    """Every table of the first CPU's, but for what lasts no longer than a burst, and counters."""
    tables = engine.tables | engine.own(0)
    return {name: memory.tobytes() for name, memory in tables.items() if name not in SCRATCH + CLEARED + OF_ITS_OWN}
