"""An entry to the table of proven sources alone: find one, add it if it is not there, and bring it to a period."""

from __future__ import annotations

from typing import Any

from hardtack.compiler.language import absent, beyond, i64, load64, new, store64, u64
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.layout import Host
from hardtack.packet.state.proven import (
    add_source,
    allowance_of,
    bucket_of,
    find_source,
    hash_of,
    lost_of,
    set_earned,
    tag_of_source,
    turn_source,
    waits,
)

DONE, REFUSED = 2, 1
SIZE = 80  # bytes of a frame: what goes in, then what comes out

new_host = new(Host)


def sources(frame: Any) -> int:
    """Words in: two of the address, the period; the period in which it was used, its allowance, how often it was lost, what
    is half open of that period, and of the one before: of a source that is new.

    Words out, over the first: its bucket and tag; whether it was there; once brought to the period, its allowance, how
    often it was lost, what is half open, and of the period before; whether it waits.
    """
    start = head(frame)
    if beyond(start, SIZE, tail(frame)):
        return REFUSED
    high, low, period = load64(start, 0), load64(start, 8), i64(load64(start, 16))
    source, found = find_source(high, low), 1
    if absent(source):
        source, found = add_source(high, low, period), 0
    if absent(source):
        return REFUSED
    if not found:
        source.used, source.pending, source.before = i64(load64(start, 24)), i64(load64(start, 48)), i64(load64(start, 56))
        set_earned(source, i64(load64(start, 32)), i64(load64(start, 40)))
    host, hashed = new_host(), hash_of(high, low)
    host.handshake = u64(0)
    turn_source(source, host, period)
    store64(start, 0, u64(bucket_of(hashed)))
    store64(start, 8, tag_of_source(hashed))
    store64(start, 16, u64(found))
    store64(start, 24, u64(allowance_of(source)))
    store64(start, 32, u64(lost_of(source)))
    store64(start, 40, u64(i64(source.pending)))
    store64(start, 48, u64(i64(source.before)))
    store64(start, 56, u64(1) if waits(source, period) else u64(0))
    return DONE
