"""One line on a frame: for people, who know what tcpdump prints."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from hardtack.pcap.libpcap import Link

TAGS, IPV4, IPV6 = (0x8100, 0x88A8), 0x0800, 0x86DD
TYPES = {0x0806: "ARP", 0x8847: "MPLS", 0x8848: "MPLS", 0x8863: "PPPoE discovery", 0x8864: "PPPoE", 0x88CC: "LLDP"}
PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6", 132: "SCTP"}
WITH_PORTS, TCP, ICMPS = (6, 17, 132), 6, (1, 58)
FLAGS = "FSRP.UEW"  # from the lowest bit: RFC 9293 3.1, RFC 3168; the dot is ACK
EXTENSIONS, FRAGMENT = (0, 43, 60), 44  # IPv6: RFC 8200 4
MOST_EXTENSIONS = 8


def summary(frame: bytes, length: int, link: Link = "ethernet") -> str:
    """`192.0.2.1:40000 > 198.51.100.7:443 TCP [S] 74 bytes`; whatever is not there is left out."""
    try:
        return f"{_ethernet(frame) if link == 'ethernet' else _ip(frame)} {length} bytes"
    except (struct.error, IndexError, ValueError):
        return f"truncated, {len(frame)} of {length} bytes"


def _ethernet(frame: bytes) -> str:
    place, tags = 12, []
    (kind,) = struct.unpack_from("!H", frame, place)
    while kind in TAGS:
        tag, kind = struct.unpack_from("!HH", frame, place + 2)
        tags.append(f"vlan {tag & 0xFFF}")
        place += 4
    if kind in (IPV4, IPV6):
        said = _ip(frame[place + 2 :])
    else:
        name = TYPES.get(kind, f"type {kind:#06x}" if kind > 1500 else "LLC")
        said = f"{_mac(frame[6:12])} > {_mac(frame[:6])} {name}"
    return ", ".join([*tags, said])


def _mac(address: bytes) -> str:
    return address.hex(":")


def _ip(packet: bytes) -> str:
    if packet[0] >> 4 == 4:
        offset, protocol = struct.unpack_from("!HxB", packet, 6)
        ends, size, later = (packet[12:16], packet[16:20]), (packet[0] & 15) * 4, offset & 0x1FFF
    elif packet[0] >> 4 == 6:
        ends, (protocol, size, later) = (packet[8:24], packet[24:40]), _behind(packet)
    else:
        return f"IP version {packet[0] >> 4}"
    addresses = [str(ip_address(end)) for end in ends]
    name = PROTOCOLS.get(protocol, f"protocol {protocol}")
    if later:
        return f"{' > '.join(addresses)} {name}, a later fragment"
    return _transport(packet[size:], addresses, protocol, name)


def _behind(packet: bytes) -> tuple[int, int, int]:
    """What comes behind IPv6's extension headers, where, and whether it is a later fragment."""
    kind, place, later = packet[6], 40, 0
    for _ in range(MOST_EXTENSIONS):
        if kind == FRAGMENT:
            later = struct.unpack_from("!H", packet, place + 2)[0] & 0xFFF8
        elif kind not in EXTENSIONS:
            break
        kind, place = packet[place], place + (8 if kind == FRAGMENT else (packet[place + 1] + 1) * 8)
    return kind, place, later


def _transport(segment: bytes, addresses: list[str], protocol: int, name: str) -> str:
    if protocol in ICMPS:
        return f"{' > '.join(addresses)} {name} type {segment[0]} code {segment[1]}"
    if protocol not in WITH_PORTS:
        return f"{' > '.join(addresses)} {name}"
    ports = struct.unpack_from("!HH", segment)
    ends = [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one, port in zip(addresses, ports, strict=True)]
    flags = f" [{''.join(mark for bit, mark in enumerate(FLAGS) if segment[13] >> bit & 1)}]" if protocol == TCP else ""
    return f"{' > '.join(ends)} {name}{flags}"
