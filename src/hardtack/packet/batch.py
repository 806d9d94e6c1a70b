"""The segments that follow an admitted ACK in the same batch.

Network cards hand over several segments at a time, and the kernel runs tcx programs on all of a batch before TCP sees the
first (netif_receive_skb_list). So the request right behind the ACK still finds a listening socket. Were it admitted too,
the kernel would find the connection already made and drop it, and the client would wait for its retransmission.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, at, field_offset, i64, inlined, load32, own_entry, u64, viewed
from hardtack.packet.layout import ADMITTED_SLOTS, RECENT, Admitted, Recent
from hardtack.packet.platform import tick

LOW_32 = 0xFFFFFFFF
SLOT_SIZE = Admitted.itemsize
MIXED = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio

own_recent = own_entry(RECENT, Recent)
slot_at = viewed(Admitted)

waiting = field_offset("tcp_sock.inet_conn.icsk_inet.sk.sk_ack_backlog")
most_waiting = field_offset("tcp_sock.inet_conn.icsk_inet.sk.sk_max_ack_backlog")


@inlined
def word_of(flow):
    """What tells one connection's segments from others': the ports, and the cookie, which speaks for the addresses."""
    return (u64(flow.acknowledgment) << u64(32)) | (flow.ports_isn & u64(LOW_32))


@inlined
def follows_admitted(flow):
    """Whether this CPU has admitted a segment of the same connection in this tick or the last."""
    recent = own_recent()
    if absent(recent):
        return False
    slot = find_slot(recent, word_of(flow))
    return slot.word == word_of(flow) and tick() - slot.tick <= u64(1)


@inlined
def remember_admitted(flow, listener):
    """Only if the kernel will make the connection: with a full queue it drops the segment, and its followers must not
    pass for those of a connection, because there is none, and they would be reset (sk_acceptq_is_full)."""
    recent = own_recent()
    if absent(recent) or load32(listener, waiting()) > load32(listener, most_waiting()):
        return
    slot = find_slot(recent, word_of(flow))
    slot.word, slot.tick = word_of(flow), tick()


@inlined
def find_slot(recent, word):
    """The one place that a word may be kept in."""
    number = i64((word * u64(MIXED)) >> u64(58))
    return slot_at(at(address(recent), (number & (ADMITTED_SLOTS - 1)) * SLOT_SIZE))
