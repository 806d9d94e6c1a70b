"""Who may send anything at all: lists of prefixes, allowed and denied. control/sources.py has them made."""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, u64
from hardtack.packet.frame.parse import NONE
from hardtack.packet.judge.other import is_neighbour
from hardtack.packet.layout import DENY, ROOT_BITS, ROOT_SHIFT
from hardtack.packet.reasons import Reason
from hardtack.packet.state.hosts import host_of
from hardtack.packet.state.networks import look_up_in

DENIED = int(Reason.denied)


@inlined
def judge_source(frame, flow):
    """DENIED, or NONE: another phase decides. A host without lists costs the test of a word.

    The host's own list first; if nothing in it is about the source, the list for all hosts. What keeps the link alive is
    denied by no list: neighbour discovery that no router has sent on, RFC 4861 7.1, so that nobody far away can send it.
    """
    roots = host_of(flow).sources
    if roots == u64(0) or listed(roots, flow) != DENY or is_neighbour(frame, flow):
        return NONE
    return DENIED


@inlined
def listed(roots, flow):
    """ALLOW, DENY, or 0: no list is about the source."""
    found = 0
    for _ in range(2):
        found = look_up_in(i64(roots & u64(ROOT_BITS)), flow.version == 4, flow.source_high, flow.source_low)
        roots >>= u64(ROOT_SHIFT)
        if found != 0 or roots == u64(0):
            break
    return found
