"""The tables of a packet program, filled with what the naive twin's state says, and read back as the twin would say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from naive.state import Connection, Exit, Host, Name, Origin, State

from hardtack.control.tables import host_entry, host_updates
from hardtack.packet import layout
from hardtack.packet.entries import ONLY, keys_entry
from hardtack.packet.layout import CLIENT_FIN, HASH_WORDS, HOST_FIN, HOST_SEEN, KEEP_TAG, NO_TAG

Updates = Iterator[tuple[str, bytes, bytes]]  # table, key, value
WORD = 1 << 32
BUCKETS = 1024  # of the table of connections: room for all of a test's


def updates(state: State, buckets: int = BUCKETS) -> Updates:
    """All that is configured; `buckets` of the table of connections are in use."""
    yield from host_updates({address: entry_of(host) for address, host in state.hosts.items()})
    yield "keys", ONLY, keys_entry(*(schedule.items() for schedule in state.keys))
    yield "exits", ONLY, exits_entry(state.exits)
    yield "places", ONLY, places_entry(buckets)
    yield from hop_updates(state)
    yield "policy", ONLY, policy_entry(state)


def entry_of(host: Host) -> bytes:
    """A host's record."""
    tag = KEEP_TAG if host.tag is None else NO_TAG if host.tag == "none" else host.tag
    return host_entry(
        host.number,
        host.mss,
        host.ports,
        keys=host.keys,
        replies=host.replies,
        via=host.via.value,
        drops=host.drops,
        tag=tag,
    )


def policy_entry(state: State) -> bytes:
    """What holds for all hosts together."""
    record = np.zeros((), layout.Policy)
    record["grace_until"], record["queues"] = state.grace_until, 1
    record["learned"], record["replies"] = state.learned, state.replies
    return record.tobytes()


def exits_entry(exits: Mapping[int, Exit]) -> bytes:
    """The interfaces, each at its place."""
    record = np.zeros((), layout.Exits)
    for place, one in exits.items():
        record["slots"][place] = int.from_bytes(one.mac, "little"), one.mtu
    return record.tobytes()


def hop_updates(state: State) -> Updates:
    """Where frames for each address go: an entry for each record of `hosts`, in its order."""
    for place, address in enumerate(state.hosts):
        hop = state.hops.get(address)
        word = 0 if hop is None else int.from_bytes(hop.mac, "little") | hop.exit << 48
        yield "next_hops", place.to_bytes(4, "little"), word.to_bytes(8, "little")


def places_entry(buckets: int) -> bytes:
    """Factors like any others: the same in every run, so that what fails fails again."""
    record = np.zeros((), layout.Places)
    record["buckets"] = buckets
    rng = np.random.default_rng(1)
    record["factors"] = rng.integers(0, 1 << 64, HASH_WORDS, np.uint64)
    return record.tobytes()


def known(tags: npt.NDArray[np.uint8], connections: npt.NDArray[np.uint8]) -> dict[Name, str]:
    """The connections in a table's memory, by name, in words. AssertionError if one is there twice."""
    found: dict[Name, str] = {}
    records = connections.view(layout.Connection)
    for place in np.flatnonzero(tags[: len(records)]):
        name, described = told(records[place])
        assert name not in found, f"twice in the table: {name}"
        found[name] = described
    return found


def told(record: Any) -> tuple[Name, str]:
    """A record's name, and the rest of it in words."""
    client = record["source_high"].tobytes() + record["source_low"].tobytes()
    host = record["destination_high"].tobytes() + record["destination_low"].tobytes()
    ports = record["ports"].tobytes()
    name = Name(client, host, int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big"))
    state = int(record["state"])
    return name, words(
        Connection(
            int(record["next"]),
            int(record["seen"]),
            int(record["begun"]),
            int(record["host"]),
            Origin(int(record["origin"])),
            bool(state & CLIENT_FIN),
            bool(state & HOST_FIN),
            bool(state & HOST_SEEN),
        )
    )


def words(connection: Connection) -> str:
    """A connection as one reads it; times as the table has them, 32 bits."""
    bits = [name for name in ("client_fin", "host_fin", "host_seen") if getattr(connection, name)]
    times = f"seen {connection.seen % WORD} begun {connection.begun % WORD}"
    return " ".join([connection.origin.name, f"next {connection.next} {times} of host {connection.host}", *bits])


def in_words(state: State) -> dict[Name, str]:
    """The twin's connections, likewise."""
    return {name: words(connection) for name, connection in state.connections.items()}
