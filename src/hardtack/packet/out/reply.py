"""The answer, written over the SYN. Every byte is set here: of the client's, only what it may see again survives."""

from __future__ import annotations

from hardtack.compiler.language import (
    at,
    beyond,
    distance,
    i64,
    inlined,
    load32,
    load64,
    store32,
    store64,
    swap16,
    swap32,
    u64,
)
from hardtack.packet.frame.checksum import fold, halves
from hardtack.packet.frame.link import has_ethernet
from hardtack.packet.frame.options import NO_SCALE
from hardtack.packet.frame.parse import ip_header
from hardtack.packet.frame.platform import head, resize, tail, whole_length
from hardtack.packet.frame.wire import ETHERNET, IPV4, IPV6, SHORTEST_FRAME, TCP, TCP_PROTOCOL

# Words as they lie in memory, little-endian
IPV4_FIRST = 0x00000045  # version, header length, class 0; the total length follows
IPV4_SECOND = 0x00400000  # id 0, do not fragment
IPV4_THIRD = 0x00000640  # TTL 64, TCP; the checksum follows
IPV6_FIRST = 0x00000060  # version; class and flow label 0
IPV6_LAST = 0x40060000  # TCP, hop limit 64; the payload length comes before
PSEUDO_PROTOCOL = TCP_PROTOCOL << 8  # RFC 9293 3.1, as the wire has it
FLAGS_SHIFT, WINDOW = 8, 0xF0FA << 16  # window 64240, on the wire
OPTION_MSS = 0x0402  # the MSS follows
OPTION_SACK_TIMESTAMPS = 0x0A080204
OPTION_NOP_NOP_TIMESTAMPS = 0x0A080101
OPTION_NOP_NOP_SACK = 0x02040101
OPTION_NOP_SCALE = 0x00030301  # the scale follows
LOW_32 = 0xFFFFFFFF


@inlined
def header_length(flow):
    """Bytes of TCP header that answer what the client offered."""
    size = TCP + 4
    if flow.timestamps:
        size += 12
    elif flow.sack:
        size += 4
    return size + 4 if flow.scale != NO_SCALE else size


@inlined
def make_room(frame, flow, wanted):
    """Give the frame the reply's length; True if it has it. Padding of the shortest Ethernet frames may stay."""
    length = distance(head(frame), tail(frame))
    if flow.payload == 0 and (length == wanted or (wanted < length and length <= SHORTEST_FRAME)):
        return True
    return resize(frame, wanted - whole_length(frame)) == 0


@inlined
def write_reply(frame, flow, answer):
    """Turn the frame into the answer; False if there is no room for it."""
    network_size = IPV4 if flow.version == 4 else IPV6
    if not make_room(frame, flow, flow.network + network_size + answer.size):
        return False
    start, end = head(frame), tail(frame)
    network = ip_header(frame, flow)
    segment = at(network, network_size)
    if beyond(start, ETHERNET, end) or beyond(segment, TCP, end):
        return False
    if has_ethernet(frame):
        swap_hardware_addresses(start)
    if flow.version == 4:
        total = write_ipv4(network, flow, answer.size)
    else:
        total = write_ipv6(network, flow, answer.size)
    options = write_options(segment, end, flow, answer)
    if options < 0:
        return False
    write_tcp(segment, flow, answer, total + options)
    return True


@inlined
def swap_hardware_addresses(start):
    """Destination and source, 6 bytes each, by two words of 8 and 4."""
    first, second = load64(start, 0), u64(load32(start, 8))
    store64(start, 0, (first >> u64(48)) | (second << u64(16)) | (first << u64(48)))
    store32(start, 8, i64((first >> u64(16)) & u64(LOW_32)))


@inlined
def write_ipv4(network, flow, size):
    """The IPv4 header, and the sum of the addresses in it."""
    us, client = i64(flow.destination_low >> u64(32)), i64(flow.source_low >> u64(32))
    first = IPV4_FIRST | (swap16(IPV4 + size) << 16)
    addresses = us + client
    check = fold(first + IPV4_SECOND + IPV4_THIRD + addresses) ^ 0xFFFF
    store32(network, 0, first)
    store32(network, 4, IPV4_SECOND)
    store32(network, 8, IPV4_THIRD | (check << 16))
    store32(network, 12, us)
    store32(network, 16, client)
    return addresses


@inlined
def write_ipv6(network, flow, size):
    """The IPv6 header, and the sum of the addresses in it."""
    store32(network, 0, IPV6_FIRST)
    store32(network, 4, IPV6_LAST | swap16(size))
    store64(network, 8, flow.destination_high)
    store64(network, 16, flow.destination_low)
    store64(network, 24, flow.source_high)
    store64(network, 32, flow.source_low)
    return i64(
        halves(flow.destination_high)
        + halves(flow.destination_low)
        + halves(flow.source_high)
        + halves(flow.source_low)
    )


@inlined
def write_options(segment, end, flow, answer):
    """The options after the TCP header, in Linux's order, and their sum; -1 if there is no room."""
    if answer.size == TCP:
        return 0
    if beyond(segment, TCP + 4, end):
        return -1
    option = OPTION_MSS | (swap16(answer.mss) << 16)
    store32(segment, TCP, option)
    total, rest = option, at(segment, TCP + 4)
    if flow.timestamps:
        if beyond(rest, 12, end):
            return -1
        option = OPTION_SACK_TIMESTAMPS if flow.sack else OPTION_NOP_NOP_TIMESTAMPS
        tsval = swap32(answer.tsval)
        store32(rest, 0, option)
        store32(rest, 4, tsval)
        store32(rest, 8, flow.tsval)
        total, rest = total + option + tsval + flow.tsval, at(rest, 12)
    elif flow.sack:
        if beyond(rest, 4, end):
            return -1
        store32(rest, 0, OPTION_NOP_NOP_SACK)
        total, rest = total + OPTION_NOP_NOP_SACK, at(rest, 4)
    if flow.scale != NO_SCALE:
        if beyond(rest, 4, end):
            return -1
        option = OPTION_NOP_SCALE | (answer.scale << 24)
        store32(rest, 0, option)
        total += option
    return total


@inlined
def write_tcp(segment, flow, answer, total):
    """The TCP header; `total` is the sum of addresses and options so far."""
    ports = i64(flow.ports_isn & u64(LOW_32))
    ports = (ports >> 16) | ((ports & 0xFFFF) << 16)
    sequence = swap32(answer.sequence)
    acknowledgment = swap32(answer.acknowledgment)
    control = (answer.size << 2) | (answer.flags << FLAGS_SHIFT) | WINDOW
    total += PSEUDO_PROTOCOL + swap16(answer.size) + ports + sequence + acknowledgment + control
    store32(segment, 0, ports)
    store32(segment, 4, sequence)
    store32(segment, 8, acknowledgment)
    store32(segment, 12, control)
    store32(segment, 16, fold(total) ^ 0xFFFF)  # and no urgent pointer
