"""The small world that the tables of frames and the generated frames are about: hosts, ways to them, keys, a moment."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from random import Random

from naive.cookie import EPOCH, epoch, keys
from naive.frames import packed
from naive.networks import Prefix as Source
from naive.rules import Rule
from naive.sources import ALLOW, DENY
from naive.state import Exit, Handshake, Held, Hop, Host, Prefix, State, Via, mapped


def lists(value: int, *prefixes: str) -> dict[Source, int]:
    """Each with this value."""
    networks = map(ip_network, prefixes)
    return {(one.version, int(one.network_address), one.prefixlen): value for one in networks}


MASTER, OTHER_MASTER, OLD_MASTER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
NOW = 1_763_800_000_345  # ms; the moment of cookie.md's vectors, epoch 27559375
EPOCH_NOW = epoch(NOW)
EPOCH_BEGINS = EPOCH_NOW * EPOCH
# Two epochs either side, and the first of all, which a vector uses; each in a slot of its own (epoch modulo 64).
EPOCHS = [0, *range(EPOCH_NOW - 2, EPOCH_NOW + 3)]
KEYS, OTHER_KEYS, OLD_KEYS = (keys(master, EPOCHS) for master in (MASTER, OTHER_MASTER, OLD_MASTER))

# Behind the kernel: hosts 1 to 3
WEB, ANY_PORT, EDGES = "192.0.2.10", "10.0.0.2", "203.0.113.255"
WEB6, ANY_PORT6 = "2001:db8::2", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
# Frames for these are sent on by the program: host 4 as a router does it, host 5 as a switch, host 6 back out again
ROUTED, ROUTED6 = "203.0.113.4", "2001:db8:4::1"
SWITCHED, SWITCHED6 = "203.0.113.5", "2001:db8:5::1"
BACK, BACK6 = "203.0.113.6", "2001:db8:6::1"
# As a router, but nobody knows yet where it is; with another master key
LOST = "203.0.113.7"
# May have one SYN answered in a window
SCARCE, SCARCE6 = "203.0.113.8", "2001:db8:8::1"
# All that these say is heard; clients of the second may send one frame in a ms, and bring cookies of an old key
HEARD, HEARD6 = "203.0.113.9", "2001:db8:9::1"
SLOW, SLOW6 = "203.0.113.10", "2001:db8:a::1"
# These take no TCP option but the MSS; and no timestamps, with windows of another scale
PLAIN, PLAIN6 = "203.0.113.11", "2001:db8:b::1"
WIDE, WIDE6 = "203.0.113.12", "2001:db8:c::1"
# With rules: 17; what is protected said by an expression: 18, 19; in a dry run: 20
RULED, RULED6 = "203.0.113.13", "2001:db8:d::1"
NAMED, NAMED6 = "203.0.113.14", "2001:db8:e::1"
STRICT, STRICT6 = "203.0.113.15", "2001:db8:f::1"
DRY, DRY6 = "203.0.113.16", "2001:db8:10::1"
# Who answers clients himself. Proven ones: all that he says is heard, or is not. Any: the same; and four in a window
CHALLENGED, CHALLENGED6 = "203.0.113.17", "2001:db8:11::1"
UNHEARD, UNHEARD6 = "203.0.113.18", "2001:db8:12::1"
PASSED, PASSED6 = "203.0.113.19", "2001:db8:13::1"
OPEN, OPEN6 = "203.0.113.20", "2001:db8:14::1"
FEW, FEW6 = "203.0.113.21", "2001:db8:15::1"
# All as long as nobody attacks, who then are given cookies; all but one in 128 connections, who are challenged
CALM, CALM6 = "203.0.113.22", "2001:db8:16::1"
TRIED, TRIED6 = "203.0.113.23", "2001:db8:17::1"

RULES = [
    "count tcp dst port 443 and (ip[1] & 0xfc == 0x80 or ip6[1] & 0x0f == 0x0c)",
    "pass icmp or icmp6",
    "drop udp src port 53",
    "dry drop udp src port 123",
    "limit 3/s udp dst port 9",
    "dry limit 3/s udp dst port 10",
    "limit 1/s per source udp dst port 7",
    "protect tcp dst port 8443",
    "drop tcp dst port 443 and greater 90 and (tcp[13] & 16 != 0 or ip6[53] & 16 != 0)",
    "limit 2k/s tcp dst port 25",
    "drop vlan 66",
    "limit 500k/s not tcp",
]
NAMED_RULES = ["count src net 100.64.0.0/10", "dry drop udp src port 53", "drop udp src port 54"]
DRY_RULES = ["drop udp src port 53", "limit 3/s udp dst port 9", "pass udp dst port 10"]

WEB_PORTS = frozenset({80, 443})
CHALLENGE, PASS = Held(Handshake.challenge, Handshake.challenge), Held(Handshake.passing, Handshake.passing)
IN_CALM, IN_TRIAL = Held(Handshake.passing), Held(Handshake.passing, Handshake.challenge, tried=True)
RULES_OF = {
    name: tuple(Rule(text, number) for number, text in enumerate(texts, first))
    for name, first, texts in [("ruled", 1, RULES), ("named", 21, NAMED_RULES), ("dry", 31, DRY_RULES)]
}
HOSTS = {
    mapped(packed(address)): host
    for address, host in {
        WEB: Host(WEB_PORTS, 1460, number=1),
        WEB6: Host(WEB_PORTS, 1440, number=1),
        ANY_PORT: Host(None, 1400, number=2),
        ANY_PORT6: Host(None, 8940, number=2),
        EDGES: Host(frozenset({1, 65535}), 536, number=3, drops=True, grace_until=0),
        ROUTED: Host(WEB_PORTS, 1460, number=4, via=Via.routed),
        ROUTED6: Host(WEB_PORTS, 1440, number=13, via=Via.routed, tag=100),
        SWITCHED: Host(WEB_PORTS, 1460, number=5, via=Via.switched, tag=4094, drops=True, heard=True),
        SWITCHED6: Host(WEB_PORTS, 1440, number=14, via=Via.switched, tag="none", drops=True, heard=True),
        BACK: Host(WEB_PORTS, 1460, number=6, via=Via.switched, one_armed=True),
        BACK6: Host(WEB_PORTS, 1440, number=6, via=Via.switched, one_armed=True),
        LOST: Host(WEB_PORTS, 1460, number=7, keys=1, via=Via.routed),
        SCARCE: Host(WEB_PORTS, 1460, number=8, replies=1, drops=True),
        SCARCE6: Host(WEB_PORTS, 1440, number=8, replies=1, drops=True),
        HEARD: Host(WEB_PORTS, 1460, number=9, heard=True),
        HEARD6: Host(WEB_PORTS, 1440, number=9, heard=True),
        SLOW: Host(WEB_PORTS, 1460, number=10, keys=2, heard=True, frames=1),
        SLOW6: Host(WEB_PORTS, 1440, number=10, keys=2, heard=True, frames=1),
        PLAIN: Host(WEB_PORTS, 1460, number=11, speaks=frozenset()),
        PLAIN6: Host(WEB_PORTS, 1440, number=15, speaks=frozenset({"timestamps"})),
        WIDE: Host(WEB_PORTS, 1460, number=12, speaks=frozenset({"sack", "window_scaling", "ecn"}), scale=12, heard=True),
        WIDE6: Host(WEB_PORTS, 1440, number=16, speaks=frozenset({"timestamps", "window_scaling"}), scale=0, heard=True),
        RULED: Host(WEB_PORTS, 1460, number=17, heard=True, rules=RULES_OF["ruled"]),
        RULED6: Host(WEB_PORTS, 1440, number=17, heard=True, rules=RULES_OF["ruled"]),
        NAMED: Host(None, 1460, number=18, rules=RULES_OF["named"], protect="tcp dst port 80"),
        NAMED6: Host(None, 1440, number=18, rules=RULES_OF["named"], protect="tcp dst port 80"),
        STRICT: Host(None, 1460, number=19, protect="tcp dst port 80 or tcp dst port 443", drops=True),
        STRICT6: Host(None, 1440, number=19, protect="tcp dst port 80 or tcp dst port 443", drops=True),
        DRY: Host(WEB_PORTS, 1460, number=20, heard=True, dry_run=True, rules=RULES_OF["dry"], replies=4),
        DRY6: Host(WEB_PORTS, 1440, number=20, heard=True, dry_run=True, rules=RULES_OF["dry"], replies=4),
        CHALLENGED: Host(WEB_PORTS, 1460, number=24, heard=True, handshake=CHALLENGE),
        CHALLENGED6: Host(WEB_PORTS, 1440, number=24, heard=True, handshake=CHALLENGE),
        UNHEARD: Host(WEB_PORTS, 1460, number=25, handshake=CHALLENGE, speaks=frozenset({"sack", "window_scaling"})),
        UNHEARD6: Host(WEB_PORTS, 1440, number=25, handshake=CHALLENGE, speaks=frozenset({"sack", "window_scaling"})),
        PASSED: Host(WEB_PORTS, 1460, number=26, heard=True, handshake=PASS),
        PASSED6: Host(WEB_PORTS, 1440, number=26, heard=True, handshake=PASS),
        OPEN: Host(WEB_PORTS, 1460, number=27, handshake=PASS),
        OPEN6: Host(WEB_PORTS, 1440, number=27, handshake=PASS),
        FEW: Host(WEB_PORTS, 1460, number=28, heard=True, handshake=PASS, syns=4),
        FEW6: Host(WEB_PORTS, 1440, number=28, heard=True, handshake=PASS, syns=4),
        CALM: Host(WEB_PORTS, 1460, number=29, heard=True, handshake=IN_CALM),
        CALM6: Host(WEB_PORTS, 1440, number=29, heard=True, handshake=IN_CALM),
        TRIED: Host(WEB_PORTS, 1460, number=30, heard=True, handshake=IN_TRIAL),
        TRIED6: Host(WEB_PORTS, 1440, number=30, heard=True, handshake=IN_TRIAL),
    }.items()
}
# Networks: host 21's, and in it an address of host 22's, and some that are nobody's
NET, NET6, IN_NET, IN_NET6 = "192.0.3.0", "2001:db8:e::", "192.0.3.200", "2001:db8:e:7::200"
OWN, OWN6, EXCLUDED, EXCLUDED6 = "192.0.3.201", "2001:db8:e:7::201", "192.0.3.64", "2001:db8:e:8::"
HOSTS |= {mapped(packed(OWN)): Host(WEB_PORTS, 1300, number=22), mapped(packed(OWN6)): Host(WEB_PORTS, 1280, number=22)}
NETWORKS = {
    Prefix(mapped(packed(NET)), 96 + 24): Host(WEB_PORTS, 1460, number=21),
    Prefix(mapped(packed(NET6)), 48): Host(WEB_PORTS, 1440, number=21),
    Prefix(mapped(packed(EXCLUDED)), 96 + 26): None,
    Prefix(mapped(packed(EXCLUDED6)), 64): None,
}
# Networks that frames go straight to, host 23's, as a router, and of each an address whose way is known
WIDER, WIDER6, FOUND, FOUND6, SOUGHT, SOUGHT6 = (
    *("192.0.6.0", "2001:db8:20::", "192.0.6.7", "2001:db8:20:3::7", "192.0.6.8", "2001:db8:20:3::8"),
)
HOSTS |= {mapped(packed(one)): Host(WEB_PORTS, 1400, number=23, via=Via.routed) for one in (FOUND, FOUND6)}
TO_LEARN = frozenset({Prefix(mapped(packed(WIDER)), 96 + 24), Prefix(mapped(packed(WIDER6)), 48)})
NETWORKS |= {network: Host(WEB_PORTS, 1400, number=23, via=Via.routed) for network in TO_LEARN}
# For generated frames: all but those of which it matters how many came before
PROTECTED4 = (
    *(WEB, ANY_PORT, EDGES, ROUTED, SWITCHED, BACK, LOST, HEARD, PLAIN, WIDE, RULED, NAMED, STRICT, FOUND, SOUGHT),
    *(CHALLENGED, UNHEARD, PASSED, OPEN, CALM, TRIED),
)
PROTECTED6 = (
    *(WEB6, ANY_PORT6, ROUTED6, SWITCHED6, BACK6, HEARD6, PLAIN6, WIDE6, RULED6, NAMED6, STRICT6, FOUND6, SOUGHT6),
    *(CHALLENGED6, UNHEARD6, PASSED6, OPEN6, CALM6, TRIED6),
)
EVERYBODY = [host for host in (*HOSTS.values(), *NETWORKS.values()) if host]
NUMBERS = 1 + max(host.number for host in EVERYBODY)  # of counters: each host's, and nobody's

OUTSIDE, INSIDE, FARTHER = (
    Exit(bytes.fromhex("020000000f01")),
    Exit(bytes.fromhex("020000000f02")),
    Exit(b"\2\0\0\0\x0f\3", 1280),
)
# Those of a virtual router (RFC 5798 7.3) and of somebody else who lives here
VIRTUAL, LODGER = bytes.fromhex("00005e000107"), bytes.fromhex("0242ac110002")
MACS = (OUTSIDE.mac, VIRTUAL, LODGER)
EXITS = {0: OUTSIDE, 1: INSIDE, 2: FARTHER}
HOPS = {
    mapped(packed(address)): Hop(bytes.fromhex(mac), number)
    for address, mac, number in [
        (ROUTED, "020000000a04", 1),
        (ROUTED6, "020000000a04", 2),
        (SWITCHED, "020000000a05", 1),
        (SWITCHED6, "fe0000000a05", 2),
        (BACK, "020000000a06", 0),
        (BACK6, "ffffffffffff", 0),
        (FOUND, "020000000a07", 1),
        (FOUND6, "020000000a07", 2),
    ]
}

# Where frames of these come from, as far as anybody knows
ORIGINS = {mapped(packed(address)): HOPS[mapped(packed(address))].mac for address in (SWITCHED, SWITCHED6)}
# Sources that are denied, and allowed inside of that: for all hosts, and by the web host
LISTS = {
    0: lists(DENY, "192.88.99.0/24", "2001:db8:bad::/48") | lists(ALLOW, "192.88.99.128/25", "2001:db8:bad:1::/64"),
    1: lists(DENY, "192.88.99.192/28", "192.88.99.201/32", "203.0.112.0/24", "2001:db8:bad:1:1::/80")
    | lists(ALLOW, "192.88.99.9/32", "192.88.99.200/31", "2001:db8:bad:2::/64"),
}
# Of all hashes but cookies: like any others, but the same in every run, so that what fails fails again
RANDOM = Random(1)
FACTORS = [RANDOM.getrandbits(64) for _ in range(10)]


def state(**others: object) -> State:
    """The world with nothing known of it yet; `others`: fields of State that are to be otherwise."""
    fields: dict[str, object] = {"hosts": HOSTS, "networks": NETWORKS, "hops": dict(HOPS), "exits": EXITS}
    fields |= {"to_learn": TO_LEARN, "noted": set()}
    fields |= {"keys": [KEYS, OTHER_KEYS, KEYS], "old_keys": {2: OLD_KEYS}, "factors": FACTORS, "lists": LISTS}
    return State(**fields | {"origins": ORIGINS, "macs": MACS} | others)  # type: ignore[arg-type]


def with_handshake(handshake: Held, *addresses: str) -> dict[bytes, Host]:
    """Hosts of State, of whom those with these addresses have another handshake than otherwise."""
    return HOSTS | {one: replace(HOSTS[one], handshake=handshake) for one in (mapped(packed(name)) for name in addresses)}
