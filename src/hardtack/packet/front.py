"""The front's program: the policy's verdict, carried out. At XDP; and at tcx where frames begin with IP, as on tunnels.

There XDP could send nothing back: its generic hook takes an address for Ethernet's type (bpf_prog_run_generic_xdp), and
tunnels drop what is of no type that they know.
"""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, new, u64
from hardtack.packet.decide import decide, decide_ruled
from hardtack.packet.explained import clear, keep
from hardtack.packet.frame.linear import make_linear
from hardtack.packet.frame.link import came_by
from hardtack.packet.host.again import send_back, was_sent_by_us
from hardtack.packet.layout import NO_HOST, SWITCHED
from hardtack.packet.out.forward import forward
from hardtack.packet.out.tap import note, show
from hardtack.packet.reasons import GROUP_SHIFT, VERDICTS, Verdict
from hardtack.packet.records import Flow
from hardtack.packet.state.count import count
from hardtack.packet.state.hosts import host_of
from hardtack.packet.state.ruling import DRY
from hardtack.packet.state.seen import seen_by_front

FORWARD, PASS, REPLY, DROP = (int(one) for one in (Verdict.FORWARD, Verdict.PASS, Verdict.REPLY, Verdict.DROP))
NEXT, SHOT = -1, 2  # TCX_NEXT, TCX_DROP

new_flow = new(Flow)


def front(frame):
    """struct xdp_md -> enum xdp_action."""
    note(frame)
    flow = new_flow()
    return carried_out(frame, flow, judged(frame, flow))


def front_ip(frame):
    """struct __sk_buff -> enum tcx_action_base, at ingress. What goes on to a host goes by way of the kernel."""
    if was_sent_by_us(frame):
        return NEXT
    make_linear(frame)
    note(frame)
    flow = new_flow()
    return carried_out_by_kernel(frame, flow, judged(frame, flow))


def front_ruled(frame):
    """As `front`, behind a rule program."""
    flow = new_flow()
    return carried_out(frame, flow, judged_by_rules(frame, flow))


def front_ip_ruled(frame):
    """As `front_ip`, behind a rule program."""
    flow = new_flow()
    return carried_out_by_kernel(frame, flow, judged_by_rules(frame, flow))


def front_reason(frame):
    """The same, but what it returns is the reason: for engines that act on verdicts themselves."""
    flow = new_flow()
    clear(flow)
    reason = judged(frame, flow)
    carried_out(frame, flow, reason)
    keep(flow)
    return reason


@inlined
def carried_out(frame, flow, reason):
    """The verdict at XDP: the frame is sent on to its host, or an action is told (enum xdp_action)."""
    action = forward(frame, flow) if goes_on(reason, flow) else verdict_of(reason)
    return show(frame, flow, reason, action)


@inlined
def carried_out_by_kernel(frame, flow, reason):
    """The verdict at tcx (enum tcx_action_base); in a dry run all goes on."""
    verdict, action = verdict_of(reason), NEXT
    if verdict == REPLY and not flow.ruling & DRY:
        action = send_back(frame)
    elif verdict == DROP and not flow.ruling & DRY:
        action = SHOT
    return show(frame, flow, reason, action)


@inlined
def goes_on(reason, flow):
    """Whether the frame is sent on to its host. Where the front is a switch, that is also what it just lets pass.

    In a dry run it is also what would have been dropped, or answered.
    """
    if verdict_of(reason) == FORWARD or (flow.ruling & DRY and verdict_of(reason) != PASS):
        return True
    return verdict_of(reason) == PASS and flow.host != NO_HOST and host_of(flow).via == SWITCHED


@inlined
def verdict_of(reason):
    """What reasons.verdict says: but for FORWARD, an XDP action (enum xdp_action)."""
    return i64(u64(VERDICTS) >> u64((reason >> GROUP_SHIFT) * 2)) & 3


@inlined
def judged(frame, flow):
    """The frame's reason, counted."""
    flow.host, flow.ruling = NO_HOST, 0
    flow.uplink = came_by(frame)
    seen_by_front(flow.uplink)
    reason = decide(frame, flow)
    count(reason, flow.host, flow.size)
    return reason


@inlined
def judged_by_rules(frame, flow):
    """The same, behind a rule program."""
    flow.uplink = came_by(frame)
    reason = decide_ruled(frame, flow)
    count(reason, flow.host, flow.size)
    return reason
