"""A client that comes back by the same port while the host still holds its last connection, in whatever state.

Without a front the host would see the SYN. Linux lets that of a newer connection end a TIME_WAIT (RFC 1122 4.2.2.13, RFC
6191). In any other state it asks the client back, whose RST then ends the old connection (RFC 5961 4). Behind a front it may
never see the SYN, only the ACK that brings the cookie. That takes two segments: a copy of the ACK comes in again, behind the
ACK itself, which turns into the RST that ends the old connection (RFC 5961 3.2: it has the very number that is expected). If
it lives on (TIME_WAIT with tcp_rfc1337 = 1, TCP-AO), the copy finds it, and is refused: see `admit`.

This is no way to end other people's connections. The cookie is good for these addresses, ports and isn only, so whoever
brings it back has read an answer to a SYN that came from that address within the last 96 s, or guessed: 24 bits, 31 with
timestamps, half of them wasted on what is not newer, and anew in each epoch. A blind RST has to guess 32 bits. What makes up
for the difference is the front: it lets no segment with a bad cookie pass, but those of connections that it knows, and their
SYNs it does not answer while the host is not done with them.

A host that is in SYN_SENT, by a port on which it also listens, is left alone: what it asks for itself counts for more.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    Pointer,
    absent,
    at,
    beyond,
    helper,
    i64,
    inlined,
    load16,
    load32,
    scratch,
    store16be,
    store32be,
    swap32,
    types,
    u64,
)
from hardtack.compiler.told_later import field_offset
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import RST, TCP
from hardtack.packet.host.again import copy_comes_again
from hardtack.packet.reasons import Reason

TIME_WAIT_ENDED, TIME_WAIT_KEPT = int(Reason.time_wait_ended), int(Reason.time_wait_kept)
ENDED, KEPT = int(Reason.connection_ended), int(Reason.connection_kept)
KNOWN = int(Reason.known)

SYN_SENT, TIME_WAIT, CLOSE, LISTEN, REQUEST = 2, 6, 7, 10, 12  # TCP_* of net/tcp_states.h; a request: TCP_NEW_SYN_RECV
LOW_32 = 0xFFFFFFFF
QUARTERS = 0xFFFFFF00  # of a second: the bits of a cookie's TSval that tell the time; it counts ms
MSS_BITS = 2  # of the TSval: its first ones do not tell the time
SEQUENCE, SIZE_AND_FLAGS, CHECKSUM = 4, 12, 16  # places in the TCP header
RESET = TCP // 4 << 12 | RST  # a header without options: PAWS has nothing to judge by

# bpf_skc_to_tcp_sock, bpf_skc_to_tcp_timewait_sock, bpf_skc_to_tcp_request_sock
to_tcp_socket = helper(137, Pointer, Pointer)
to_time_wait = helper(138, Pointer, Pointer)
to_request = helper(139, Pointer, Pointer)
# bpf_l4_csum_replace, bpf_skb_store_bytes
mend_checksum = helper(11, i64, Pointer, types.uint32, u64, u64, u64)
write = helper(9, i64, Pointer, types.uint32, Pointer, types.uint32, u64)

waiting_next = field_offset("tcp_timewait_sock.tw_sk.__tw_common.skc_tw_rcv_nxt")
waiting_stamp = field_offset("tcp_timewait_sock.tw_ts_recent")
request_isn = field_offset("tcp_request_sock.snt_isn")
request_next = field_offset("tcp_request_sock.rcv_nxt")
unacknowledged, next_sent = field_offset("tcp_sock.snd_una"), field_offset("tcp_sock.snd_nxt")
next_wanted, window = field_offset("tcp_sock.rcv_nxt"), field_offset("tcp_sock.rcv_wnd")
received, acknowledged = field_offset("tcp_sock.bytes_received"), field_offset("tcp_sock.bytes_acked")
last_stamp, last_echo = field_offset("tcp_sock.rx_opt.ts_recent"), field_offset("tcp_sock.rx_opt.rcv_tsecr")
stamp_offset = field_offset("tcp_sock.tsoffset")


@inlined
def is_of_another(flow, socket, state):
    """Whether a segment cannot be of the connection that is there. What can be, as all ordinary traffic, costs no hash.

    It acknowledges what is not on its way to the client, or comes from beyond the window: RFC 9293 3.10.7.4.
    """
    if state == TIME_WAIT or state == LISTEN:
        return True
    if state == REQUEST:
        request = to_request(socket)
        return not absent(request) and flow.acknowledgment != (load32(request, request_isn()) + 1) & LOW_32
    if state == SYN_SENT or state == CLOSE:
        return False
    old = to_tcp_socket(socket)
    if absent(old):
        return False
    oldest = load32(old, unacknowledged())
    if (flow.acknowledgment - oldest) & LOW_32 > (load32(old, next_sent()) - oldest) & LOW_32:
        return not is_first(flow, old)
    ahead = (sequence(flow) - load32(old, next_wanted())) & LOW_32
    return load32(old, window()) < ahead and ahead < 1 << 31


@inlined
def is_first(flow, old):
    """Whether it is a duplicate of the connection's own first ACK, whose cookie may be as good as ever."""
    begun = (load32(old, unacknowledged()) - load32(old, acknowledged())) & LOW_32
    return flow.acknowledgment == begun and sequence(flow) == (load32(old, next_wanted()) - load32(old, received())) & LOW_32


