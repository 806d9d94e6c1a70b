"""pcap expressions, by libpcap's own compiler and its own interpreter."""

from __future__ import annotations

import ctypes
import re
from functools import cache

ETHERNET, SNAP, NO_NETMASK = 1, 262144, 0xFFFFFFFF
TAGS = (b"\x81\x00", b"\x88\xa8")


class Instruction(ctypes.Structure):
    """struct bpf_insn"""

    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    """struct bpf_program"""

    _fields_ = [("length", ctypes.c_uint), ("instructions", ctypes.POINTER(Instruction))]


@cache
def compiled(expression: str) -> Program:
    """Its classic BPF, not optimised."""
    library, program = ctypes.CDLL("libpcap.so.0.8"), Program()
    library.pcap_open_dead.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.pcap_open_dead(ETHERNET, SNAP))
    assert library.pcap_compile(handle, ctypes.byref(program), expression.encode(), 0, NO_NETMASK) == 0, expression
    return program


def matches(expression: str, frame: bytes) -> bool:
    """Whether it matches a frame: as if that had no VLAN tags, unless the expression asks for them."""
    seen = frame if re.search(r"\bvlan\b", expression) else untagged(frame)
    library = ctypes.CDLL("libpcap.so.0.8")
    library.bpf_filter.restype = ctypes.c_uint
    return bool(library.bpf_filter(compiled(expression).instructions, seen, len(seen), len(seen)))


def untagged(frame: bytes) -> bytes:
    """Without the first two tags, as far as there is a type behind them."""
    for _ in range(2):
        if frame[12:14] in TAGS and len(frame) >= 18:
            frame = frame[:12] + frame[16:]
    return frame
