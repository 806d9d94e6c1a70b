"""The agent's program at tcx ingress of a host: an ACK with a good cookie becomes a socket.

What it does not judge goes on to the kernel untouched. So does a bad cookie: it may be the kernel's own, from a client that
did not come through a front; if not, the kernel answers with the RST that tells a late client to try again.
"""

from __future__ import annotations

from hardtack.compiler.language import new
from hardtack.packet.admit import admit
from hardtack.packet.count import count
from hardtack.packet.layout import Flow
from hardtack.packet.linear import make_linear

NEXT = -1  # TCX_NEXT: whatever else is attached, then the network stack

new_flow = new(Flow)


def agent(frame):
    """struct __sk_buff -> enum tcx_action_base."""
    make_linear(frame)
    count(admit(frame, new_flow()))
    return NEXT
