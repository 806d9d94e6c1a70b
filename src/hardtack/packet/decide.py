"""The whole policy: what happens to a frame from the internet. RFC 9293, RFC 4987, RFC 5961."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, new, u64, untold
from hardtack.packet.cookie.challenge import proves_source
from hardtack.packet.cookie.cookie import TRIES, parity_of, proves, tag_of
from hardtack.packet.cookie.time import find_key, has_key, own_moment, second_of, update
from hardtack.packet.frame.martians import is_mapped, is_martian
from hardtack.packet.frame.opaque import blurred
from hardtack.packet.frame.parse import MOST_NETWORK, MOST_OUTER, MOST_TRANSPORT, NONE, NOT_TCP, parse_addresses, parse_rest
from hardtack.packet.frame.wire import ACK, RST, SYN
from hardtack.packet.judge.header import judge_header
from hardtack.packet.judge.other import judge_error, judge_other
from hardtack.packet.judge.outcome import FOLLOW
from hardtack.packet.judge.question import asked_for, brought, is_of_challenge, no_query
from hardtack.packet.judge.rules import follow_rules, own_passage, take_up
from hardtack.packet.judge.source import judge_source
from hardtack.packet.judge.syn import judge_syn
from hardtack.packet.judge.unknown import GOOD, UNTRIED, WRONG, blur_kind, judge_brought, judge_unknown, make_known
from hardtack.packet.layout import CHALLENGE, COOKIE, HALF_OPEN, NO_HOST, NO_PLACE
from hardtack.packet.out.answer import answer_syn
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Name
from hardtack.packet.state.connections import find, forget, no_connection
from hardtack.packet.state.follow import follow_client, is_certain, is_closed_by_host
from hardtack.packet.state.half_open import follow_half_open, is_given_up
from hardtack.packet.state.hosts import find_host, host_of, takes
from hardtack.packet.state.networks import zero
from hardtack.packet.state.prefixes import cell_for, count_failure, may_guess, mixed_prefix, no_cell
from hardtack.packet.state.ruling import BY_DEFAULT, DRY
from hardtack.packet.state.settle import settle

ANSWERED = int(Reason.answered)
CHALLENGED = int(Reason.challenged)
ESTABLISHED = int(Reason.established)
PROOF = int(Reason.proof)
RESET = int(Reason.reset)
DEFAULT_DROP = int(Reason.default_drop)
MARTIAN = int(Reason.martian)
NO_KEY = int(Reason.no_key)
NOT_OURS = int(Reason.not_ours)
STRAY_RST = int(Reason.stray_rst)

new_name = new(Name)


@inlined
def decide(frame, flow):
    """The frame's reason, which carries its verdict; the frame is rewritten only if the verdict is REPLY.

    Phase by phase: each is a function of one frame and of what the phases before it have found (`flow`, `name`), answers
    with a reason, or NONE and the next one goes on. To act on the verdict is left to whoever asks: front.py.
    """
    reason = reach_host(frame, flow)
    return reason if reason != NONE else decide_for_host(frame, flow)


@inlined
def reach_host(frame, flow):
    """As far as it goes without the connection: whose it is, and what his lists and rules say. NONE: the segment decides."""
    reason = parse_addresses(frame, flow)
    if reason != NONE:
        forget_ends(flow)
        return reason
    reason = find_destination(flow)
    if reason != NONE:
        return reason
    parse_rest(frame, flow)
    forget_cases(flow)
    return heed(frame, flow)


@inlined
def heed(frame, flow):
    """What the lists and rules of its host say."""
    reason = judge_source(frame, flow)
    return reason if reason != NONE else follow_rules(frame, flow)


@inlined
def decide_ruled(frame, flow):
    """The same from where a rule program has matched."""
    passage = own_passage()
    if absent(passage):  # there always is one, but the verifier wants it tested
        forget_ends(flow)
        flow.ruling, flow.size = 0, 0
        return NO_KEY
    reason = take_up(frame, flow, passage)
    if reason != NONE:
        return reason
    return decide_for_host(frame, flow)


@inlined
def forget_ends(flow):
    """No address is known. Linux 6.1 wants to see that written: it tries ways on which it would be read."""
    flow.host, flow.place, flow.network, flow.version = NO_HOST, NO_PLACE, 0, 0
    flow.destination_high, flow.destination_low = u64(0), u64(0)


@inlined
def forget_cases(flow):
    """Tags and headers make these vary. From here on each is an unknown number: one case for the verifier, not 20."""
    flow.kind = i64(u64(flow.kind) ^ zero())
    flow.network = i64(u64(flow.network) ^ zero()) & MOST_OUTER
    flow.transport = i64(u64(flow.transport) ^ zero()) & MOST_TRANSPORT


@inlined
def decide_for_host(frame, flow):
    """The same from where the host is known."""
    name = new_name()
    reason = read_segment(frame, flow, name)
    if reason != NONE:
        return reason
    moment = own_moment()
    if absent(moment):
        return NO_KEY
    update(moment)
    return judge(frame, flow, name, find(name), moment, no_query())


@inlined
def find_destination(flow):
    """Whom a frame is for: `flow.host`, and `flow.place`."""
    if flow.version == 6 and is_mapped(flow.destination_high, flow.destination_low):
        return NOT_OURS
    return NONE if find_host(flow, flow.destination_high, flow.destination_low) else NOT_OURS


@inlined
def read_segment(frame, flow, name):
    """What can be said of it by itself; NONE if it may be of a connection, whose `name` is known then.

    `flow.kind` is set anew: what was found out about a number on the stack, Linux 6.1 has forgotten when that is read again.
    """
    host = host_of(flow)
    if flow.kind == NONE:
        flow.kind = untold(NONE)
        return judge_header(frame, flow, host, name)
    reason = judge_other(frame, flow, host, name)
    flow.kind = untold(NOT_TCP)
    return reason


@inlined
def judge(frame, flow, name, entry, moment, query):
    """What becomes of it: `entry` is its connection, if it is known; `query`: its tag, if somebody has made it already."""
    host = host_of(flow)
    if flow.kind != NONE:
        return judge_error(flow, host, entry, name, moment.ms)
    if absent(entry) and flow.ruling & BY_DEFAULT:
        return DEFAULT_DROP  # else it would have passed: judge_header
    if absent(entry) and is_martian(flow):
        return MARTIAN
    if not absent(entry) and is_given_up(flow, entry, moment.ms):
        forget(name)
        entry = no_connection()
    if flow.flags & SYN:
        outcome = judge_syn(frame, flow, host, name, moment, entry)
    else:
        outcome = judge_segment(flow, host, moment, entry)
    if outcome == NONE:
        outcome = judge_cookie(frame, flow, name, entry, moment, query)
    if outcome == FOLLOW and not absent(entry):
        outcome = follow(flow, entry, host, name, moment.ms)
    elif outcome < NONE:
        return make_known(flow, host, name, moment, entry, outcome)
    if outcome == ESTABLISHED or outcome == RESET or outcome == PROOF:
        blur_kind(flow)
        settle(name, host, entry, outcome, moment.ms)
    return outcome


@inlined
def judge_segment(flow, host, moment, entry):
    """A segment without SYN; NONE if a cookie is to decide: nothing is known of its connection, or it may be the next."""
    if absent(entry):
        if flow.flags & RST:
            return NONE if takes(host, CHALLENGE) else STRAY_RST
        if takes(host, COOKIE):
            return NONE
        if takes(host, CHALLENGE) and not has_key(host, moment):
            return NO_KEY  # its SYNs go on to it now, and nobody here can know whose ACK this is
        return judge_unknown(flow, moment, WRONG)
    closed = is_closed_by_host(entry) and flow.flags & (ACK | RST) == ACK
    return NONE if closed and takes(host, COOKIE) and not is_certain(flow, entry) else FOLLOW


@inlined
def follow(flow, entry, host, name, ms):
    """A segment of a known connection, without SYN."""
    if entry.state & HALF_OPEN:
        return follow_half_open(flow, entry, host, name, ms)
    return follow_client(flow, entry, host, name, ms)


@inlined
def judge_cookie(frame, flow, name, entry, moment, query):
    """The one place where a tag is made: to answer a SYN with, or to see whether an ACK brings one back, or an RST."""
    if not absent(query):
        return judge_made(frame, flow, name, moment, query)
    host = host_of(flow)
    challenges = is_of_challenge(flow, host, name, moment)
    if flow.flags & SYN and flow.ruling & DRY:
        return CHALLENGED if challenges else ANSWERED
    asks, second, good, cell = untold(SYN), second_of(moment.ms), UNTRIED, no_cell()
    if not flow.flags & SYN:
        asks = untold(0)  # so the verifier knows from here on that there is a cell, though it forgets the flags
        cell = cell_for(mixed_prefix(flow), second)
        if absent(cell):
            return NO_KEY
        # For the verifier, which would walk both hashes anew for each length of what is before the IP header
        flow.network = blurred(flow.network, flow.acknowledgment, MOST_NETWORK)
    challenges = untold(1) if challenges else untold(0)
    cookie = brought(flow, challenges)
    epoch = moment.epoch if asks else moment.epochs[parity_of(cookie)]
    key = find_key(i64(host.keys), epoch)
    if absent(key):
        return NO_KEY
    if asks or may_guess(name, cell, second):
        said, ports_isn = asked_for(frame, flow, host, asks, challenges)
        low, high = key.low, key.high
        for _ in range(TRIES):
            tag = tag_of(flow, ports_isn, said, low, high)
            if asks:
                return answer_syn(frame, flow, host, moment, tag, said, challenges)
            good = GOOD if key.epoch == epoch and is_proof(flow, cookie, tag, challenges) else WRONG
            if good == GOOD or not key.old:
                break
            low, high = key.old_low, key.old_high
    good = blurred(good, flow.acknowledgment, 3)  # one way on for the verifier, however many keys were tried
    if absent(entry) and not (key.epoch == moment.epoch or has_key(host, moment)):
        return NO_KEY  # hosts answer SYNs by themselves now, and nobody here can know whose ACK this is
    return judge_tried(flow, moment, entry, cell, good, challenges)


@inlined
def judge_tried(flow, moment, entry, cell, good, challenges):
    """A cookie, or a challenge's, that is GOOD, WRONG or UNTRIED."""
    if good == WRONG and not flow.ruling & DRY:  # nobody has got a cookie, and none is at fault
        count_failure(cell, second_of(moment.ms))
    if challenges:
        return PROOF if good == GOOD else STRAY_RST
    return FOLLOW if good != GOOD and not absent(entry) else judge_brought(flow, moment, cell, good)


@inlined
def judge_made(frame, flow, name, moment, query):
    """As `judge_cookie`, of a segment of no known connection whose tag was made ahead: see judge/ahead.py."""
    host, challenges = host_of(flow), query.challenges
    if flow.flags & SYN:
        return answer_syn(frame, flow, host, moment, query.tag, query.said, challenges)
    second, good = second_of(moment.ms), UNTRIED
    cell = cell_for(mixed_prefix(flow), second)
    if may_guess(name, cell, second):
        cookie = brought(flow, challenges)
        good = GOOD if is_proof(flow, cookie, query.tag, challenges) else WRONG
        if good == WRONG and query.old:
            key = find_key(i64(host.keys), query.epoch)
            said, ports_isn = asked_for(frame, flow, host, 0, challenges)
            tag = tag_of(flow, ports_isn, said, key.old_low, key.old_high)
            good = GOOD if is_proof(flow, cookie, tag, challenges) else WRONG
    return judge_tried(flow, moment, no_connection(), cell, good, challenges)


@inlined
def is_proof(flow, cookie, tag, challenges):
    """Whether what a segment brings has the tag."""
    return proves_source(cookie, tag) if challenges else proves(flow, cookie, tag)
