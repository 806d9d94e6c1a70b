"""A host's rules: which one a frame matches, and what follows from it.

In the kernel the rule program is another program: the front goes on there (bpf_tail_call), and from there in the front's
second program, `front_ruled`; what was found in the frame lies in a record of this CPU's meanwhile. Where machine code runs,
matching is a call. What a rule does is in its record.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, at, barrier, entry_at, entry_of, i64, inlined, own_entry, u64, viewed
from hardtack.packet.frame.parse import MOST_OUTER, MOST_TRANSPORT, NONE
from hardtack.packet.frame.platform import match_rules
from hardtack.packet.frame.wire import IPV6
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Passage
from hardtack.packet.rule_tables import (
    ANY_PORT,
    BASE_BITS,
    BASE_SHIFT,
    COUNT,
    DEFAULT,
    DROP_IT,
    DRY_RUN,
    LIMIT,
    MOST_RULE_RECORDS,
    NOTHING,
    PASS_ON,
    PASSAGE,
    PROTECT,
    RULE_COUNTERS,
    RULES,
    SLOT_BITS,
    Rule,
    Rules,
    Tally,
)
from hardtack.packet.state.hosts import host_of
from hardtack.packet.state.limits import may_go_on
from hardtack.packet.state.ruling import BY_DEFAULT, DRY, EVERY_PORT, PROTECTED, WITHIN

RULE_SIZE = Rule.itemsize
ANY = 0xFF  # of a small number: the bits that the verifier need not know

RULE_PASS = int(Reason.rule_pass)
RULE_DROP = int(Reason.rule_drop)
RULE_LIMIT = int(Reason.rule_limit)
RULE_SOURCE_LIMIT = int(Reason.rule_source_limit)

own_passage = own_entry(PASSAGE, Passage)
rules = entry_of(RULES, Rules)
rule_record = viewed(Rule)
tally_at = entry_at(RULE_COUNTERS, Tally)


@inlined
def follow_rules(frame, flow):
    """The reason that the host's rules give; NONE if there are none, or they leave it to the phases that follow.

    In the kernel nothing comes back from there, unless the rule program is missing: then there are no rules.
    """
    flow.ruling = 0
    word = host_of(flow).rules
    if word:
        passage = own_passage()
        if not absent(passage):
            leave(passage, flow, word)
            position = match_rules(frame, i64(word & u64(SLOT_BITS)))
            if position >= 0:
                passage.position = position
                return take_up(frame, flow, passage)
    barrier()  # for the verifier: what was known of pointers is forgotten here, whichever way it came
    return NONE


@inlined
def leave(passage, flow, word):
    """For the second program."""
    passage.word, passage.position = word, 0
    passage.host, passage.place = flow.host, flow.place
    passage.network, passage.transport = flow.network, flow.transport
    passage.size, passage.version, passage.kind, passage.payload = flow.size, flow.version, flow.kind, flow.payload
    passage.protocol = flow.protocol
    passage.source_high, passage.source_low = flow.source_high, flow.source_low
    passage.destination_high, passage.destination_low = flow.destination_high, flow.destination_low


@inlined
def take_up(frame, flow, passage):
    """A flow as `leave` has left it, and what the rule that matches says: the reason, or NONE and `flow.ruling`."""
    reason = apply(frame, passage)
    barrier()  # for the verifier: whichever rule it was, what follows is one
    flow.host, flow.place = passage.host, passage.place
    flow.network, flow.transport = passage.network & MOST_OUTER, passage.transport & MOST_TRANSPORT
    flow.size, flow.version, flow.kind, flow.payload = passage.size, passage.version, passage.kind, passage.payload
    flow.protocol = passage.protocol & ANY
    flow.source_high, flow.source_low = passage.source_high, passage.source_low
    flow.destination_high, flow.destination_low = passage.destination_high, passage.destination_low
    flow.ruling = i64(passage.ruling) & ANY
    return reason


@inlined
def apply(frame, passage):
    """What the rule that matches says. What is only counted is judged by the list that says so, if there is one."""
    rule = matched(passage)
    reason = judge_rule(rule, passage)
    if (rule.dry or rule.action == COUNT) and rule.then:
        passage.word, passage.position = rule.then | (passage.word & u64(DRY_RUN)), 0
        position = match_rules(frame, i64(rule.then & u64(SLOT_BITS)))
        if position >= 0:
            passage.position = position
            reason = judge_rule(matched(passage), passage)
    return reason


@inlined
def matched(passage):
    """The rule at the position. The mask is for the verifier."""
    place = i64((passage.word >> u64(BASE_SHIFT)) & u64(BASE_BITS)) + i64(passage.position)
    return rule_record(at(address(rules()), (place & (MOST_RULE_RECORDS - 1)) * RULE_SIZE))


@inlined
def judge_rule(rule, passage):
    """The reason, and `passage.ruling`; the frame is counted."""
    ruling = (DRY if passage.word & u64(DRY_RUN) else 0) | (EVERY_PORT if passage.word & u64(ANY_PORT) else 0)
    action, within = i64(rule.action), True
    if action != NOTHING and action != DEFAULT:
        within = count_rule(rule, passage)
    reason = NONE
    if rule.dry:
        action = NOTHING
    if action == PASS_ON:
        reason = RULE_PASS
    elif action == DROP_IT:
        reason = RULE_DROP
    elif action == LIMIT and not within:
        reason = RULE_SOURCE_LIMIT if rule.per_source else RULE_LIMIT
    elif action == LIMIT:
        ruling |= PROTECTED | WITHIN
    elif action == PROTECT:
        ruling |= PROTECTED
    elif action == DEFAULT:
        ruling |= PROTECTED if is_behind_extensions(passage) else BY_DEFAULT
    passage.ruling = ruling
    return reason


@inlined
def is_behind_extensions(passage):
    """Whether there are IPv6 extension headers, behind which expressions do not look: nobody shall get past `protect` so."""
    return passage.version == 6 and passage.transport != passage.network + IPV6


@inlined
def count_rule(rule, passage):
    """One more frame that the rule matches; whether it is within the rule's rate, if that has one."""
    tally = tally_at(i64(rule.number))
    if absent(tally):
        return True
    size = u64(passage.size)
    tally.frames += u64(1)
    tally.bytes += size
    if i64(rule.action) != LIMIT or may_go_on(rule, tally, passage):
        return True
    tally.over += u64(1)
    tally.over_bytes += size
    return False
