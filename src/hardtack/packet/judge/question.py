"""What the cookie of a segment is asked for: which one it is, and what goes into its tag beside addresses.

Engines that judge frames in bursts ask for all of a burst at once, before any is judged: see burst.py. Nothing here depends
on what other frames have left in the tables.
"""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, nothing_of, u64
from hardtack.packet.cookie.challenge import CHALLENGE_SAID
from hardtack.packet.cookie.cookie import LOW_32, isn_before, said_before, said_to
from hardtack.packet.frame.options import forget_options, read_options
from hardtack.packet.frame.wire import RST, SYN
from hardtack.packet.layout import ALL_SPOKEN, CHALLENGE
from hardtack.packet.records import Query
from hardtack.packet.state.follow import sequence
from hardtack.packet.state.hosts import handshake_of

no_query = nothing_of(Query)


@inlined
def is_of_challenge(flow, host, name, moment):
    """Whether it is about a challenge: its RST, or a SYN that one answers. Otherwise about a cookie."""
    return flow.flags & RST or (flow.flags & SYN and handshake_of(host, name, moment) == CHALLENGE)


@inlined
def brought(flow, challenges):
    """The cookie that a segment brings, if it brings one."""
    return sequence(flow) if challenges else (flow.acknowledgment - 1) & LOW_32


@inlined
def asked_for(frame, flow, host, asks, challenges):
    """What is said of options in the tag, and its ports and ISN; the flow's options are read. `asks`: it is a SYN."""
    if challenges:
        forget_options(flow)
        return CHALLENGE_SAID, flow.ports_isn & u64(LOW_32)
    read_options(frame, flow, i64(host.speaks) if asks else ALL_SPOKEN)
    if asks:
        return said_to(flow, i64(host.scale)), flow.ports_isn
    return said_before(flow, i64(host.scale)), isn_before(flow)
