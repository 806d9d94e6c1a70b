"""A client that comes back by the same port while the host still holds its last connection in TIME_WAIT.

Linux lets the SYN of a newer connection end a TIME_WAIT (RFC 1122 4.2.2.13, RFC 6191). Behind a front it never sees the
SYN, only the ACK that brings the cookie. That takes two segments: a copy of the ACK comes in again, behind the ACK itself,
which turns into the RST that ends the TIME_WAIT (with tcp_rfc1337 = 1 none does; then the copy finds it and passes).

This is no way to end other people's connections: the cookie is good for these addresses, ports and isn only, so whoever
brings it back has read an answer to a SYN that came from that address within the last 96 s, or guessed 24 bits.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    Pointer,
    absent,
    at,
    beyond,
    field_offset,
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
from hardtack.packet.again import copy_comes_again
from hardtack.packet.platform import head, tail
from hardtack.packet.reasons import Reason
from hardtack.packet.wire import RST, TCP

ENDED = int(Reason.time_wait_ended)
KEPT = int(Reason.time_wait_kept)

LOW_32 = 0xFFFFFFFF
SEQUENCE, SIZE_AND_FLAGS, CHECKSUM = 4, 12, 16  # places in the TCP header
RESET = TCP // 4 << 12 | RST  # a header without options: PAWS has nothing to judge by

# bpf_skc_to_tcp_timewait_sock, bpf_l4_csum_replace, bpf_skb_store_bytes
to_time_wait = helper(138, Pointer, Pointer)
mend_checksum = helper(11, i64, Pointer, types.uint32, u64, u64, u64)
write = helper(9, i64, Pointer, types.uint32, Pointer, types.uint32, u64)

next_wanted = field_offset("tcp_timewait_sock.tw_sk.__tw_common.skc_tw_rcv_nxt")
last_timestamp = field_offset("tcp_timewait_sock.tw_ts_recent")


@inlined
def end_time_wait(frame, flow, socket):
    """The TIME_WAIT ends, if the cookie's connection is newer; the segment itself is then the copy that follows."""
    old = to_time_wait(socket)
    if absent(old) or not is_newer(flow, old):
        return KEPT
    sequence = load32(old, next_wanted())
    if not copy_comes_again(frame):  # no room in the queue: the kernel's answer will make the client say it once more
        return KEPT
    return ENDED if become_reset(frame, flow, sequence) else KEPT


@inlined
def is_newer(flow, old):
    """Linux's rule for a SYN (tcp_timewait_state_process). A duplicate of the old connection's first ACK, whose cookie
    may still be good, is not newer: its timestamp came before the last one, its isn before all that was received.
    """
    last = load32(old, last_timestamp())
    if flow.timestamps and last:  # 0: the old connection had none
        elapsed = (swap32(flow.tsval) - last) & LOW_32
        if elapsed:
            return elapsed < 1 << 31
    isn = swap32(i64(flow.ports_isn >> u64(32))) - 1
    ahead = (isn - load32(old, next_wanted())) & LOW_32
    return 0 < ahead and ahead < 1 << 31


@inlined
def become_reset(frame, flow, sequence):
    """Turn the segment into the RST that the old connection believes: RFC 5961 3.2. What was data is not looked at."""
    segment = at(head(frame), flow.transport)
    if beyond(segment, TCP, tail(frame)):
        return False
    size_and_flags = load16(segment, SIZE_AND_FLAGS)
    word = scratch(8)
    store32be(word, 0, sequence)
    store16be(word, 4, RESET)
    checksum = flow.transport + CHECKSUM
    return (
        mend_checksum(frame, checksum, flow.ports_isn >> u64(32), u64(load32(word, 0)), u64(4)) == 0
        and mend_checksum(frame, checksum, u64(size_and_flags), u64(load16(word, 4)), u64(2)) == 0
        and write(frame, flow.transport + SEQUENCE, word, 4, u64(0)) == 0
        and write(frame, flow.transport + SIZE_AND_FLAGS, at(word, 4), 2, u64(0)) == 0
    )
