"""Who says whether an expression matches a frame: libpcap itself, native code, eBPF in the kernel."""

from __future__ import annotations

import ctypes
import struct

from hardtack.kernel.programs import Program
from hardtack.pcap.classic import Code
from hardtack.pcap.libpcap import Expression, RawInstruction, library

TPIDS = (b"\x81\x00", b"\x88\xa8")


def untagged(frame: bytes) -> bytes:
    """The frame without its first two tags, if it has any with a type behind."""
    for _ in range(2):
        if frame[12:14] not in TPIDS or len(frame) < 18:
            break
        frame = frame[:12] + frame[16:]
    return frame


class Libpcap:
    """bpf_filter(), which tcpdump uses on capture files."""

    def __init__(self, expression: Expression) -> None:
        self.tags = expression.sees_tags or expression.link == "ip"
        self.code = raw(expression.code)
        self.filter = library().bpf_filter
        self.filter.restype = ctypes.c_uint
        self.filter.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint]

    def match(self, frame: bytes, length: int = 0) -> bool:
        """Whether it matches; `length` on the wire, if it was longer there."""
        seen = frame if self.tags else bare(frame)
        return bool(self.filter(self.code, seen, max(length, len(frame)) - len(frame) + len(seen), len(seen)))


def raw(code: Code) -> ctypes.Array[RawInstruction]:
    """As libpcap has it."""
    return (RawInstruction * len(code))(*(RawInstruction(*here) for here in code))


KNOWN: dict[bytes, bytes] = {}


def bare(frame: bytes) -> bytes:
    """`untagged`, worked out once for each frame."""
    if frame not in KNOWN:
        KNOWN[frame] = untagged(frame)
    return KNOWN[frame]


def in_buffers(program: Program, frame: bytes, first: int) -> int:
    """The verdict of an XDP program on a frame whose first buffer holds so many bytes (14 or more). Linux 6.18."""
    context = struct.pack("=5I4x", 0, first, 0, 0, 0)  # struct xdp_md: data, data_end
    return int(struct.unpack_from("=i", program._test(frame, 1, context), 4)[0])
