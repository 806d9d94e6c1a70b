"""What is for a protected host and not a whole TCP segment: fragments, ICMP, UDP and all the rest."""

from __future__ import annotations

from hardtack.compiler.language import absent, at, beyond, i64, inlined, load8, load32, load64, swap16, u64
from hardtack.packet.frame.parse import (
    EXTENSION,
    IS_FRAGMENT,
    LATER_FRAGMENT,
    MAPPED,
    NONE,
    NOT_TCP,
    TRUNCATED,
    ip_header,
    is_extension,
)
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import ICMP6_PROTOCOL, ICMP_PROTOCOL, IPV4, IPV6, TCP_PROTOCOL
from hardtack.packet.reasons import Reason
from hardtack.packet.state.budget import may_quote
from hardtack.packet.state.credit import allowance
from hardtack.packet.state.hosts import protects
from hardtack.packet.state.names import turned
from hardtack.packet.state.prefixes import may_doubt
from hardtack.packet.state.ruling import EVERY_PORT, WITHIN

DEFAULT_PASS = int(Reason.default_pass)
DEFAULT_DROP = int(Reason.default_drop)
ICMP_ERROR = int(Reason.icmp_error)
ICMP_QUOTE = int(Reason.icmp_quote)
NEIGHBOUR = int(Reason.neighbour)
CUT_SHORT = int(Reason.cut_short)
BAD_EXTENSIONS = int(Reason.bad_extensions)
FIRST_FRAGMENT = int(Reason.first_fragment)
RULE_WITHIN = int(Reason.rule_within)

ICMP = 8  # bytes of an ICMP header; what the error is about follows
ERRORS_4 = 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12  # unreachable, source quench, time exceeded, parameter problem: RFC 792
ERRORS_6 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4  # unreachable, too big, time exceeded, parameter problem: RFC 4443
FIRST_NEIGHBOUR, LAST_NEIGHBOUR = 133, 137  # RFC 4861
HOPS_6, FROM_NEAR = 7, 255  # the hop limit of what no router has sent on: RFC 4861 7.1


@inlined
def judge_other(frame, flow, host, name):
    """The reason; NONE if it is an ICMP error that quotes a segment of the host's, whose connection then is in `name`."""
    if flow.kind == TRUNCATED:
        return CUT_SHORT
    if flow.kind == EXTENSION:
        return BAD_EXTENSIONS
    if flow.kind != NOT_TCP:
        # TCP does not fragment, and a later fragment cannot be told to belong to a connection. Behind an extension
        # header in a fragment anything may be, TCP too.
        if flow.protocol == TCP_PROTOCOL or (flow.version == 6 and is_extension(flow.protocol)):
            return FIRST_FRAGMENT if flow.kind == IS_FRAGMENT else LATER_FRAGMENT
    elif flow.protocol == (ICMP_PROTOCOL if flow.version == 4 else ICMP6_PROTOCOL):
        start, end = head(frame), tail(frame)
        message = at(start, flow.transport)
        if not beyond(message, ICMP, end):
            kind = load8(message, 0)
            if flow.version == 6 and is_discovery(kind) and is_from_near(frame, flow):
                return NEIGHBOUR
            if is_error(flow, kind) and name_quoted(at(message, ICMP), end, flow, name):
                return NONE
    return judge_default(flow, host)


@inlined
def is_neighbour(frame, flow):
    """Whether it is neighbour discovery, from the same link."""
    if flow.version != 6 or flow.kind != NOT_TCP or flow.protocol != ICMP6_PROTOCOL:
        return False
    message = at(head(frame), flow.transport)
    return not beyond(message, ICMP, tail(frame)) and is_discovery(load8(message, 0)) and is_from_near(frame, flow)


@inlined
def is_discovery(kind):
    """Whether an ICMPv6 message of this type is one of neighbour discovery's."""
    return FIRST_NEIGHBOUR <= kind and kind <= LAST_NEIGHBOUR


@inlined
def is_from_near(frame, flow):
    """Whether an IPv6 packet comes from the same link."""
    network = ip_header(frame, flow)
    return not beyond(network, IPV6, tail(frame)) and load8(network, HOPS_6) == FROM_NEAR


@inlined
def judge_error(flow, host, entry, name, ms):
    """An error about a known connection passes, whatever the host's `default` says: without it paths stay black holes.

    One now and then: more are no help, and anybody can send them. An error may take another way than the connection that it
    is about, and come to a front that does not know it. So it passes, too, if it quotes a protected port of the host's, as
    far as the host's budget goes, and what a source prefix may have in doubt; the host knows which connections it has.
    """
    if not absent(entry):
        return ICMP_ERROR if allowance(entry, name, ms) else judge_default(flow, host)
    if flow.ruling & WITHIN or not host.other:
        return judge_default(flow, host)
    port = swap16(i64(name.ports >> u64(16)))
    ours = flow.ruling & EVERY_PORT or protects(host, port)
    return ICMP_QUOTE if ours and may_doubt(flow, ms) and may_quote(host, ms) else DEFAULT_DROP


@inlined
def judge_default(flow, host):
    """The host's `default`, or the rule whose rate it is within."""
    if flow.ruling & WITHIN:
        return RULE_WITHIN
    return DEFAULT_DROP if host.other else DEFAULT_PASS


@inlined
def is_error(flow, kind):
    """Whether an ICMP message of this type quotes a packet."""
    return kind < 32 and ((ERRORS_4 if flow.version == 4 else ERRORS_6) >> kind) & 1


@inlined
def name_quoted(packet, end, flow, name):
    """The connection of the packet that an error quotes; False unless the host has sent it by TCP."""
    return name_in_ipv4(packet, end, flow, name) if flow.version == 4 else name_in_ipv6(packet, end, flow, name)


@inlined
def name_in_ipv4(packet, end, flow, name):
    """RFC 792: the quoted packet's header and 8 bytes of what it carries."""
    if beyond(packet, IPV4, end):
        return False
    first = load8(packet, 0)
    size = (first & 15) * 4
    if first >> 4 != 4 or size < IPV4 or load8(packet, 9) != TCP_PROTOCOL:
        return False
    ports = at(packet, size)
    if beyond(ports, 4, end):
        return False
    name.version = 4
    name.source_high, name.destination_high = u64(0), u64(0)
    name.source_low = u64(MAPPED) | (u64(load32(packet, 16)) << u64(32))
    name.destination_low = u64(MAPPED) | (u64(load32(packet, 12)) << u64(32))
    name.ports = turned(u64(load32(ports, 0)))
    return name.destination_low == flow.destination_low


@inlined
def name_in_ipv6(packet, end, flow, name):
    """RFC 4443 3. Extension headers in the quoted packet are not followed."""
    if beyond(packet, IPV6 + 4, end):
        return False
    if load8(packet, 0) >> 4 != 6 or load8(packet, 6) != TCP_PROTOCOL:
        return False
    name.version = 6
    name.source_high, name.source_low = load64(packet, 24), load64(packet, 32)
    name.destination_high, name.destination_low = load64(packet, 8), load64(packet, 16)
    name.ports = turned(u64(load32(packet, IPV6)))
    return name.destination_high == flow.destination_high and name.destination_low == flow.destination_low
