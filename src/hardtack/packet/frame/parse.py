"""Frame -> flow: Ethernet (or not), up to two VLAN tags, IPv4, IPv6 with a few extension headers, TCP.

All lengths are checked here.

`parse` goes as far as the addresses, and answers with a reason if it does not get there. What is wrong behind them, or is
just not TCP, is in `flow.kind`: whose business it is depends on the addresses. Then `parse_tcp` goes on.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    at,
    beyond,
    distance,
    inlined,
    load8,
    load16be,
    load32,
    load32be,
    load64,
    u64,
    untold,
)
from hardtack.packet.frame.opaque import opaque
from hardtack.packet.frame.platform import head, network_of, protocol_of, tail, whole_length
from hardtack.packet.frame.wire import (
    DESTINATION_OPTIONS,
    ETHERNET,
    FRAGMENT,
    FRAGMENT_BITS,
    HOP_BY_HOP,
    IPV4,
    IPV6,
    OFFSET_BITS,
    ROUTING,
    TAG,
    TCP,
    TCP_PROTOCOL,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_SERVICE_VLAN,
    TYPE_VLAN,
)
from hardtack.packet.reasons import Reason

NONE = -1
MOST_NETWORK, MOST_TRANSPORT = 31, 0x3FFF  # masks above any offset of an IP header, of TCP behind extension headers
MOST_OUTER = 127  # the same, of an IP header behind another one and GRE, as tc sees it
MOST_EXTENSIONS = 6  # more is an attack, or nothing that a server would miss
FRAGMENT_BITS_6 = 0xFFF9  # the offset and M; an atomic fragment has neither and is whole: RFC 6946
OFFSET_BITS_6 = 0xFFF8
MAPPED = 0xFFFF0000  # the bytes 00 00 ff ff before a mapped IPv4 address, as a little-endian word

TRUNCATED = int(Reason.truncated)
BAD_HEADER = int(Reason.bad_header)
NOT_IP = int(Reason.not_ip)
NOT_TCP = int(Reason.not_tcp)
IS_FRAGMENT = int(Reason.fragment)
LATER_FRAGMENT = int(Reason.later_fragment)  # as a kind: not the first one
EXTENSION = int(Reason.extension)


@inlined
def parse(frame, flow):
    """Fill `flow` from the frame, TCP options not yet looked into."""
    reason = parse_addresses(frame, flow)
    if reason == NONE:
        parse_rest(frame, flow)
    return reason


@inlined
def parse_addresses(frame, flow):
    """From whom and to whom it is; a reason if it does not get there."""
    start, end = head(frame), tail(frame)
    flow.size = distance(start, end)
    if beyond(start, ETHERNET, end):
        return TRUNCATED
    network, kind, most = ETHERNET, load16be(start, 12), MOST_NETWORK
    if network_of(frame) != ETHERNET and not is_tag(protocol_of(frame)):
        network, kind, most = network_of(frame), protocol_of(frame), MOST_OUTER  # no Ethernet
        if network < 0 or network > most:
            return NOT_IP
    for _ in range(2):
        if not is_tag(kind):
            break
        tag = at(start, network)
        if beyond(tag, TAG, end):
            return TRUNCATED
        network, kind = network + TAG, load16be(tag, 2)
    flow.network = network if network == ETHERNET else opaque(network, most)
    if kind == TYPE_IPV4:
        return parse_ipv4(frame, start, end, flow)
    if kind == TYPE_IPV6:
        return parse_ipv6(frame, start, end, flow)
    return NOT_IP


@inlined
def is_tag(kind):
    """What a VLAN tag stands behind."""
    return kind == TYPE_VLAN or kind == TYPE_SERVICE_VLAN


@inlined
def parse_ipv4(frame, start, end, flow):
    """RFC 791 3.1."""
    network = at(start, flow.network)
    if beyond(network, IPV4, end):
        return TRUNCATED
    first = load8(network, 0)
    if first >> 4 != 4:
        return BAD_HEADER
    size = (first & 15) * 4
    if size < IPV4:
        return BAD_HEADER
    if beyond(network, size, end):
        return TRUNCATED
    total = load16be(network, 2)
    if total < size:
        return BAD_HEADER
    measure(frame, flow, flow.network + total)
    flow.version = 4
    flow.source_high = u64(0)
    flow.source_low = u64(MAPPED) | (u64(load32(network, 12)) << u64(32))
    flow.destination_high = u64(0)
    flow.destination_low = u64(MAPPED) | (u64(load32(network, 16)) << u64(32))
    return NONE


@inlined
def parse_ipv6(frame, start, end, flow):
    """RFC 8200 3."""
    network = at(start, flow.network)
    if beyond(network, IPV6, end):
        return TRUNCATED
    if load8(network, 0) >> 4 != 6:
        return BAD_HEADER
    measure(frame, flow, flow.network + IPV6 + load16be(network, 4))
    flow.version = 6
    flow.source_high, flow.source_low = load64(network, 8), load64(network, 16)
    flow.destination_high, flow.destination_low = load64(network, 24), load64(network, 32)
    return NONE


@inlined
def ip_header(frame, flow):
    """Where the IP header begins, once it has been found. LLVM knows the bound; the verifier, only if it is said again."""
    return at(head(frame), untold(flow.network) & MOST_OUTER)


@inlined
def measure(frame, flow, end):
    """The frame's size where IP says that there is more, up to `end`, than the first buffer has. It takes a call to know."""
    if end > flow.size:
        flow.size = whole_length(frame)


