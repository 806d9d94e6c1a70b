"""The front's program at XDP: the policy's verdict, carried out."""

from __future__ import annotations

from hardtack.compiler.language import inlined, new
from hardtack.packet.count import count
from hardtack.packet.decide import decide
from hardtack.packet.forward import forward
from hardtack.packet.hosts import number_of
from hardtack.packet.layout import NO_HOST, Flow
from hardtack.packet.reasons import VERDICT_SHIFT, Verdict

ACTIONS = 0x312  # 4 bits a verdict: XDP_PASS, XDP_DROP, XDP_TX (enum xdp_action)
FORWARD = int(Verdict.FORWARD)

new_flow = new(Flow)


def front(frame):
    """struct xdp_md -> enum xdp_action."""
    flow = new_flow()
    reason = judged(frame, flow)
    verdict = reason >> VERDICT_SHIFT
    return forward(frame, flow) if verdict == FORWARD else (ACTIONS >> (verdict * 4)) & 15


def front_reason(frame):
    """The same, but what it returns is the reason: for engines that act on verdicts themselves."""
    flow = new_flow()
    reason = judged(frame, flow)
    if reason >> VERDICT_SHIFT == FORWARD:
        forward(frame, flow)
    return reason


@inlined
def judged(frame, flow):
    """The frame's reason, counted."""
    flow.place = NO_HOST
    reason = decide(frame, flow)
    count(reason, number_of(flow))
    return reason
