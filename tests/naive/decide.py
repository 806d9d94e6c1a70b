"""The whole policy, slowly: frame, state and now in; reason, action and frame out, state changed."""

from __future__ import annotations

from dataclasses import dataclass

from hardtack.packet.reasons import FRONT_REASONS, Reason, Verdict, verdict
from naive import budget, checksum, connections, cookie, icmp, known, options, prefixes, rules, sources, teaching
from naive.connections import name_of
from naive.forward import Action, forward
from naive.martians import is_martian
from naive.moment import Moment
from naive.parse import EXTENSIONS, TCP, Flaw, Packet, Segment, network, transport
from naive.reply import reply
from naive.rules import Ruling
from naive.state import PLENTY, Connection, Host, Name, Origin, State, Via, mapped

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
CHRISTMAS = FIN | PSH | URG
NOBODY = 0  # the number of no host
REASONS = {reason for reason in Reason if reason < FRONT_REASONS}


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
    if reason == Reason.answered and len(out) > len(frame) + room:
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
    if segment.flags & SYN:
        return judge_syn(state, frame, segment, host, entry, moment)
    return judge_segment(state, segment, host, entry, moment), frame


def may_hide_tcp(packet: Packet) -> bool:
    """Whether a fragment is of TCP, or of another extension header, behind which TCP may follow (RFC 8200 4.5)."""
    return packet.protocol == TCP or (packet.version == 6 and packet.protocol in EXTENSIONS)


def without_ack(flags: int) -> Reason:
    """A segment that no TCP would send; ECN's bits do not matter."""
    if not flags & (FIN | PSH | URG):
        return Reason.null
    return Reason.xmas if flags & CHRISTMAS == CHRISTMAS else Reason.no_ack


def judge_syn(
    state: State, frame: bytes, segment: Segment, host: Host, entry: Connection | None, moment: Moment
) -> tuple[Reason, bytes]:
    """A segment with SYN, and its answer."""
    # The TCP checksum is not looked at: the client's own ACK proves that what it sent arrived.
    if segment.packet.version == 4 and not checksum.holds(segment.packet.header):
        return Reason.bad_checksum, frame
    if segment.flags & FIN:
        return Reason.syn_fin, frame
    if segment.flags & RST:
        return Reason.syn_rst, frame
    if segment.flags & ACK:
        name = name_of(segment)
        return Reason.stray_syn_ack if entry is None else known.synchronize(state, name, segment, host, moment), frame
    key = state.keys[host.keys].get(cookie.epoch(moment.now_ms))
    if key is None:
        return Reason.no_key, frame
    if entry is not None and not (entry.fin_acked and known.makes_way(entry, segment, moment)):
        if known.has_allowance(state, name_of(segment), moment):
            return Reason.reopened, frame
        if not entry.fin_acked:  # else in FIN-WAIT-2 or TIME-WAIT: RFC 9293 3.6
            return Reason.implausible, frame
    if segment.link[:6] not in state.macs:
        return Reason.not_for_us, frame
    if host.dry_run:  # nobody is answered, and no budget but the host's own is touched
        return Reason.answered if budget.may_be_answered(state, host, moment) else Reason.host_limit, frame
    refusal = budget.refuses(state, segment, host, moment)
    if refusal is not None:
        return refusal, frame
    prefixes.ask(state, name_of(segment), moment)
    return Reason.answered, reply(frame, segment, host, key, moment.now_ms)


def judge_segment(state: State, segment: Segment, host: Host, entry: Connection | None, moment: Moment) -> Reason:
    """A segment with RST or ACK, but no SYN."""
    name = name_of(segment)
    if segment.flags & RST:
        return Reason.stray_rst if entry is None else known.judge_reset(state, name, segment, moment)
    if entry is not None and (not entry.host_fin or known.is_certain(entry, segment)):
        return known.follow(state, name, segment, host, moment)
    tried = prefixes.may_guess(state, name, moment)
    if entry is None and cookie.epoch(moment.now_ms) not in state.keys[host.keys]:
        return Reason.no_key  # hosts answer by themselves
    admitted = bring_cookie(state, segment, host, moment.now_ms) if tried else None
    if isinstance(admitted, cookie.Admitted):
        return remember(state, name, segment, host, admitted, moment)
    if tried and not host.dry_run:
        prefixes.count_failure(state, name, moment)
    if entry is not None:
        return known.follow(state, name, segment, host, moment)
    if moment.ms < (state.grace_until if host.grace_until is None else host.grace_until):
        return learn_in_grace(state, name, segment, host, moment)
    return stray(segment) if tried else Reason.guess_limit


def bring_cookie(state: State, segment: Segment, host: Host, now_ms: int) -> cookie.Admitted | cookie.Refusal:
    """What a client's ACK brings back, judged by the host's keys."""
    packet = segment.packet
    flow = cookie.Flow(packet.source, packet.destination, segment.source_port, segment.destination_port)
    tsecr = options.parse(segment.options).tsecr
    keys, old = state.keys[host.keys], state.old_keys.get(host.keys)
    return cookie.check_by_either(keys, old, flow, segment.seq, segment.ack, tsecr, now_ms, host.scale)


def remember(state: State, name: Name, segment: Segment, host: Host, admitted: cookie.Admitted, moment: Moment) -> Reason:
    """A good cookie: the connection is known, if its prefix may open one more."""
    if not prefixes.may_open(state, name, moment):
        return Reason.newcomer_limit
    entry = connections.begin(state, name, host, Origin.cookie, moment, not prefixes.is_busy(state, name, moment))
    if entry is None:
        return Reason.newcomer_limit
    connections.brought(entry, segment, host, admitted)
    return Reason.remembered


def learn_in_grace(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A connection that may have existed before the front did."""
    if not budget.may_learn(state, moment):
        return Reason.learn_limit
    entry = connections.begin(state, name, host, Origin.grace, moment)
    assert entry is not None
    connections.note(entry, segment, host)
    return Reason.learned


def stray(segment: Segment) -> Reason:
    """Nobody's ACK, or worse."""
    if segment.flags & FIN:
        return Reason.stray_fin
    return Reason.stray_data if segment.has_payload else Reason.stray_ack
