"""The front's program at XDP: the policy's verdict, carried out."""

from __future__ import annotations

from hardtack.compiler.language import inlined, new
from hardtack.packet.count import count
from hardtack.packet.decide import decide
from hardtack.packet.forward import forward
from hardtack.packet.hosts import host_at, number_of
from hardtack.packet.layout import NO_HOST, SWITCHED
from hardtack.packet.reasons import VERDICT_SHIFT, Verdict
from hardtack.packet.records import Flow
from hardtack.packet.seen import seen_by_front

ACTIONS = 0x312  # 4 bits a verdict: XDP_PASS, XDP_DROP, XDP_TX (enum xdp_action)
FORWARD, PASS = int(Verdict.FORWARD), int(Verdict.PASS)

new_flow = new(Flow)


def front(frame):
    """struct xdp_md -> enum xdp_action."""
    flow = new_flow()
    reason = judged(frame, flow)
    if goes_on(reason, flow):
        return forward(frame, flow)
    return (ACTIONS >> ((reason >> VERDICT_SHIFT) * 4)) & 15


def front_reason(frame):
    """The same, but what it returns is the reason: for engines that act on verdicts themselves."""
    flow = new_flow()
    reason = judged(frame, flow)
    if goes_on(reason, flow):
        forward(frame, flow)
    return reason


@inlined
def goes_on(reason, flow):
    """Whether the frame is sent on to its host. Where the front is a switch, that is also what it just lets pass."""
    if reason >> VERDICT_SHIFT == FORWARD:
        return True
    return reason >> VERDICT_SHIFT == PASS and flow.place != NO_HOST and host_at(flow.place).via == SWITCHED


@inlined
def judged(frame, flow):
    """The frame's reason, counted."""
    flow.place = NO_HOST
    seen_by_front()
    reason = decide(frame, flow)
    count(reason, number_of(flow))
    return reason
