"""Rules as programs, for kernels to judge: made here, since a guest has neither libpcap nor llvmlite."""

from __future__ import annotations

from hardtack.image import Image, ProgramKind, Table
from hardtack.pcap.libpcap import Link, compile
from hardtack.pcap.programs import Onward, matcher, rule_program

TYPICAL = (
    "udp and src port 53",
    "udp and src port 123",
    "icmp or icmp6",
    "tcp and src net 203.0.113.0/24",
    "ip6 and src net 2001:db8::/32",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) == (tcp-syn|tcp-fin)",
    "ip[6:2] & 0x1fff != 0",
    "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
    "tcp dst portrange 6000-6063 and not src host 198.51.100.7",
    "len > 1400 and (ether[len - 1] = 7 or ether[ether[5]] = 9)",
    "vlan 5 and (tcp or udp port 80)",
)
WITHOUT_ETHERNET = TYPICAL[:9]
MANY = tuple(f"udp and src net 203.0.{number}.0/24 and dst port {number}" for number in range(100))
RECORD, NEXT = Table("record", "percpu_array", 4, 8, 1), Table("next", "prog_array", 4, 4, 1)
PASSES = {"xdp": 2, "tcx": -1}


def images() -> list[Image]:
    """One for each hook and kind of frames, and a long one."""
    kinds: list[tuple[str, ProgramKind, Link, tuple[str, ...]]] = [
        ("rules_xdp", "xdp", "ethernet", TYPICAL),
        ("rules_tcx", "tcx", "ethernet", TYPICAL),
        ("rules_ip", "tcx", "ip", WITHOUT_ETHERNET),
        ("rules_many", "xdp", "ethernet", MANY),
    ]
    made = []
    for name, kind, link, texts in kinds:
        onward = Onward(RECORD, 0, NEXT, 0, PASSES[kind])
        made.append(rule_program([compile(text, link) for text in texts], onward, kind, name))
        made.append(matcher([compile(text, link) for text in texts], kind, name.replace("rules", "match")))
    return made
