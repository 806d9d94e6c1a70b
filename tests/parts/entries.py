"""Entries to single parts of the packet program. What goes in lies in the frame; what comes out is written over its start.

Each compiles to both targets, as the whole program does.
"""

from __future__ import annotations

from typing import Any

from hardtack.compiler.language import at, beyond, i64, inlined, load32, load64, new, store64, u64
from hardtack.packet.cookie.cookie import cookie_holds
from hardtack.packet.cookie.siphash import absorb, begin, finish
from hardtack.packet.cookie.time import now_ms
from hardtack.packet.frame.checksum import fold, halves
from hardtack.packet.frame.options import read_options
from hardtack.packet.frame.parse import NONE, parse, parse_tcp
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.host.former import is_newer
from hardtack.packet.layout import ALL_SPOKEN
from hardtack.packet.records import Flow
from hardtack.packet.state.hosts import find_host, host_of, protects

DONE, REFUSED = 2, 1
OUR_SCALE = 7
MOST_WORDS = 8  # of a hashed message

new_flow = new(Flow)


def written(frame: Any, flow: Any) -> int:
    """What a flow offers, in six words over the frame's start."""
    start = head(frame)
    if beyond(start, 48, tail(frame)):
        return REFUSED
    store64(start, 0, u64(flow.mss))
    store64(start, 8, u64(flow.scale))
    store64(start, 16, u64(flow.sack))
    store64(start, 24, u64(flow.timestamps))
    store64(start, 32, u64(flow.tsval))
    store64(start, 40, u64(flow.tsecr))
    return DONE


def read(frame: Any, flow: Any) -> bool:
    """Whether the frame holds a whole TCP header, which is in the flow then."""
    whole: bool = parse(frame, flow) == NONE and flow.kind == NONE and parse_tcp(frame, flow) == NONE
    return whole


write, is_tcp = inlined(written), inlined(read)


def siphash(frame: Any) -> int:
    """A key of two words, then the message's, the last with its length: the hash instead of the first."""
    start, end = head(frame), tail(frame)
    if beyond(start, 24, end):
        return REFUSED
    a, b, c, d = begin(load64(start, 0), load64(start, 8))
    for word in range(MOST_WORDS):
        place = at(start, 16 + word * 8)
        if beyond(place, 8, end):
            break
        a, b, c, d = absorb(a, b, c, d, load64(place, 0))
    store64(start, 0, finish(a, b, c, d))
    return DONE


def sums(frame: Any) -> int:
    """A sum of 32-bit words: folded, instead of itself. Then a 64-bit word: its halves' sum, instead of itself."""
    start, end = head(frame), tail(frame)
    if beyond(start, 16, end):
        return REFUSED
    store64(start, 0, u64(fold(i64(load64(start, 0)))))
    store64(start, 8, u64(halves(load64(start, 8))))
    return DONE


def all_options(frame: Any) -> int:
    """Of any segment: what its options offer."""
    flow = new_flow()
    if not is_tcp(frame, flow):
        return REFUSED
    read_options(frame, flow, ALL_SPOKEN)
    verdict: int = write(frame, flow)
    return verdict


def check(frame: Any) -> int:
    """Of an ACK: whether it brings back a good cookie."""
    flow = new_flow()
    if not is_tcp(frame, flow):
        return REFUSED
    read_options(frame, flow, ALL_SPOKEN)
    return DONE if cookie_holds(flow, now_ms(), 0, OUR_SCALE) else REFUSED


def newer(frame: Any) -> int:
    """Of an ACK: whether its cookie is newer than what the old connection has echoed, which is the frame's first word."""
    flow, start = new_flow(), head(frame)
    if not is_tcp(frame, flow) or beyond(start, 4, tail(frame)):
        return REFUSED
    read_options(frame, flow, ALL_SPOKEN)
    return DONE if is_newer(flow, 0, 1, load32(start, 0)) else REFUSED


def host(frame: Any) -> int:
    """Which host a frame is for, its MSS, and whether the frame's port is protected, in three words."""
    flow = new_flow()
    start = head(frame)
    if not is_tcp(frame, flow) or beyond(start, 24, tail(frame)):
        return REFUSED
    if not find_host(flow, flow.destination_high, flow.destination_low):
        return REFUSED
    found = host_of(flow)
    store64(start, 0, u64(found.number))
    store64(start, 8, u64(found.mss_4))
    store64(start, 16, u64(1 if protects(found, flow.dport) else 0))
    return DONE
