"""Configuration -> table entries: pure lowering, bytes in and out."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from hardtack.control.config import Config
from hardtack.mistake import Mistake
from hardtack.packet.entries import ONLY
from hardtack.packet.layout import HOSTS, INDEX_BITS, MOST_HOST_ADDRESSES, PORT_WORDS, PROBES, SPREAD, Host, Index

WORD = (1 << 64) - 1
MOST_ATTEMPTS = 1000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TooManyAddresses(Mistake):
    """More addresses than the tables have room for."""


def address_key(address: Address) -> bytes:
    """The key of `hosts`: 16 bytes, IPv4 mapped (RFC 4291 2.5.5.2)."""
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def host_entry(number: int, mss: int, ports: Iterable[int] | None) -> bytes:
    """The record of a protected address; `ports` None: all of them."""
    record = np.zeros((), Host)
    record["number"], record["mss"] = number, mss
    if ports is None:
        record["ports"][:] = ~np.uint64(0)
    else:
        words = np.zeros(PORT_WORDS, np.uint64)
        for port in ports:
            words[port >> 6] |= np.uint64(1 << (port & 63))
        record["ports"] = words
    return record.tobytes()


def host_entries(config: Config) -> dict[bytes, bytes]:
    """The record of every protected address, by `address_key`; its number in `hosts` is its place in the order."""
    return {
        address_key(address): host_entry(number, host.mss_for(address), host.ports)
        for number, host in enumerate(config.hosts)
        for address in host.addresses
    }


def host_updates(entries: Mapping[bytes, bytes]) -> Iterator[tuple[str, bytes, bytes]]:
    """What to write, and in which order, for these records by address key: table, key, value."""
    index = index_entry([*entries])
    yield "hosts", ONLY, b"".join(entries.values()).ljust(HOSTS.value_size, b"\0")
    yield "index", ONLY, index


def index_entry(addresses: Sequence[bytes]) -> bytes:
    """The `index` table: address keys to their places in the sequence, each within PROBES slots of its hash.

    Multipliers are tried until one spreads them so; with a quarter of the slots in use that is one of the first.
    """
    if len(addresses) > MOST_HOST_ADDRESSES:
        raise TooManyAddresses(
            f"{len(addresses)} protected addresses; a front takes {MOST_HOST_ADDRESSES}: split them among several"
        )
    words = [tuple(map(int, np.frombuffer(address, "<u8"))) for address in addresses]
    for attempt in range(MOST_ATTEMPTS):
        factor = int.from_bytes(hashlib.sha256(attempt.to_bytes(8, "little")).digest()[:8], "little") | 1
        places = _arranged(words, factor)
        if places is not None:
            return _index_record(words, places, factor)
    raise ValueError("no arrangement of these addresses was found")  # not seen in ten thousand random sets


def place_of(high: int, low: int, factor: int) -> int:
    """The first slot an address is looked for in: what packet/hosts.py computes."""
    return ((((low ^ (high * SPREAD)) & WORD) * factor) & WORD) >> (64 - INDEX_BITS)


def _arranged(words: Sequence[tuple[int, ...]], factor: int) -> list[int] | None:
    taken: set[int] = set()
    places = []
    for high, low in words:
        first = place_of(high, low, factor)
        free = next((place for place in range(first, first + PROBES) if place not in taken), None)
        if free is None:
            return None
        taken.add(free)
        places.append(free)
    return places


def _index_record(words: Sequence[tuple[int, ...]], places: Sequence[int], factor: int) -> bytes:
    record = np.zeros((), Index)
    record["factor"] = factor
    record["slots"]["host"] = MOST_HOST_ADDRESSES  # an empty slot matches the address ::, and leads nowhere
    for number, ((high, low), place) in enumerate(zip(words, places, strict=True)):
        record["slots"][place] = high, low, number
    return record.tobytes()
