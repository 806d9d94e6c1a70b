"""A segment with RST or ACK, but no SYN: of a known connection, or with a proof or a cookie, or a stray."""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive import budget, challenge, connections, cookie, half_open, known, options, prefixes, proven
from naive.connections import name_of
from naive.moment import Moment
from naive.parse import Segment
from naive.reply import flow_of
from naive.state import Connection, Handshake, Host, Name, Origin, State

FIN, RST = 0x01, 0x04


def judge(state: State, segment: Segment, host: Host, entry: Connection | None, moment: Moment) -> Reason:
    """Why what becomes of it."""
    name = name_of(segment)
    if segment.flags & RST:
        return judge_reset(state, name, segment, host, entry, moment)
    if entry is not None and (not entry.host_fin or known.is_certain(entry, segment)):
        return follow(state, name, segment, host, moment)
    if host.handshake.configured != Handshake.cookie:
        return without_cookies(state, name, segment, host, moment)
    tried = prefixes.may_guess(state, name, moment)
    if entry is None and has_no_key(state, host, moment):
        return Reason.no_key  # hosts answer by themselves
    admitted = bring_cookie(state, segment, host, moment.now_ms) if tried else None
    if isinstance(admitted, cookie.Admitted):
        return remember(state, name, segment, host, admitted, moment)
    if tried and not host.dry_run:
        prefixes.count_failure(state, name, moment)
    if entry is not None:
        return follow(state, name, segment, host, moment)
    return unknown(state, segment, host, moment, tried)


def without_cookies(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A segment for a host whose clients bring none."""
    if name in state.connections:
        return follow(state, name, segment, host, moment)
    if host.handshake.configured == Handshake.challenge and has_no_key(state, host, moment):
        return Reason.no_key
    return unknown(state, segment, host, moment)


def judge_reset(
    state: State, name: Name, segment: Segment, host: Host, entry: Connection | None, moment: Moment
) -> Reason:
    """An RST: of no known connection, it may bring a challenge back."""
    if entry is not None:
        judge = half_open.judge_reset if entry.half_open else known.judge_reset
        return judge(state, name, segment, host, moment)
    if host.handshake.configured != Handshake.challenge:
        return Reason.stray_rst
    tried = prefixes.may_guess(state, name, moment)
    if has_no_key(state, host, moment):
        return Reason.no_key
    if not tried:
        return Reason.stray_rst
    if proves(state, segment, host, moment.now_ms):
        proven.prove(state, name.client, host, moment)
        return Reason.proof
    if not host.dry_run:
        prefixes.count_failure(state, name, moment)
    return Reason.stray_rst


def has_no_key(state: State, host: Host, moment: Moment) -> bool:
    """Whether there is none for the epoch now."""
    return cookie.epoch(moment.now_ms) not in state.keys[host.keys]


def follow(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """Of a known connection, and not an RST."""
    follow = half_open.follow if state.connections[name].half_open else known.follow
    return follow(state, name, segment, host, moment)


def proves(state: State, segment: Segment, host: Host, now_ms: int) -> bool:
    """Whether an RST brings back what its sender was challenged with, by the key or an old one."""
    schedules = [state.keys[host.keys], state.old_keys.get(host.keys, {})]
    return any(challenge.proves(keys, flow_of(segment), segment.seq, now_ms) for keys in schedules)


def bring_cookie(state: State, segment: Segment, host: Host, now_ms: int) -> cookie.Admitted | cookie.Refusal:
    """What a client's ACK brings back, judged by the host's keys."""
    tsecr = options.parse(segment.options).tsecr
    keys, old = state.keys[host.keys], state.old_keys.get(host.keys)
    return cookie.check_by_either(keys, old, flow_of(segment), segment.seq, segment.ack, tsecr, now_ms, host.scale)


def remember(state: State, name: Name, segment: Segment, host: Host, admitted: cookie.Admitted, moment: Moment) -> Reason:
    """A good cookie: the connection is known, if its prefix may open one more."""
    if not prefixes.may_open(state, name, moment):
        return Reason.newcomer_limit
    entry = connections.begin(state, name, host, Origin.cookie, moment, not prefixes.is_busy(state, name, moment))
    if entry is None:
        return Reason.newcomer_limit
    connections.brought(entry, segment, host, admitted)
    return Reason.remembered


def unknown(state: State, segment: Segment, host: Host, moment: Moment, tried: bool = True) -> Reason:
    """A segment of no known connection, which nothing speaks for. `tried`: whether that was asked."""
    if moment.ms < (state.grace_until if host.grace_until is None else host.grace_until):
        return learn_in_grace(state, name_of(segment), segment, host, moment)
    return stray(segment) if tried else Reason.guess_limit


def learn_in_grace(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A connection that may have existed before the front did."""
    if not budget.may_learn(state, moment):
        return Reason.learn_limit
    prefixes.cell_of(state, prefixes.network_of(name), moment)  # is looked up for every newcomer
    entry = connections.begin(state, name, host, Origin.grace, moment)
    assert entry is not None
    connections.note(entry, segment, host)
    return Reason.learned


def stray(segment: Segment) -> Reason:
    """Nobody's ACK, or worse."""
    if segment.flags & FIN:
        return Reason.stray_fin
    return Reason.stray_data if segment.has_payload else Reason.stray_ack
