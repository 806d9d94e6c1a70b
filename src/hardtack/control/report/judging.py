"""Which of many frames an expression matches, in libpcap's own judgment (pcap_offline_filter(3)).

Not as machine code, as `hardtack filter` does: the unit of a front lets no process make memory executable, and for some
thousand frames libpcap's interpreter has its answers before LLVM would have begun.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hardtack.pcap.libpcap import RawInstruction, RawProgram, compile, library

Hits = npt.NDArray[np.bool_]


class PacketHeader(ctypes.Structure):
    """struct pcap_pkthdr"""

    _fields_ = [
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("captured", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
    ]


class Judge:
    """Of untagged Ethernet frames. NoLibpcap."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self._matches = offline_filter()
        self._frames = ctypes.create_string_buffer(b"".join(frames) or b"\0")
        self._headers = (PacketHeader * max(1, len(frames)))()
        self._places, at = list[tuple[int, int]](), ctypes.addressof(self._frames)
        for number, frame in enumerate(frames):
            self._headers[number].captured = self._headers[number].length = len(frame)
            self._places.append((ctypes.addressof(self._headers) + number * ctypes.sizeof(PacketHeader), at))
            at += len(frame)

    def hits(self, expression: str) -> Hits:
        """Of each frame, whether it matches. ExpressionError."""
        code = compile(expression).code
        instructions = (RawInstruction * len(code))(*(RawInstruction(*here) for here in code))
        program = RawProgram(len(code), instructions)
        where, matches = ctypes.addressof(program), self._matches
        return np.array([matches(where, header, frame) != 0 for header, frame in self._places], bool)


def offline_filter() -> Callable[[int, int, int], Any]:
    """libpcap's function. NoLibpcap."""
    function = library().pcap_offline_filter
    function.restype, function.argtypes = ctypes.c_int, [ctypes.c_void_p] * 3
    return function
