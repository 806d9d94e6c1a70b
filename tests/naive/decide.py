"""The whole policy, slowly: frame, state and now in; reason, action and frame out, state changed."""

from __future__ import annotations

from dataclasses import dataclass

from hardtack.packet.reasons import FRONT_REASONS, Reason, Verdict, verdict
from naive import half_open, icmp, prefixes, rules, segments, sources, syn, teaching
from naive.connections import name_of
from naive.forward import Action, forward
from naive.martians import is_martian
from naive.moment import Moment
from naive.parse import EXTENSIONS, TCP, Flaw, Packet, Segment, network, transport
from naive.rules import Ruling
from naive.state import PLENTY, Host, State, Via, mapped

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
CHRISTMAS = FIN | PSH | URG
NOBODY = 0  # the number of no host
REASONS = {reason for reason in Reason if reason < FRONT_REASONS} - {Reason.held}  # but the steering program's


@dataclass(frozen=True)
class Decision:
    """What became of a frame, and which host's counter has it."""

    reason: Reason
    action: Action
    frame: bytes
    number: int = NOBODY


def decide(state: State, frame: bytes, moment: Moment, room: int = PLENTY) -> Decision:
    """A frame from the internet. `room` is by how many bytes the engine can let a frame grow."""
    packet = network(frame)
    if isinstance(packet, Reason):
        return Decision(packet, Action.kernel, frame)
    host = host_of(state, packet.destination)
    if host is None:
        return Decision(Reason.not_ours, Action.kernel, frame)
    said: rules.Ruling | Reason = Reason.denied
    if not sources.is_denied(state, packet, host):
        said = rules.judge(state.ruled, host.rules, host.protect, host.ruling, frame, packet, moment)
    reason, out = (said, frame) if isinstance(said, Reason) else judge(state, frame, packet, host, said, moment)
    if host.dry_run and verdict(reason) != Verdict.PASS:
        sent = forward(state, frame, packet, host, room)
        return Decision(reason, sent.action, sent.frame, host.number)
    if verdict(reason) == Verdict.REPLY and len(out) > len(frame) + room:
        reason, out = Reason.no_room, frame
    if verdict(reason) == Verdict.FORWARD or (verdict(reason) == Verdict.PASS and host.via == Via.switched):
        sent = forward(state, frame, packet, host, room)
        return Decision(reason, sent.action, sent.frame, host.number)
    action = {Verdict.PASS: Action.kernel, Verdict.DROP: Action.drop, Verdict.REPLY: Action.back}[verdict(reason)]
    return Decision(reason, action, out, host.number)


def learn(state: State, frame: bytes, moment: Moment, leaving: bool = False, looped: bool = False) -> Decision:
    """A frame from a host, seen at an inside interface or as it leaves: it passes, whatever it is.

    leaving: it is on its way out to the internet; looped: by the very interface that it came in by.
    """
    packet = network(frame)
    if isinstance(packet, Reason):
        return Decision(packet, Action.kernel, frame)
    host = host_of(state, packet.source)
    if host is None:
        return Decision(Reason.not_ours, Action.kernel, frame)
    segment = transport(packet) if packet.flaw is None and packet.protocol == TCP else None
    reason = Reason.outbound_other
    if isinstance(segment, Segment) and (host.protects(segment.source_port) or host.ruling.every_port):
        origin = state.origin_of(mapped(packet.source)) or packet.link[6:12]
        forged = looped and not host.one_armed if leaving else packet.link[6:12] != origin
        reason = Reason.outbound_forged if forged else teaching.learn(state, segment, host, moment)
    return Decision(reason, Action.kernel, frame, host.number)


def host_of(state: State, address: bytes) -> Host | None:
    """Who is called so in a packet. IPv4-mapped addresses are none that IPv6 carries (RFC 4291 2.5.5.2, RFC 6890)."""
    if len(address) == 16 and address.startswith(prefixes.IPV4_IN_IPV6):
        return None
    return state.host_of(mapped(address))


def judge(
    state: State, frame: bytes, packet: Packet, host: Host, ruling: Ruling, moment: Moment
) -> tuple[Reason, bytes]:
    """Why what happens to a frame for a host, and the answer to it if it is answered. `ruling`: what rules say of it."""
    flaws = {Flaw.cut: Reason.cut_short, Flaw.chain: Reason.bad_extensions}
    if packet.flaw in flaws:
        return flaws[packet.flaw], frame
    if packet.flaw is not None and may_hide_tcp(packet):
        return Reason.first_fragment if packet.flaw == Flaw.first_fragment else Reason.later_fragment, frame
    if packet.protocol != TCP:
        return icmp.judge(state, packet, host, ruling, moment), frame
    segment = transport(packet)
    if isinstance(segment, Flaw):
        return Reason.cut_short if segment == Flaw.cut else Reason.bad_offset, frame
    if not ruling.protected and not host.protects(segment.destination_port):
        return Reason.other_port, frame
    if ruling.by_default and not host.drops:
        return Reason.default_pass, frame
    if not segment.flags & (SYN | RST | ACK):
        return without_ack(segment.flags), frame
    entry = state.connections.get(name_of(segment))
    if entry is None and ruling.by_default:
        return Reason.default_drop, frame
    if entry is None and is_martian(packet.source, packet.destination):
        return Reason.martian, frame
    if entry is not None and half_open.is_given_up(entry, segment, moment):
        state.forget(name_of(segment))
        entry = None
    if segment.flags & SYN:
        return syn.judge(state, frame, segment, host, entry, moment)
    return segments.judge(state, segment, host, entry, moment), frame


def may_hide_tcp(packet: Packet) -> bool:
    """Whether a fragment is of TCP, or of another extension header, behind which TCP may follow (RFC 8200 4.5)."""
    return packet.protocol == TCP or (packet.version == 6 and packet.protocol in EXTENSIONS)


def without_ack(flags: int) -> Reason:
    """A segment that no TCP would send; ECN's bits do not matter."""
    if not flags & (FIN | PSH | URG):
        return Reason.null
    return Reason.xmas if flags & CHRISTMAS == CHRISTMAS else Reason.no_ack
