"""The whole policy, slowly: frame, state and now in; reason, action and frame out, state changed."""

from __future__ import annotations

from dataclasses import dataclass

from hardtack.packet.reasons import Reason, Verdict, verdict
from naive import budget, checksum, connections, cookie, icmp, options
from naive.connections import name_of
from naive.forward import Action, forward
from naive.parse import EXTENSIONS, TCP, Flaw, Packet, Segment, network, transport
from naive.reply import reply
from naive.state import PLENTY, Host, Origin, State, Via, mapped

# Of the agent alone
AGENT = {
    "fragment",
    "extension",
    "not_tcp",
    "not_ack",
    "known",
    "no_listener",
    "admitted",
    "bad_cookie",
    "not_admitted",
}
AGENT |= {"time_wait_ended", "time_wait_kept", "connection_ended", "connection_kept", "behind"}

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
CHRISTMAS = FIN | PSH | URG
NOBODY = 0  # the number of no host
REASONS = {reason for reason in Reason if reason.name not in AGENT}


@dataclass(frozen=True)
class Decision:
    """What became of a frame, and which host's counter has it."""

    reason: Reason
    action: Action
    frame: bytes
    number: int = NOBODY


def decide(state: State, frame: bytes, now_ms: int, room: int = PLENTY) -> Decision:
    """A frame from the internet. `room` is by how many bytes the engine can let a frame grow."""
    packet = network(frame)
    if isinstance(packet, Reason):
        return Decision(packet, Action.kernel, frame)
    host = state.hosts.get(mapped(packet.destination))
    if host is None:
        return Decision(Reason.not_ours, Action.kernel, frame)
    reason, out = judge(state, frame, packet, host, now_ms)
    if reason == Reason.answered and len(out) > len(frame) + room:
        reason, out = Reason.no_room, frame
    if verdict(reason) == Verdict.FORWARD or (verdict(reason) == Verdict.PASS and host.via == Via.switched):
        sent = forward(state, frame, packet, host, room)
        return Decision(reason, sent.action, sent.frame, host.number)
    action = {Verdict.PASS: Action.kernel, Verdict.DROP: Action.drop, Verdict.REPLY: Action.back}[verdict(reason)]
    return Decision(reason, action, out, host.number)


def learn(state: State, frame: bytes, now_ms: int) -> Decision:
    """A frame from a host, seen at an inside interface or as it leaves: it passes, whatever it is."""
    packet = network(frame)
    if isinstance(packet, Reason):
        return Decision(packet, Action.kernel, frame)
    host = state.hosts.get(mapped(packet.source))
    if host is None:
        return Decision(Reason.not_ours, Action.kernel, frame)
    segment = transport(packet) if packet.flaw is None and packet.protocol == TCP else None
    reason = Reason.outbound_other
    if isinstance(segment, Segment) and host.protects(segment.source_port):
        reason = connections.learn(state, segment, host, now_ms)
    return Decision(reason, Action.kernel, frame, host.number)


def judge(state: State, frame: bytes, packet: Packet, host: Host, now_ms: int) -> tuple[Reason, bytes]:
    """Why what happens to a frame for a host, and the answer to it if it is answered."""
    flaws = {Flaw.cut: Reason.cut_short, Flaw.chain: Reason.bad_extensions}
    if packet.flaw in flaws:
        return flaws[packet.flaw], frame
    if packet.flaw is not None and may_hide_tcp(packet):
        return Reason.first_fragment if packet.flaw == Flaw.first_fragment else Reason.later_fragment, frame
    if packet.protocol != TCP:
        return icmp.judge(state, packet, host), frame
    segment = transport(packet)
    if isinstance(segment, Flaw):
        return Reason.cut_short if segment == Flaw.cut else Reason.bad_offset, frame
    if not host.protects(segment.destination_port):
        return Reason.other_port, frame
    if segment.flags & SYN:
        return judge_syn(state, frame, segment, host, now_ms)
    if not segment.flags & (RST | ACK):
        return without_ack(segment.flags), frame
    return judge_segment(state, segment, host, now_ms), frame


def may_hide_tcp(packet: Packet) -> bool:
    """Whether a fragment is of TCP, or of another extension header, behind which TCP may follow (RFC 8200 4.5)."""
    return packet.protocol == TCP or (packet.version == 6 and packet.protocol in EXTENSIONS)


def without_ack(flags: int) -> Reason:
    """A segment that no TCP would send; ECN's bits do not matter."""
    if not flags & (FIN | PSH | URG):
        return Reason.null
    return Reason.xmas if flags & CHRISTMAS == CHRISTMAS else Reason.no_ack


def judge_syn(state: State, frame: bytes, segment: Segment, host: Host, now_ms: int) -> tuple[Reason, bytes]:
    """A segment with SYN, and its answer."""
    # The TCP checksum is not looked at: the client's own ACK proves that what it sent arrived.
    if segment.packet.version == 4 and not checksum.holds(segment.packet.header):
        return Reason.bad_checksum, frame
    if segment.flags & FIN:
        return Reason.syn_fin, frame
    if segment.flags & RST:
        return Reason.syn_rst, frame
    known = state.connections.get(name_of(segment))
    if segment.flags & ACK:
        if known is None:
            return Reason.stray_syn_ack, frame
        connections.synchronize(known, segment, now_ms)
        return Reason.connection, frame
    key = state.keys[host.keys].get(cookie.epoch(now_ms))
    if key is None:
        return Reason.no_key, frame
    refusal = budget.refuses(state, segment, host, now_ms)
    if refusal is not None:
        return refusal, frame
    if known is not None and not known.host_fin:
        return Reason.reopened, frame
    return Reason.answered, reply(frame, segment, host, key, now_ms)


def judge_segment(state: State, segment: Segment, host: Host, now_ms: int) -> Reason:
    """A segment with RST or ACK, but no SYN."""
    known = state.connections.get(name_of(segment))
    if segment.flags & RST:
        return Reason.stray_rst if known is None else connections.judge_reset(state, segment)
    if known is not None and not known.host_fin:
        connections.follow(known, segment, now_ms)
        return Reason.connection
    if known is None and cookie.epoch(now_ms) not in state.keys[host.keys]:
        return Reason.no_key  # hosts answer by themselves
    if isinstance(bring_cookie(state, segment, host, now_ms), cookie.Admitted):
        connections.remember(state, segment, host, Origin.cookie, now_ms)
        return Reason.remembered
    if known is not None:
        connections.follow(known, segment, now_ms)
        return Reason.connection
    if now_ms < state.grace_until:
        if not budget.spend(state, budget.LEARNING, state.learned, now_ms):
            return Reason.learn_limit
        connections.remember(state, segment, host, Origin.grace, now_ms)
        return Reason.learned
    if segment.flags & FIN:
        return Reason.stray_fin
    return Reason.stray_data if segment.has_payload else Reason.stray_ack


def bring_cookie(state: State, segment: Segment, host: Host, now_ms: int) -> cookie.Admitted | cookie.Refusal:
    """What a client's ACK brings back, judged by the host's keys."""
    packet = segment.packet
    flow = cookie.Flow(packet.source, packet.destination, segment.source_port, segment.destination_port)
    tsecr = options.parse(segment.options).tsecr
    return cookie.check(state.keys[host.keys], flow, segment.seq, segment.ack, tsecr, now_ms)
