"""Configuration -> table entries: pure lowering, bytes in and out."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator, Sequence

import numpy as np

from hardtack.control.configuration.schema import Config
from hardtack.control.exits import Exit
from hardtack.control.rates import per_period, per_span, per_window, periods
from hardtack.packet.layout import (
    Exits,
    Policy,
)
from hardtack.packet.proven_tables import ALLOWANCE_BITS

WORD = (1 << 64) - 1
MOST_ATTEMPTS = 1000
LEARNED = 20_000  # connections that the grace period, or a host, may teach in a second: see policy_entry
LEARNED_IN = 10  # s in which either may teach as many as the table holds, at most

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def policy_entry(config: Config, grace_until: int) -> bytes:
    """The `policy` table: a grace period until monotonic time `grace_until` in ms.

    In the grace period a flood of ACKs teaches, too, and what has taught goes on to the host, which answers each with a
    reset. LEARNED is what a host does with a small part of a CPU; a connection that is kept waiting tries again. In a small
    table, a connection that is used every LEARNED_IN seconds is still not the least recently used, and stays. The same holds
    for what a host teaches, who may have been taken over.
    """
    front = config.front
    record = np.zeros((), Policy)
    record["grace_until"] = grace_until
    record["learned"] = record["taught"] = per_window(min(LEARNED, front.connections // LEARNED_IN))
    record["replies"] = per_window(front.replies_per_second)
    record["prefix_replies"] = per_span(front.replies_per_prefix)
    record["prefix_connections"] = per_span(front.connections_per_prefix)
    record["source_syns"] = min(per_period(front.syns_per_source), ALLOWANCE_BITS)  # 4,000 a second are one more
    record["source_life"] = periods(front.source_lifetime)
    return record.tobytes()


def exits_entry(exits: Sequence[Exit]) -> bytes:
    """The `exits` table: each at its place."""
    record = np.zeros((), Exits)
    for place, one in enumerate(exits):
        record["slots"][place] = int.from_bytes(one.mac, "little"), one.mtu, one.scatters
    return record.tobytes()


def device_entries(exits: Sequence[Exit]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of `devices`: which interface is at which place."""
    for place, one in enumerate(exits):
        if one.index:
            yield place.to_bytes(4, "little"), one.index.to_bytes(4, "little")


def next_hop_entry(mac: bytes, place: int) -> bytes:
    """Net.next_hop: a MAC address, out of the interface at a place in `exits`."""
    return (int.from_bytes(mac, "little") | place << 48).to_bytes(8, "little")


def factors() -> Iterator[int]:
    """Odd numbers of 64 bits, always the same: multipliers to try."""
    for attempt in range(MOST_ATTEMPTS):
        yield int.from_bytes(hashlib.sha256(attempt.to_bytes(8, "little")).digest()[:8], "little") | 1
