"""Connections that a listener may have no room for: noted, so that their clients are asked to say their ACK again.

Of a request in its own table the kernel repeats the SYN-ACK until there is room; a cookie's request it drops without a word
(tcp_get_cookie_sock). Who asks is agent/waiting.py. A client that has said something says it again by itself, and must not
be asked: its answer would be from behind that, where the cookie does not hold, and the kernel would reset it.
"""

from __future__ import annotations

from hardtack.compiler.language import address, inlined, load32, new, put_in, swap32, u64
from hardtack.compiler.told_later import field_offset
from hardtack.packet.frame.wire import FIN
from hardtack.packet.layout import WAITING, Waiter, Waiting

BATCH = 64  # segments that may be on their way to TCP already: NAPI_POLL_WEIGHT

queued = field_offset("tcp_sock.inet_conn.icsk_inet.sk.sk_ack_backlog")
room = field_offset("tcp_sock.inet_conn.icsk_inet.sk.sk_max_ack_backlog")
put = put_in(WAITING)
new_waiter, new_waiting = new(Waiter), new(Waiting)


@inlined
def note_if_full(flow, listener):
    """`listener`: a tcp_sock."""
    if load32(listener, queued()) + BATCH <= load32(listener, room()):
        return
    name, numbers = new_waiter(), new_waiting()
    name.source_high, name.source_low = flow.source_high, flow.source_low
    name.destination_high, name.destination_low = flow.destination_high, flow.destination_low
    name.ports = flow.ports_isn & u64(0xFFFFFFFF)
    numbers.sequence, numbers.acknowledgment = flow.ports_isn >> u64(32), swap32(flow.acknowledgment)
    numbers.said = flow.payload | flow.flags & FIN
    numbers.timestamps, numbers.tsval, numbers.tsecr = flow.timestamps, flow.tsval, flow.tsecr
    put(address(name), address(numbers))
