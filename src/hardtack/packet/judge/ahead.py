"""Which tag a segment of no known connection will be judged by: for whoever makes those of a burst at once.

That hangs on nothing but the segment, its host and the time. If its connection is known by then, for a frame before it in
its burst has made it known, the tag is not used.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined
from hardtack.packet.cookie.cookie import parity_of
from hardtack.packet.cookie.lanes import ask, ask_of_4, ask_of_6
from hardtack.packet.cookie.time import find_key, has_key
from hardtack.packet.frame.parse import NONE
from hardtack.packet.frame.wire import ACK, FIN, RST, SYN
from hardtack.packet.judge.question import asked_for, brought, is_of_challenge
from hardtack.packet.layout import CHALLENGE, COOKIE, PASSING
from hardtack.packet.state.hosts import handshake_of, host_of, takes
from hardtack.packet.state.ruling import DRY


@inlined
def will_ask(flow, host, name, moment):
    """Whether a segment of no known connection is judged by a tag."""
    if flow.kind != NONE or flow.ruling & DRY:
        return False
    if flow.flags & SYN:
        return not flow.flags & (FIN | RST | ACK) and handshake_of(host, name, moment) != PASSING
    return takes(host, CHALLENGE if flow.flags & RST else COOKIE)


@inlined
def ask_ahead(frame, item, number, moment, burst, count_4, count_6):
    """Put the question of one frame among those of its burst, and say how many there are now: IPv4's, IPv6's."""
    flow, name, query = item.flow, item.name, item.query
    host = host_of(flow)
    if not will_ask(flow, host, name, moment):
        return count_4, count_6
    asks, challenges = flow.flags & SYN, 1 if is_of_challenge(flow, host, name, moment) else 0
    epoch = moment.epoch if asks else moment.epochs[parity_of(brought(flow, challenges))]
    key = find_key(i64(host.keys), epoch)
    if absent(key) or key.epoch != epoch or not has_key(host, moment):
        return count_4, count_6
    said, ports_isn = asked_for(frame, flow, host, asks, challenges)
    query.asked, query.challenges, query.said, query.epoch, query.old = 1, challenges, said, epoch, key.old
    if flow.version == 4:
        ask(burst.lanes_4, count_4, number, key, said, ports_isn)
        ask_of_4(burst.lanes_4, count_4, flow)
        return count_4 + 1, count_6
    ask(burst.lanes_6, count_6, number, key, said, ports_isn)
    ask_of_6(burst.lanes_6, count_6, flow)
    return count_4, count_6 + 1
