"""The front's program at XDP: the policy's verdict as an XDP action."""

from __future__ import annotations

from hardtack.compiler.language import new
from hardtack.packet.count import count
from hardtack.packet.decide import decide
from hardtack.packet.layout import Flow
from hardtack.packet.reasons import VERDICT_SHIFT

ACTIONS = 0x312  # 4 bits a verdict: XDP_PASS, XDP_DROP, XDP_TX (enum xdp_action)

new_flow = new(Flow)


def front(frame):
    """struct xdp_md -> enum xdp_action."""
    reason = decide(frame, new_flow())
    count(reason)
    return (ACTIONS >> ((reason >> VERDICT_SHIFT) * 4)) & 15


def front_reason(frame):
    """The same, but what it returns is the reason: for engines that act on verdicts themselves."""
    reason = decide(frame, new_flow())
    count(reason)
    return reason
