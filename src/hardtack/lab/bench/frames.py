"""Single frames for the programs alone: right wherever hardtack looks."""

from __future__ import annotations

import socket
import struct

from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.bench.kinds import PORT
from hardtack.lab.packets.recipe import ACK, FLOOD_4, FLOOD_6, LINUX_OPTIONS, SHORTEST, SYN, words_sum

STRANGERS = {4: "198.18.0.1", 6: "2001:db8:f100::1"}
KNOWN = {4: str(FLOOD_4.network_address), 6: str(FLOOD_6.network_address)}  # connection 0 of lab/packets/crowd.py
KNOWN_PORT = 32768
MACS = bytes.fromhex("020000000001 020000000002")
TAGGED = bytes.fromhex("8100 0064")  # VLAN 100
ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}

# What the great systems send, and what none does: options in an order of their own are walked one by one
LAYOUTS = {
    "none": b"",
    "MSS only": bytes.fromhex("020405b4"),
    "Linux's": LINUX_OPTIONS,
    "Windows'": bytes.fromhex("020405b4 01 030308 01 01 0402"),
    "Apple's": bytes.fromhex("020405b4 01 030306 01 01 080a 00c0ffee 00000000 0402 00 00"),
    "Linux's in another order (walked)": bytes.fromhex("01 030307 080a 00c0ffee 00000000 0402 020405b4"),
    "40 bytes of NOP (walked)": b"\1" * 40,
}


def segment(
    version: int,
    options: bytes,
    *,
    flags: int = SYN,
    tag: bytes = b"",
    to: str = "",
    source: tuple[str, int] = ("", 40000),
    sequence: int = 0xDEADBEEF,
) -> bytes:
    """An Ethernet frame with a TCP segment to the lab's server, or to the address `to`; its TCP checksum is 0."""
    client, port = source
    tcp = struct.pack("!HHIIBBHHH", port, PORT, sequence, 0, (5 + len(options) // 4) << 4, flags, 64240, 0, 0) + options
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    ends = client or STRANGERS[version], to or SERVER[0 if version == 4 else 1]
    addresses = b"".join(socket.inet_pton(family, address) for address in ends)
    if version == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + addresses
        header = header[:10] + struct.pack("=H", internet_checksum(header)) + header[12:]
    else:
        header = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + addresses
    return (MACS + tag + ETHERTYPES[version] + header + tcp).ljust(SHORTEST, b"\0")


def known(version: int) -> bytes:
    """An ACK of a connection that the bench's fronts know."""
    source = KNOWN[version], KNOWN_PORT
    return segment(version, b"", flags=ACK, to=SECOND[0 if version == 4 else 1], source=source, sequence=0)


def arp() -> bytes:
    """A frame that is not IP."""
    return (MACS + b"\x08\x06").ljust(SHORTEST, b"\0")


def internet_checksum(header: bytes) -> int:
    """RFC 1071, in this machine's byte order, for a header whose checksum field is 0."""
    total = words_sum(header)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
