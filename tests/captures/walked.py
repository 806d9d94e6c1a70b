"""A capture as native code walks through it: its frames with Ethernet headers, in the order of time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hardtack.captures.damage import Damaged
from hardtack.captures.native import records
from hardtack.captures.native.blocks import LONGEST
from hardtack.captures.native.rewrite import REWRITE
from hardtack.captures.walking import Walk
from hardtack.compiler.native import NativeProgram


class Frame(NamedTuple):
    """`which`: the capture that it is of."""

    which: int
    time: int
    length: int
    frame: bytes


class Walked(NamedTuple):
    """All frames up to the end, or the damage; the walk afterwards."""

    frames: list[Frame]
    damage: Damaged | None
    walk: Walk


class Walker:
    """The native code, linked once."""

    def __init__(self) -> None:
        self.program = NativeProgram(REWRITE, {})
        self._blocks = np.zeros(LONGEST + 4096, np.uint8)  # small: it is full often

    def walk(self, *captures: Path) -> Walked:
        """NotACapture."""
        walk, written, damage = Walk(), list[bytes](), None
        with ExitStack() as parts:
            try:
                walk.open(captures, parts)
                walk.write_to(self._blocks, lambda size: written.append(self._blocks[:size].tobytes()))
                while (outcome := self.program.call(walk.address)) != records.DONE:
                    walk.meet(outcome)
            except Damaged as error:
                damage = error
            finally:
                walk.put()
        return Walked([*read_blocks(b"".join(written))], damage, walk)


def read_blocks(data: bytes) -> Iterator[Frame]:
    """Enhanced packets, in a row."""
    at = 0
    while at < len(data):
        kind, size, which, high, low, captured, length = struct.unpack_from("<IIIIIII", data, at)
        assert kind == 6 and size == 32 + captured + -captured % 4, (kind, size, captured)
        assert not any(data[at + 28 + captured : at + size - 4]) and struct.unpack_from("<I", data, at + size - 4)[0] == size
        yield Frame(which, high << 32 | low, length, data[at + 28 : at + 28 + captured])
        at += size