@inlined
def end_former(frame, flow, socket, state, again):
    """The old connection ends, if the cookie's is newer; the segment itself is then the copy that follows.

    `again`: the segment is that copy, and the old connection has not ended. Else, it stays: who has sent this is refused.
    """
    ended, kept = (TIME_WAIT_ENDED, TIME_WAIT_KEPT) if state == TIME_WAIT else (ENDED, KEPT)
    found, wanted, stamp, echo = numbers_of(socket, state)
    # A request has proved nothing yet; a cookie has
    if again or not found or not (state == REQUEST or is_newer(flow, wanted, stamp, echo)):
        return kept
    if not copy_comes_again(frame):  # no room in the queue: the kernel's answer will make the client say it once more
        return KNOWN
    return ended if become_reset(frame, flow, wanted) else kept


@inlined
def numbers_of(socket, state):
    """Of the old connection: whether it is there, the sequence number it expects, and the last TSval and TSecr, or 0."""
    if state == TIME_WAIT:
        waiting = to_time_wait(socket)
        if absent(waiting):
            return False, 0, 0, 0
        return True, load32(waiting, waiting_next()), load32(waiting, waiting_stamp()), 0
    if state == REQUEST:
        request = to_request(socket)
        if absent(request):
            return False, 0, 0, 0
        return True, load32(request, request_next()), 0, 0
    old = to_tcp_socket(socket)
    if absent(old):
        return False, 0, 0, 0
    echo = load32(old, last_echo())
    if echo:  # the kernel keeps it by its own clock
        echo = (echo + load32(old, stamp_offset())) & LOW_32
    return True, load32(old, next_wanted()), load32(old, last_stamp()), echo


@inlined
def is_newer(flow, wanted, stamp, echo):
    """By its isn or by its timestamp: RFC 6191. A duplicate of an old first ACK, whose cookie may still be good, is not:
    its timestamp came before the last one, its isn before all that was received.

    A client that was restarted, or is another one behind the same NAT, may have any clock and isn. But its cookie was made
    after the host's last segment that the old connection has acknowledged, and both tell that by the same clock: see
    `describe`.
    """
    if is_after(sequence(flow) - 1, wanted):
        return True
    if not flow.timestamps or not stamp:  # 0: the old connection had none
        return False
    if echo and is_after((swap32(flow.tsecr) & QUARTERS) << MSS_BITS, echo << MSS_BITS):
        return True
    return is_after(swap32(flow.tsval), stamp)


@inlined
def is_after(this, that):
    """Whether a 32-bit number that goes round comes after another."""
    ahead = (this - that) & LOW_32
    return 0 < ahead and ahead < 1 << 31


@inlined
def sequence(flow):
    """The segment's sequence number."""
    return swap32(i64(flow.ports_isn >> u64(32)))


@inlined
def become_reset(frame, flow, wanted):
    """Turn the segment into the RST that the old connection believes: RFC 5961 3.2. What was data is not looked at."""
    segment = at(head(frame), flow.transport)
    if beyond(segment, TCP, tail(frame)):
        return False
    size_and_flags = load16(segment, SIZE_AND_FLAGS)
    word = scratch(8)
    store32be(word, 0, wanted)
    store16be(word, 4, RESET)
    checksum = flow.transport + CHECKSUM
    return (
        mend_checksum(frame, checksum, flow.ports_isn >> u64(32), u64(load32(word, 0)), u64(4)) == 0
        and mend_checksum(frame, checksum, u64(size_and_flags), u64(load16(word, 4)), u64(2)) == 0
        and write(frame, flow.transport + SEQUENCE, word, 4, u64(0)) == 0
        and write(frame, flow.transport + SIZE_AND_FLAGS, at(word, 4), 2, u64(0)) == 0
    )
