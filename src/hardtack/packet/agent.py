"""The agent's program at tcx ingress of a host: an ACK with a good cookie becomes a socket.

What it does not judge goes on to the kernel untouched. So does a bad cookie: it may be the kernel's own, from a client that
did not come through a front; if not, the kernel answers with the RST that tells a late client to try again.

Network cards hand over several segments at a time, and the kernel runs this on all of a batch before TCP sees the first
(netif_receive_skb_list). So the request right behind the ACK still finds a listening socket. Were it admitted too, the
kernel would find the connection already made and drop it, and the client would wait for its retransmission. And where the
request itself brings the cookie, the kernel would reset the client for what follows it. Therefore what brings data or a FIN
to a listening socket comes in again: by then the socket is there, or it makes its own, or has a bad cookie indeed.

Where NAT rules are active, what was admitted comes in once more, on lo, and is admitted there: see agent/round_lo.py. It has
been counted, unless nothing comes of it.
"""

from __future__ import annotations

from hardtack.compiler.language import inlined, load32, new, store32
from hardtack.packet.frame.linear import make_linear
from hardtack.packet.frame.whole import make_whole
from hardtack.packet.host.admit import admit
from hardtack.packet.host.again import INTERFACE
from hardtack.packet.host.round_lo import LOOPBACK, NUMBERS, OURS, OURS_SHIFT, PRIORITY
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Flow
from hardtack.packet.state.count import count_at_agent

NEXT = -1  # TCX_NEXT: whatever else is attached, then the network stack
REDIRECT = 7  # TCX_REDIRECT: where the program has said
BEHIND = int(Reason.behind)
ADMITTED = int(Reason.admitted)

new_flow = new(Flow)


def agent(frame):
    """struct __sk_buff -> enum tcx_action_base."""
    round_lo = load32(frame, INTERFACE) == LOOPBACK
    if round_lo and load32(frame, PRIORITY) >> OURS_SHIFT != OURS:
        return NEXT
    make_whole(frame)
    make_linear(frame)
    flow = new_flow()
    reason = admit(frame, flow)
    if reason == ADMITTED:
        mark(frame, round_lo)
    if reason != ADMITTED or not round_lo:
        count_at_agent(reason, flow.size)
    return REDIRECT if reason == BEHIND else NEXT


@inlined
def mark(frame, round_lo):
    """Know it again, if it comes round lo; which it does once."""
    store32(frame, PRIORITY, 0 if round_lo else OURS << OURS_SHIFT | load32(frame, INTERFACE) & NUMBERS)
