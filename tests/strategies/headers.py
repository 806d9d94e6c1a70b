"""Generated headers: Ethernet with tags, IP with options and extension headers, TCP."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from naive.frames import (
    CWR,
    DESTINATION,
    ECE,
    FRAGMENT,
    HOP_BY_HOP,
    PROVIDER,
    PSH,
    ROUTING,
    SYN,
    URG,
    VLAN,
    Ethernet,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    fragment_header,
    options_header,
    routing_header,
)
from naive.world import ANY_PORT, ANY_PORT6, EDGES, MACS, NAMED, NAMED6, PROTECTED4, PROTECTED6, WEB6

from strategies.options import OPTIONS, words
from strategies.weights import weighted

ports = st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 80, 443, 65535])
PROTECTED_PORTS: dict[str, SearchStrategy[int]] = {
    **dict.fromkeys(PROTECTED4 + PROTECTED6, st.sampled_from([80, 443])),
    EDGES: st.sampled_from([1, 65535]),
    WEB6: st.just(80),
    NAMED: st.just(80),
    NAMED6: st.just(80),
    ANY_PORT: ports,
    ANY_PORT6: ports,
}

TAGS = st.tuples(st.sampled_from([VLAN, PROVIDER]), st.integers(0, 0xFFFF))
OURS = st.sampled_from(MACS)
ANYBODYS = st.sampled_from([*MACS, b"\xff" * 6, bytes(6), MACS[1][:5] + b"\0"])
LINKS = st.builds(Ethernet, destination=OURS, tags=st.just(()) | st.lists(TAGS, max_size=2))
STACKS = st.builds(Ethernet, destination=ANYBODYS, tags=st.lists(TAGS, max_size=4))

SOUND = [
    st.builds(Extension, st.sampled_from([HOP_BY_HOP, DESTINATION]), st.integers(0, 4).map(options_header)),
    st.integers(0, 2).map(lambda addresses: Extension(ROUTING, routing_header(0, addresses=addresses))),
    st.integers(0, 3).map(lambda reserved: Extension(FRAGMENT, fragment_header(reserved=reserved))),
]
UNSOUND = [
    st.integers(0, 255).map(lambda left: Extension(ROUTING, routing_header(left))),
    st.builds(fragment_header, st.sampled_from([0, 1, 8191]), st.booleans()).map(
        lambda rest: Extension(FRAGMENT, rest)
    ),
    st.builds(
        Extension, st.sampled_from([HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION]), st.binary(min_size=7, max_size=7)
    ),
]
CHAINS = st.lists(st.one_of(SOUND), max_size=6)
BROKEN_CHAINS = st.lists(weighted((2, st.one_of(SOUND)), (1, st.one_of(UNSOUND))), max_size=8)

# Whom there may be: no martians, and none of the hosts
SOURCES4 = st.integers(0x01000000, 0xDFFFFFFF).filter(lambda number: number >> 24 != 127).map(IPv4Address).map(str)
SOURCES6 = st.integers(0x2002 << 112, (0x4000 << 112) - 1).map(IPv6Address).map(str)
MARTIANS4 = st.sampled_from(["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"])
MARTIANS6 = st.sampled_from(["::", "::1", "::ffff:192.0.2.1", "fe80::1", "febf::1", "ff02::1"])
CLASSES = st.integers(0, 255) | st.sampled_from([0, 0xFC])  # type of service, traffic class: ECN in the low bits
SOUND4 = st.builds(
    IPv4,
    source=SOURCES4,
    destination=st.sampled_from(PROTECTED4),
    options=st.just(b"") | st.integers(1, 10).map(lambda length: b"\x01\x01\x01\x00" * length),
    tos=CLASSES,
    fragment=st.sampled_from([0, 0x4000, 0x8000]),
)
SOUND6 = st.builds(
    IPv6,
    source=SOURCES6,
    destination=st.sampled_from(PROTECTED6),
    extensions=st.just(()) | CHAINS,
    traffic_class=CLASSES,
    flow_label=st.integers(0, 0xFFFFF),
)

# Mostly no data, often a little, sometimes up to a jumbo frame's.
PAYLOADS = (st.sampled_from([0, 0, 0, 0, 1, 2, 5, 6, 7]) | st.integers(0, 3000)).map(lambda size: b"\xa5" * size)
SYNS = st.builds(
    Tcp,
    source_port=ports,
    seq=words,
    flags=st.sampled_from([0, 0, ECE | CWR, ECE | CWR, ECE, CWR, PSH, URG, PSH | ECE | CWR]).map(SYN.__or__),
    options=OPTIONS,
    payload=PAYLOADS,
    reserved=st.sampled_from([0, 0, 1, 15]),
)


@st.composite
def sound(draw: DrawFn) -> tuple[IPv4 | IPv6, Tcp]:
    """A SYN to a protected port: odd options and extension headers, but nothing for which it would not be answered."""
    ip: IPv4 | IPv6 = draw(SOUND4 | SOUND6)
    return ip, replace(draw(SYNS), destination_port=draw(PROTECTED_PORTS[ip.destination]))
