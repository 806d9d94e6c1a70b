"""A pcapng file in the making: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html. Little-endian, ns.

Each frame says in a comment what became of it, and in an epb_verdict what its program returned.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from hardtack.pcap.libpcap import Link

SECTION, INTERFACE, STATISTICS, PACKET = 0x0A0D0D0A, 1, 5, 6  # block types
BYTE_ORDER, VERSION, UNKNOWN_LENGTH = 0x1A2B3C4D, (1, 0), (1 << 64) - 1
COMMENT, APPLICATION = 1, 4  # options: opt_comment, shb_userappl
NAME, FILTER, RESOLUTION = 2, 11, 9  # if_name, if_filter, if_tsresol
RECEIVED, DROPPED = 4, 5  # isb_ifrecv, isb_ifdrop
FLAGS, VERDICT = 2, 7  # epb_flags, epb_verdict
INBOUND, OUTBOUND = 1, 2  # directions in epb_flags
TC, XDP = 1, 2  # kinds of epb_verdict
NANOSECONDS = 9  # in if_tsresol: 10^-9
LINK_TYPES: dict[Link, int] = {"ethernet": 1, "ip": 101}  # LINKTYPE_ETHERNET, LINKTYPE_RAW


class Pcapng:
    """Blocks written to `output`; its errors are OSError."""

    def __init__(self, output: BinaryIO, application: str, comment: str) -> None:
        self._output = output
        self._interfaces = 0
        head = struct.pack("<IHHQ", BYTE_ORDER, *VERSION, UNKNOWN_LENGTH)
        self._block(SECTION, head + option(COMMENT, comment.encode()) + option(APPLICATION, application.encode()) + END)

    def interface(self, name: str, link: Link, snap: int, filter: str = "") -> int:
        """One more interface: its number in `packet`."""
        about = struct.pack("<HHI", LINK_TYPES[link], 0, snap)
        told = option(NAME, name.encode()) + option(RESOLUTION, bytes([NANOSECONDS]))
        told += option(FILTER, b"\0" + filter.encode()) if filter else b""  # 0: it is an expression of libpcap's
        self._block(INTERFACE, about + told + END)
        self._interfaces += 1
        return self._interfaces - 1

    def packet(self, interface: int, when: int, frame: bytes, length: int, options: bytes) -> None:
        """A frame, of which there are these bytes. `when`: unix time in ns; `options`: as `about` makes them."""
        head = struct.pack("<IIIII", interface, when >> 32, when & 0xFFFFFFFF, len(frame), length)
        self._block(PACKET, head + padded(frame) + options + END)

    def statistics(self, interface: int, when: int, received: int, dropped: int) -> None:
        """How many frames there were on an interface, and for how many of them there was no room."""
        head = struct.pack("<III", interface, when >> 32, when & 0xFFFFFFFF)
        counts = option(RECEIVED, struct.pack("<Q", received)) + option(DROPPED, struct.pack("<Q", dropped))
        self._block(STATISTICS, head + counts + END)

    def flush(self) -> None:
        """Have it read by whoever reads."""
        self._output.flush()

    def _block(self, kind: int, body: bytes) -> None:
        size = 12 + len(body)
        self._output.write(struct.pack("<II", kind, size) + body + struct.pack("<I", size))


def padded(content: bytes) -> bytes:
    """To whole words of 32 bits."""
    return content + bytes(-len(content) % 4)


def option(code: int, value: bytes) -> bytes:
    """One option."""
    return struct.pack("<HH", code, len(value)) + padded(value)


def about(comment: str, direction: int, kind: int, action: int) -> bytes:
    """A frame's options: what is said of it, whether it came or went, what the program of this kind returned."""
    verdict = struct.pack("<Bq", kind, action)
    return option(FLAGS, struct.pack("<I", direction)) + option(VERDICT, verdict) + option(COMMENT, comment.encode())


END = option(0, b"")
