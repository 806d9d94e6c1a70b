"""Connections as people look for them: which match, in which order, and how each is told."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hardtack.control.connections import Chosen, Numbers, Rows, half_open, over, unconfirmed
from hardtack.packet.layout import AHEAD, ASKED, BY_COOKIE, BY_GRACE, BY_HOST, BY_SEED, BY_SYN, Connection

Network = IPv4Network | IPv6Network
State = Literal["established", "closing", "unconfirmed", "asked", "half-open"]
Origin = Literal["cookie", "syn", "host", "grace", "seed"]

ORIGINS: dict[Origin, int] = {"cookie": BY_COOKIE, "syn": BY_SYN, "host": BY_HOST, "grace": BY_GRACE, "seed": BY_SEED}
NAMES: dict[int, Origin] = {number: name for name, number in ORIGINS.items()}
# The later goes before the earlier
STATES: tuple[State, ...] = ("established", "unconfirmed", "asked", "half-open", "closing")
MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, as Connection has IPv4 addresses
ENDS = struct.Struct(">16s16sHH")  # how a Connection begins: both addresses, both ports
BATCH = 4096  # rows told at a time: few enough not to wait for the first

NONE: Rows = np.empty(0, Connection)


@dataclass(frozen=True)
class Wanted:
    """Which connections; None: any. `host` is a Host.number, `port` the host's."""

    host: int | None = None
    client: Network | None = None
    port: int | None = None
    state: State | None = None
    origin: Origin | None = None

    def among(self, rows: Rows) -> Rows:
        """Those of `rows` that match."""
        chosen = np.ones(len(rows), bool)
        if self.host is not None:
            chosen &= rows["host"] == self.host
        if self.client is not None:
            chosen &= within(rows["source_high"], rows["source_low"], self.client)
        if self.port is not None:
            chosen &= rows["ports"] >> 16 == socket.htons(self.port)
        if self.state is not None:
            chosen &= states(rows) == STATES.index(self.state)
        if self.origin is not None:
            chosen &= rows["origin"] == ORIGINS[self.origin]
        return rows[chosen]


def within(high: Numbers, low: Numbers, network: Network) -> Chosen:
    """Whether each address, as two words, is in `network`."""
    first, mask = network.network_address.packed, network.netmask.packed
    if network.version == 4:
        first, mask = MAPPED + first, b"\xff" * 12 + mask
    firsts, masks = np.frombuffer(first, "u8"), np.frombuffer(mask, "u8")
    inside: Chosen = (high & masks[0] == firsts[0]) & (low & masks[1] == firsts[1])
    return inside


def states(rows: Rows) -> npt.NDArray[np.uint8]:
    """Each connection's state, as its place in STATES."""
    found = unconfirmed(rows).astype(np.uint8)
    found[rows["state"] & ASKED != 0] = STATES.index("asked")
    found[half_open(rows)] = STATES.index("half-open")
    found[over(rows)] = STATES.index("closing")
    return found


def since(stamps: npt.NDArray[np.uint32], now: int) -> npt.NDArray[np.uint32]:
    """Milliseconds from each stamp to `now` (monotonic ms); modulo 2^32, some 50 days, as the stamps are."""
    passed = np.uint32(now & 0xFFFFFFFF) - stamps
    return np.where(passed > np.uint32(2**32 - AHEAD), np.uint32(0), passed)


def newest_first(rows: Rows, now: int) -> Rows:
    """`rows` by when a segment was seen last."""
    return rows[np.argsort(since(rows["seen"], now), kind="stable")]


def count(rows: Rows) -> tuple[dict[Origin, int], dict[State, int]]:
    """How many there are, by origin and by state."""
    origins = np.bincount(rows["origin"], minlength=256)
    counts = np.bincount(states(rows), minlength=len(STATES))
    told: dict[State, int] = dict(zip(STATES, counts.tolist(), strict=True))
    return {name: int(origins[number]) for name, number in ORIGINS.items()}, told


def told(rows: Rows, now: int, hosts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each of `rows` as plain data, whose keys are a contract; `hosts` are the names by number, from 1."""
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        ends = some.view("u1").reshape(len(some), -1)[:, : ENDS.size].tobytes()
        columns = zip(
            ENDS.iter_unpack(ends),
            some["host"].tolist(),
            states(some).tolist(),
            some["origin"].tolist(),
            since(some["begun"], now).tolist(),
            since(some["seen"], now).tolist(),
            strict=True,
        )
        for (source, destination, sport, dport), host, state, origin, age, idle in columns:
            yield {
                "client": address(source),
                "client_port": sport,
                "host": name_of(host, hosts),
                "address": address(destination),
                "port": dport,
                "state": STATES[state],
                "origin": NAMES.get(origin, "unknown"),
                "age_seconds": age / 1000,
                "idle_seconds": idle / 1000,
            }


def address(packed: bytes) -> str:
    """The 16 bytes as people write them."""
    if packed.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed)


def name_of(number: int, hosts: Sequence[str]) -> str:
    """The host's name, or its number where no name is known; "" if it is protected no more."""
    if not number:
        return ""
    return hosts[number - 1] if number <= len(hosts) else f"host {number}"
