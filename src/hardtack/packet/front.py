"""The front's program: the policy's verdict, carried out. At XDP; and at tcx where frames begin with IP, as on tunnels.

There XDP could send nothing back: its generic hook takes an address for Ethernet's type (bpf_prog_run_generic_xdp), and
tunnels drop what is of no type that they know.
"""

from __future__ import annotations

from hardtack.compiler.language import inlined, new
from hardtack.packet.decide import decide
from hardtack.packet.frame.linear import make_linear
from hardtack.packet.host.again import send_back, was_sent_by_us
from hardtack.packet.layout import NO_HOST, SWITCHED
from hardtack.packet.out.forward import forward
from hardtack.packet.reasons import VERDICT_SHIFT, Verdict
from hardtack.packet.records import Flow
from hardtack.packet.state.count import count
from hardtack.packet.state.hosts import host_at, number_of
from hardtack.packet.state.seen import seen_by_front

ACTIONS = 0x312  # 4 bits a verdict: XDP_PASS, XDP_DROP, XDP_TX (enum xdp_action)
FORWARD, PASS, REPLY, DROP = (int(one) for one in (Verdict.FORWARD, Verdict.PASS, Verdict.REPLY, Verdict.DROP))
NEXT, SHOT = -1, 2  # TCX_NEXT, TCX_DROP

new_flow = new(Flow)


def front(frame):
    """struct xdp_md -> enum xdp_action."""
    flow = new_flow()
    reason = judged(frame, flow)
    if goes_on(reason, flow):
        return forward(frame, flow)
    return (ACTIONS >> ((reason >> VERDICT_SHIFT) * 4)) & 15


def front_ip(frame):
    """struct __sk_buff -> enum tcx_action_base, at ingress. What goes on to a host goes by way of the kernel."""
    if was_sent_by_us(frame):
        return NEXT
    make_linear(frame)
    reason = judged(frame, new_flow())
    if reason >> VERDICT_SHIFT == REPLY:
        return send_back(frame)
    return SHOT if reason >> VERDICT_SHIFT == DROP else NEXT


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
