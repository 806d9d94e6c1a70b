"""Programs that see what hosts send, and learn from it: at XDP where it comes in, or at tcx where it leaves."""

from __future__ import annotations

from hardtack.compiler.language import inlined, new
from hardtack.packet.count import count
from hardtack.packet.hosts import number_of
from hardtack.packet.layout import NO_HOST, Flow
from hardtack.packet.learn import learn
from hardtack.packet.linear import make_linear

PASS = 2  # XDP_PASS
NEXT = -1  # TCX_NEXT

new_flow = new(Flow)


def inside(frame):
    """struct xdp_md -> enum xdp_action, on an interface that hosts are behind."""
    learned_from(frame)
    return PASS


def inside_reason(frame):
    """The same, but what it returns is the reason."""
    return learned_from(frame)


def leaving(frame):
    """struct __sk_buff -> enum tcx_action_base, on what goes out to the internet."""
    make_linear(frame)
    learned_from(frame)
    return NEXT


@inlined
def learned_from(frame):
    """The frame's reason, counted."""
    flow = new_flow()
    flow.place = NO_HOST
    reason = learn(frame, flow)
    count(reason, number_of(flow))
    return reason