@inlined
def parse_rest(frame, flow):
    """What is behind the addresses: `flow.kind`, and where TCP begins.

    Apart: else the verifier would walk the look-up of an address once for each kind.
    """
    start, end = head(frame), tail(frame)
    if flow.version == 4:
        parse_rest_of_ipv4(start, end, flow)
    else:
        parse_rest_of_ipv6(start, end, flow)


@inlined
def parse_rest_of_ipv4(start, end, flow):
    """RFC 791 3.1."""
    network = at(start, flow.network)
    if beyond(network, IPV4, end):
        flow.kind, flow.transport, flow.payload, flow.protocol = TRUNCATED, flow.network, 0, 0
        return
    size, total = (load8(network, 0) & 15) * 4, load16be(network, 2)
    fragment, protocol = load16be(network, 6), load8(network, 9)
    flow.protocol = protocol
    if fragment & FRAGMENT_BITS:
        flow.kind = LATER_FRAGMENT if fragment & OFFSET_BITS else IS_FRAGMENT
    elif protocol != TCP_PROTOCOL:
        flow.kind = NOT_TCP
    else:
        flow.kind = NONE
    flow.transport = flow.network + size
    flow.payload = total - size


@inlined
def parse_rest_of_ipv6(start, end, flow):
    """RFC 8200 3 and 4."""
    network = at(start, flow.network)
    if beyond(network, IPV6, end):
        flow.kind, flow.transport, flow.payload, flow.protocol = TRUNCATED, flow.network, 0, 0
        return
    size, kind, transport = load16be(network, 4), load8(network, 6), flow.network + IPV6
    if kind == TCP_PROTOCOL:
        flow.kind, flow.transport, flow.payload, flow.protocol = NONE, transport, size, TCP_PROTOCOL
    else:
        flow.transport = opaque(walk_extensions(start, end, flow, transport, kind), MOST_TRANSPORT)
        flow.payload = size - (flow.transport - transport)


@inlined
def walk_extensions(start, end, flow, transport, kind):
    """Where the chain of extension headers leads that begins with `kind`; `flow.kind` and `flow.protocol` say to what."""
    flow.kind = NONE
    for _ in range(MOST_EXTENSIONS):
        if not is_extension(kind):
            break
        header = at(start, transport)
        if beyond(header, 8, end):
            flow.kind = TRUNCATED
            break
        if kind == FRAGMENT and load16be(header, 2) & FRAGMENT_BITS_6:
            flow.kind = LATER_FRAGMENT if load16be(header, 2) & OFFSET_BITS_6 else IS_FRAGMENT
            kind = load8(header, 0)
            break
        if kind == ROUTING and load8(header, 3):  # segments left: not at its destination yet
            flow.kind = EXTENSION
            break
        transport += 8 if kind == FRAGMENT else (load8(header, 1) + 1) * 8
        kind = load8(header, 0)
    flow.protocol = kind
    if flow.kind == NONE and kind != TCP_PROTOCOL:
        flow.kind = EXTENSION if is_extension(kind) else NOT_TCP
    return transport


@inlined
def is_extension(kind):
    """The headers that may stand between IPv6 and TCP."""
    return kind == HOP_BY_HOP or kind == ROUTING or kind == FRAGMENT or kind == DESTINATION_OPTIONS


@inlined
def parse_tcp(frame, flow):
    """RFC 9293 3.1: TRUNCATED, BAD_HEADER or NONE. `flow.payload` is IP's still, header and all, until here."""
    start, end = head(frame), tail(frame)
    segment = at(start, flow.transport)
    if beyond(segment, TCP, end):
        return TRUNCATED
    size = (load8(segment, 12) >> 4) * 4
    if size < TCP:
        return BAD_HEADER
    if beyond(segment, size, end):
        return TRUNCATED
    if size > flow.payload:
        return BAD_HEADER
    take_header(segment, size, flow)
    return NONE


@inlined
def take_header(segment, size, flow):
    """What a TCP header of so many bytes says."""
    flow.ports_isn = load64(segment, 0)
    flow.acknowledgment = load32be(segment, 8)
    flow.sport, flow.dport = load16be(segment, 0), load16be(segment, 2)
    flow.flags = load8(segment, 13)
    flow.header = size
    flow.payload -= size
