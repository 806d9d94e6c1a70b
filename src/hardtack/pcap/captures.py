"""Capture files, read and written by libpcap: pcap and pcapng, of either byte order, micro- and nanoseconds.

One packet at a time: a file of any length takes no more memory than its longest packet (256 KB, libpcap's limit).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from hardtack.mistake import Mistake
from hardtack.pcap.libpcap import LINK_TYPES, SNAP, Link, library, printable

NANOSECONDS = 1  # PCAP_TSTAMP_PRECISION_NANO
ERROR_SIZE = 256  # PCAP_ERRBUF_SIZE
ONE, END = 1, -2  # what pcap_next_ex() gives: a packet, no more; else something is wrong
STANDARD = Path("-")  # standard input, or output


_libc = ctypes.CDLL(None)
_libc.ferror.argtypes = [ctypes.c_void_p]


class CaptureError(Mistake):
    """A file that cannot be read or written as a capture."""

    status = 2


class Packet(NamedTuple):
    """A frame as it was captured. `length`: on the wire, in bytes; the time in Unix seconds and nanoseconds."""

    seconds: int
    nanoseconds: int
    length: int
    frame: bytes


class Header(ctypes.Structure):
    """struct pcap_pkthdr"""

    _fields_ = [
        *(("seconds", ctypes.c_long), ("fraction", ctypes.c_long)),
        *(("captured", ctypes.c_uint32), ("length", ctypes.c_uint32)),
    ]


@cache
def calls() -> ctypes.CDLL:
    """libpcap's functions for files, typed. NoLibpcap."""
    found, pointer, text = library(), ctypes.c_void_p, ctypes.c_char_p
    for name, gives, takes in (
        ("pcap_open_offline_with_tstamp_precision", pointer, [text, ctypes.c_uint, text]),
        ("pcap_open_dead_with_tstamp_precision", pointer, [ctypes.c_int, ctypes.c_int, ctypes.c_uint]),
        ("pcap_datalink", ctypes.c_int, [pointer]),
        ("pcap_datalink_val_to_name", text, [ctypes.c_int]),
        ("pcap_next_ex", ctypes.c_int, [pointer, ctypes.POINTER(ctypes.POINTER(Header)), ctypes.POINTER(pointer)]),
        ("pcap_dump_open", pointer, [pointer, text]),
        ("pcap_dump", None, [pointer, ctypes.POINTER(Header), text]),
        ("pcap_dump_flush", ctypes.c_int, [pointer]),
        ("pcap_dump_file", pointer, [pointer]),
        ("pcap_dump_close", None, [pointer]),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = gives, takes
    return found


class Capture:
    """A capture file, open. `link`: what its frames begin with."""

    def __init__(self, path: Path) -> None:
        self.path, self._pcap = path, calls()
        error = ctypes.create_string_buffer(ERROR_SIZE)
        self._handle = self._pcap.pcap_open_offline_with_tstamp_precision(os.fsencode(path), NANOSECONDS, error)
        if not self._handle:
            raise CaptureError(told(path, error.value))
        kind = self._pcap.pcap_datalink(self._handle)
        known = {number: link for link, number in LINK_TYPES.items()}
        if kind not in known:
            name = (self._pcap.pcap_datalink_val_to_name(kind) or str(kind).encode()).decode("ascii", "replace")
            self.close()
            raise CaptureError(
                f"{path} has frames of type {name}: capture on one interface, which gives EN10MB (Ethernet) or RAW"
            )
        self.link: Link = known[kind]  # type: ignore[assignment]

    def packets(self) -> Iterator[Packet]:
        """From here to the end. CaptureError where the file is damaged."""
        header, data = ctypes.POINTER(Header)(), ctypes.c_void_p()
        while (result := self._pcap.pcap_next_ex(self._handle, ctypes.byref(header), ctypes.byref(data))) == ONE:
            about = header.contents
            frame = ctypes.string_at(data, about.captured) if about.captured else b""
            yield Packet(about.seconds, about.fraction, about.length, frame)
        if result != END:
            raise CaptureError(told(self.path, self._pcap.pcap_geterr(self._handle)))

    def close(self) -> None:
        """Let go of it."""
        if self._handle:
            self._pcap.pcap_close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Output:
    """A capture file in the making: pcap, nanoseconds. One that is there is overwritten."""

    def __init__(self, path: Path, link: Link) -> None:
        self.path, self._pcap = path, calls()
        self._dead = self._pcap.pcap_open_dead_with_tstamp_precision(LINK_TYPES[link], SNAP, NANOSECONDS)
        self._file = self._pcap.pcap_dump_open(self._dead, os.fsencode(path))
        if not self._file:
            raise CaptureError(told(path, self._pcap.pcap_geterr(self._dead)))

    def write(self, packet: Packet) -> None:
        """One more; `flush` tells whether it is written."""
        header = Header(packet.seconds, packet.nanoseconds, len(packet.frame), packet.length)
        self._pcap.pcap_dump(self._file, ctypes.byref(header), packet.frame)

    def flush(self) -> None:
        """CaptureError if what was written is not in the file, as on a full disk."""
        failed = self._pcap.pcap_dump_flush(self._file) or _libc.ferror(self._pcap.pcap_dump_file(self._file))
        if failed:  # now, or in a write before: the stream remembers it
            raise CaptureError(f"{self.path} cannot be written: is the disk full?")

    def close(self) -> None:
        """Write what is left, and let go of it."""
        if self._file:
            self._pcap.pcap_dump_close(self._file)
            self._pcap.pcap_close(self._dead)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def told(path: Path, message: bytes) -> str:
    """libpcap's words, with the file's name once."""
    words = printable(message.decode("utf-8", "replace"))
    return f"capture {printable(str(path))}: {words.removeprefix(f'{path}: ')}"


def same_file(one: Path, other: Path) -> bool:
    """Whether both are names of one file."""
    return one != STANDARD and other != STANDARD and one.exists() and other.exists() and one.samefile(other)
