"""Configuration -> table entries: pure lowering, bytes in and out."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from hardtack.control.configuration.schema import Config
from hardtack.control.configuration.schema import Host as Configured
from hardtack.control.exits import Exit
from hardtack.control.numbers import Numbering
from hardtack.kernel.tcp import Speech
from hardtack.mistake import Mistake
from hardtack.packet.entries import ONLY
from hardtack.packet.layout import (
    ECN_SPOKEN,
    HOSTS,
    INDEX_BITS,
    KEEP_TAG,
    KERNEL,
    MOST_HOST_ADDRESSES,
    NO_TAG,
    PORT_WORDS,
    PROBES,
    ROUTED,
    SACK_SPOKEN,
    SCALE_SPOKEN,
    SECOND_BITS,
    SPREAD,
    SWITCHED,
    TIMESTAMPS_SPOKEN,
    WINDOW_BITS,
    Exits,
    Host,
    Index,
    Policy,
)

WORD = (1 << 64) - 1
MOST_ATTEMPTS = 1000
VIA = {"kernel": KERNEL, "local": KERNEL, "direct": ROUTED, "mac": SWITCHED}
LEARNED = 20_000  # connections that the grace period, or a host, may teach in a second: see policy_entry
LEARNED_IN = 10  # s in which either may teach as many as the table holds, at most
PLENTY_OF_FRAMES = 1 << 20  # that a client may send in a ms, likewise
PLENTY = 1 << 31  # SYN-ACKs in a window: a limit that nobody meets

USUAL = Speech()  # where nobody says otherwise
SPOKEN = {
    "sack": SACK_SPOKEN,
    "timestamps": TIMESTAMPS_SPOKEN,
    "window_scaling": SCALE_SPOKEN,
    "ecn": ECN_SPOKEN,
}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TooManyAddresses(Mistake):
    """More addresses than the tables have room for."""


def address_key(address: Address) -> bytes:
    """The key of `hosts`: 16 bytes, IPv4 mapped (RFC 4291 2.5.5.2)."""
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def host_entry(
    number: int,
    mss: int,
    ports: Iterable[int] | None,
    *,
    keys: int = 0,
    replies: int = PLENTY,
    via: int = KERNEL,
    drops: bool = False,
    tag: int = KEEP_TAG,
    frames: int = PLENTY_OF_FRAMES,
    heard: bool = False,
    one_armed: bool = False,
    promised: Speech = USUAL,
) -> bytes:
    """The record of a protected address. `ports` None: all; `replies`: SYN-ACKs in a window; `frames`: for each ms.

    Its `place` is for host_updates to fill in.
    """
    record = np.zeros((), Host)
    record["number"], record["mss"], record["keys"], record["replies"] = number, mss, keys, replies
    record["via"], record["other"], record["tag"] = via, drops, tag
    record["frames"], record["heard"], record["one_armed"] = frames, heard, one_armed
    record["speaks"] = sum(1 << SPOKEN[name] for name in promised.options)
    record["scale"] = promised.scale
    if ports is None:
        record["ports"][:] = ~np.uint64(0)
    else:
        words = np.zeros(PORT_WORDS, np.uint64)
        for port in ports:
            words[port >> 6] |= np.uint64(1 << (port & 63))
        record["ports"] = words
    return record.tobytes()


def host_entries(config: Config, numbers: Numbering, here: Speech = USUAL) -> dict[bytes, bytes]:
    """The record of every protected address, by `address_key`, in the order of `addresses_of`.

    `here`: the TCP that this machine speaks, for those of its own.
    """
    return {
        address_key(address): host_entry(
            numbers[host.name],
            host.mss_for(address),
            host.ports,
            keys=config.key_files.index(config.key_file_for(host)),
            replies=per_window(host.replies_per_second),
            via=VIA[host.via],
            drops=host.default == "drop",
            tag=tag_of(host),
            frames=per_ms(host.frames_per_connection),
            heard=config.hears(host),
            one_armed=host.one_armed,
            promised=host.promises(here),
        )
        for host, address in addresses_of(config)
    }


def addresses_of(config: Config) -> list[tuple[Configured, Address]]:
    """Every protected address and its host. An address's place in this list is that of its record: Host.place."""
    return [(host, address) for host in config.hosts for address in host.addresses]


def tag_of(host: Configured) -> int:
    """Host.tag: what to do with the VLAN tags of frames for this host."""
    return KEEP_TAG if host.vlan is None else NO_TAG if host.vlan == "none" else host.vlan


def per_window(rate: int) -> int:
    """So many a second, as so many in a window of WINDOW_BITS; at least one."""
    return max(1, -(-(rate << WINDOW_BITS) // 1000))


def per_span(rate: int) -> int:
    """So many a second, as so many in SECOND_BITS; at least one."""
    return max(1, -(-(rate << SECOND_BITS) // 1000))


def per_ms(rate: int) -> int:
    """So many a second, as so many in a ms; at least one."""
    return max(1, -(-rate // 1000))


def host_updates(entries: Mapping[bytes, bytes]) -> Iterator[tuple[str, bytes, bytes]]:
    """What to write, and in which order, for these records by address key: table, key, value."""
    index = index_entry([*entries])
    records = np.frombuffer(b"".join(entries.values()).ljust(HOSTS.value_size, b"\0"), Host).copy()
    records["place"] = np.arange(len(records))
    yield "hosts", ONLY, records.tobytes()
    yield "index", ONLY, index


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
    return record.tobytes()


def exits_entry(exits: Sequence[Exit]) -> bytes:
    """The `exits` table: each at its place, the first is the interface that faces the internet."""
    record = np.zeros((), Exits)
    for place, one in enumerate(exits):
        record["slots"][place] = int.from_bytes(one.mac, "little"), one.mtu, one.scatters
    return record.tobytes()


def device_entries(exits: Sequence[Exit]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of `devices`: which interface is at which place."""
    for place, one in enumerate(exits):
        yield place.to_bytes(4, "little"), one.index.to_bytes(4, "little")


def next_hop_entry(mac: bytes, place: int) -> bytes:
    """An entry of `next_hops`: a MAC address, out of the interface at a place in `exits`."""
    return (int.from_bytes(mac, "little") | place << 48).to_bytes(8, "little")


def index_entry(addresses: Sequence[bytes]) -> bytes:
    """The `index` table: address keys to their places in the sequence, each within PROBES slots of its hash.

    Multipliers are tried until one spreads them so; with a quarter of the slots in use that is one of the first.
    """
    if len(addresses) > MOST_HOST_ADDRESSES:
        raise TooManyAddresses(
            f"{len(addresses)} protected addresses; a front takes {MOST_HOST_ADDRESSES}: split them among several"
        )
    words = [tuple(map(int, np.frombuffer(address, "<u8"))) for address in addresses]
    for factor in factors():
        places = _arranged(words, factor)
        if places is not None:
            return _index_record(words, places, factor)
    raise ValueError("no arrangement of these addresses was found")  # not seen in ten thousand random sets


def factors() -> Iterator[int]:
    """Odd numbers of 64 bits, always the same: multipliers to try."""
    for attempt in range(MOST_ATTEMPTS):
        yield int.from_bytes(hashlib.sha256(attempt.to_bytes(8, "little")).digest()[:8], "little") | 1


def place_of(high: int, low: int, factor: int) -> int:
    """The first slot an address is looked for in: what packet/state/hosts.py computes."""
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
