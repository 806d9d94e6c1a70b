"""What comes once in a capture, or in a section: byte order, and what is said of each interface.

`data` is all that there is of it; whoever calls has seen that it is whole. ValueError says what is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from hardtack.captures.native.records import (
    BY_VERSION,
    COOKED,
    COOKED_2,
    ETHERNET,
    MOST_FRAME,
    MOST_INTERFACES,
    OTHER,
    PCAP,
    PCAPNG,
    Interface,
)

FILE_HEADER, SECTION_HEADER, LEAST_BLOCK = 24, 28, 20  # bytes, the latter at least
SECTION = b"\x0a\x0d\x0d\x0a"
BYTE_ORDER = 0x1A2B3C4D
# Magic numbers of pcap: what its fractions of a second are multiplied with, bytes of a record's header. The last is that of
# Kuznetzov's libpcap, whose records say more
MAGICS = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
LINK_BITS = 0x03FFFFFF  # of pcap's link type; above are those about frame check sequences
RESOLUTION, OFFSET = 9, 14  # if_tsresol, if_tsoffset
NS_DIGITS, WORD = 9, 1 << 64

# LINKTYPE_*: how its frames begin, and bytes before the packet. https://www.tcpdump.org/linktypes.html
LINKS = {
    1: (ETHERNET, 0),
    0: (BY_VERSION, 4),  # NULL
    108: (BY_VERSION, 4),  # LOOP
    12: (BY_VERSION, 0),  # RAW, as some systems number it
    14: (BY_VERSION, 0),
    101: (BY_VERSION, 0),
    228: (BY_VERSION, 0),  # IPV4
    229: (BY_VERSION, 0),  # IPV6
    113: (COOKED, 16),  # LINUX_SLL
    276: (COOKED_2, 20),  # LINUX_SLL2
}


def interface(link: int, snap: int = 0, multiply: int = 1, divide: int = 1, bits: int = 0, offset: int = 0) -> np.void:
    """What the native walk has to know of one; fields as in records.Interface."""
    record: np.void = np.zeros(1, Interface)[0]
    form, strip = LINKS.get(link, (OTHER, 0))
    record["form"], record["strip"], record["link"], record["snap"] = form, strip, link, snap
    record["multiply"], record["divide"], record["bits"], record["offset"] = multiply, divide, bits, offset % WORD
    return record


def read_pcap(reader: np.void, data: bytes) -> None:
    """The header of a pcap file."""
    order = "<" if int.from_bytes(data[:4], "little") in MAGICS else ">"
    magic, major, minor, snap, link = struct.unpack(f"{order}IHH8xII", data)
    if (major, minor) < (2, 3) or major > 2:
        raise ValueError(f"version {major}.{minor} of the format, where 2.4 is usual")
    multiply, record = MAGICS[magic]
    reader["format"], reader["swapped"], reader["record"], reader["interfaces"] = PCAP, order == ">", record, 1
    reader["table"][0] = interface(link & LINK_BITS, min(snap, MOST_FRAME), multiply)


def is_pcap(begin: bytes) -> bool:
    """Whether a file that begins so is one."""
    return int.from_bytes(begin[:4], "little") in MAGICS or int.from_bytes(begin[:4], "big") in MAGICS


def order_of(data: bytes) -> str:
    """The byte order of a section, from the beginning of its header."""
    for order in "<>":
        if struct.unpack_from(f"{order}I", data, 8)[0] == BYTE_ORDER:
            return order
    raise ValueError(f"a section without a byte order: it has {data[8:12].hex(' ')} for 1a 2b 3c 4d")


def read_section(reader: np.void, data: bytes) -> None:
    """The header of a section, a whole block: interfaces are described anew."""
    order = order_of(data)
    if len(data) < SECTION_HEADER:
        raise ValueError(f"the header of a section has {len(data)} bytes: it has at least {SECTION_HEADER}")
    major, minor = struct.unpack_from(f"{order}HH", data, 12)
    if major != 1 or minor not in (0, 2):
        raise ValueError(f"version {major}.{minor} of the format, where 1.0 is usual")
    reader["format"], reader["swapped"], reader["interfaces"] = PCAPNG, order == ">", 0


def read_interface(reader: np.void, data: bytes) -> None:
    """A block that describes one more interface."""
    number, order = int(reader["interfaces"]), ">" if reader["swapped"] else "<"
    if number == MOST_INTERFACES:
        raise ValueError(f"more than {MOST_INTERFACES} interfaces in a section")
    if len(data) < 20:
        raise ValueError(f"the block that describes an interface has {len(data)} bytes: it has at least 20")
    link, snap = struct.unpack_from(f"{order}HxxI", data, 8)
    multiply, divide, bits, offset = 1000, 1, 0, 0
    for code, value in options(data[16:-4], order):
        if code == RESOLUTION and len(value) == 1:
            multiply, divide, bits = resolution(value[0])
        elif code == OFFSET and len(value) == 8:
            offset = struct.unpack(f"{order}q", value)[0] * 10**NS_DIGITS
    reader["table"][number] = interface(link, snap, multiply, divide, bits, offset)
    reader["interfaces"] = number + 1


def resolution(value: int) -> tuple[int, int, int]:
    """if_tsresol as factor, divisor and bits. Finer than can be told: all ticks are 0."""
    if value & 0x80:
        bits = value & 0x7F
        return (1, 1, bits) if 0 < bits < 64 else (10**NS_DIGITS if not bits else 0, 1, 0)
    if value <= NS_DIGITS:
        return 10 ** (NS_DIGITS - value), 1, 0
    return (1, 10 ** (value - NS_DIGITS), 0) if 10 ** (value - NS_DIGITS) < WORD else (0, 1, 0)


def options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Codes and values, up to the end that they name, or that of the block."""
    at = 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from(f"{order}HH", data, at)
        if not code:
            return
        if at + 4 + size > len(data):
            raise ValueError(f"an option of {size} bytes, where {len(data) - at - 4} are left in the block")
        yield code, data[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
