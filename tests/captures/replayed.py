"""The engine `replay`, over the tables of tests: single frames, as other engines have them, and whole captures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from engines_under_test import NS, PLENTY, REASONS, Native, Outcome, Side, Tables, monotonic
from naive.state import State
from naive.world import NUMBERS
from tables_under_test import LO

from captures.walked import Frame, read_blocks
from hardtack.captures.native import records
from hardtack.captures.native.blocks import LONGEST
from hardtack.captures.native.replay import REPLAY
from hardtack.captures.walking import Walk
from hardtack.packet.reasons import FRONT_REASONS, Reason

WORD = 1 << 64
Counted = dict[tuple[int, Reason], tuple[int, int]]


class Replayed(Native):
    """Native code behind the walk through captures. It has one CPU."""

    def __init__(self, state: State | None = None) -> None:
        super().__init__(state)
        self._walk = Walk()

    def place(self, end: int) -> None:
        """Have frames lie before this address, and nothing behind it; `put` says how long the next one is."""
        self._walk.job["room"] = end

    def put(self, size: int) -> None:
        """The next frame ends where the room does."""
        self._walk.job["slot"] = int(self._walk.job["room"]) - size

    def run(
        self, frame: bytes, now_ms: int, side: Side = "outside", room: int = PLENTY, *, cpu: int = 0, ms: int | None = None
    ) -> Outcome:
        """One frame at one moment, as if it had just been found in a capture."""
        program, own = self._on(0, REPLAY)
        content, time = np.frombuffer(frame + b"\0", np.uint8), now_ms * NS % WORD
        which, job = int(side != "outside"), self._walk.job
        job["begun"], job["count"], job["late"] = 0, 2, 0
        job["ahead"], job["stop"], job["paused"] = (monotonic(now_ms, ms) * NS - time) % WORD, 1, 0
        job["last_epoch"], job["interface"] = WORD - 1, LO
        reader = self._walk.readers[which]
        self._walk.readers["ended"], reader["ready"], reader["number"] = 1, 1, 1
        reader["frame"], reader["captured"], reader["length"] = content.ctypes.data, len(frame), len(frame)
        reader["time"] = time
        counters = own["counters"].view(np.uint64)
        counters[:] = 0
        while program.call(self._walk.address) != records.DONE:
            pass
        ((number, reason),) = counted(own)
        assert counted(own)[number, reason] == (1, len(frame))
        return Outcome(reason, number, self._walk.frame())

    def replay(self, captures: Sequence[Path]) -> tuple[list[Frame], Counted]:
        """Whole captures: what was sent, and how many frames had which reason of which host, and bytes."""
        program, own = self._on(0, REPLAY)
        own["counters"][:] = 0
        walk, blocks, written = Walk(), np.zeros(LONGEST + 4096, np.uint8), list[bytes]()
        walk.job["last_epoch"], walk.job["interface"] = WORD - 1, LO
        with ExitStack() as parts:
            walk.open(captures, parts)
            walk.write_to(blocks, lambda size: written.append(blocks[:size].tobytes()))
            while (outcome := program.call(walk.address)) != records.DONE:
                walk.meet(outcome)
            walk.put()
        return [*read_blocks(b"".join(written))], counted(own)


def counted(own: Tables) -> Counted:
    """Frames and bytes, by host and reason."""
    table = own["counters"].view(np.uint64).reshape(NUMBERS, FRONT_REASONS, 2)
    return {
        (int(number), REASONS[int(reason)]): (int(table[number, reason, 0]), int(table[number, reason, 1]))
        for number, reason in np.argwhere(table[:, :, 0])
    }
