"""The tables of a packet program, filled with what the naive twin's state says, and read back as the twin would say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import numpy as np
import numpy.typing as npt
from naive.budget import LEARNING
from naive.state import Exit, Held, Host, Name, Origin, Prefix, State
from naive.world import FACTORS
from networks_under_test import content

from hardtack.control import rules
from hardtack.control.configuration.rules import parse
from hardtack.control.networks.memory import UNIT
from hardtack.control.networks.prefixes import content_of
from hardtack.control.networks.trees import Trees
from hardtack.control.protected import led_to
from hardtack.control.rules import Laid, Line, Ruled, Ruling, protecting
from hardtack.control.sources import planted, words_of
from hardtack.control.uplinks import Uplink, outside_entry
from hardtack.packet import layout
from hardtack.packet.entries import ONLY, keys_entry
from hardtack.packet.layout import KEEP_TAG, NO_TAG
from hardtack.packet.proven_tables import ALLOWANCE_BITS, LOST_SHIFT, PROVEN_HASH_WORDS, Source, SourcePlaces

Updates = Iterator[tuple[str, bytes, bytes]]  # table, key, value
WORD = 1 << 32
LO = 1  # an interface that every namespace has; no test sends anything by it
MAPPED = bytes(10) + b"\xff\xff"
BUCKETS = 1024  # of the table of connections: room for all of a test's
SOURCE_BUCKETS = 64  # likewise of proven sources
BITS = {
    "client_fin": layout.CLIENT_FIN,
    "host_fin": layout.HOST_FIN,
    "host_seen": layout.HOST_SEEN,
    "awaited": layout.AWAITED,
    "asked": layout.ASKED,
    "numbered": layout.NUMBERED,
    "fin_acked": layout.FIN_ACKED,
    "half_open": layout.HALF_OPEN,
}
SPOKEN = {
    "sack": layout.SACK_SPOKEN,
    "timestamps": layout.TIMESTAMPS_SPOKEN,
    "window_scaling": layout.SCALE_SPOKEN,
    "ecn": layout.ECN_SPOKEN,
}
NUMBERS = ("next", "sent", "left", "doubted", "reach", "ack_reach", "seen", "begun", "host", "charged")
EARNED = ("used", "passed", "pending", "before")  # of a source; its allowance, and how often it was lost, are one number


def updates(state: State, buckets: int = BUCKETS) -> Updates:
    """All that is configured, as tables begin; `buckets` of the table of connections are in use."""
    yield from host_updates(state)
    yield "networks", ONLY, planting(state)[1]
    for number, schedule in enumerate(state.keys):
        yield "keys", number.to_bytes(4, "little"), keys_entry(schedule.items(), state.old_keys.get(number, {}).items())
    yield "places", ONLY, places_entry(buckets)
    yield "proven_places", ONLY, source_places_entry(SOURCE_BUCKETS)
    yield "policy", ONLY, policy_entry(state)
    yield "wanted", ONLY, np.array(FACTORS[:4], np.uint64).tobytes()
    yield from ways(state)


def ways(state: State) -> Updates:
    """All that is known of interfaces, and what goes by which."""
    yield "exits", ONLY, exits_entry(state.exits)
    yield "outside", ONLY, outside_of(state)
    yield "nets", ONLY, nets_entry(state)


def host_updates(state: State) -> Updates:
    """Each host's record and set of ports, at its number; addresses of one number are of one host, but for its MSS."""
    records = np.zeros(1 + max(host.number for _, host in protected_by(state) if host), layout.Host)
    ruled, roots = laid_of(state), planting(state)[0]
    for net, host in protected_by(state):
        if host is None:
            continue
        told = {name: records[host.number][name] for name in ("mss_4", "mss_6")}
        told["mss_4" if prefix_of(net).version == 4 else "mss_6"] = host.mss
        records[host.number] = record_of(host)
        records[host.number]["rules"] = ruled.words.get(str(host.number), 0)
        for name, mss in told.items():
            records[host.number][name] = mss
    yield "rules", ONLY, b"".join(record for _, record in sorted(rules.records(ruled).items()))
    records["sources"] = words_of(roots, range(len(records)))
    yield "hosts", ONLY, records.tobytes()
    sets = {host.number: bits_of(host.ports) for _, host in protected_by(state) if host} | {layout.ALL_PORTS: bits_of(None)}
    yield "ports", ONLY, b"".join(sets.get(number, bytes(len(sets[0]))) for number in range(1 + max(sets)))


def laid_of(state: State) -> Laid:
    """Where the rules of all hosts are; hosts are called by their numbers."""
    hosts = {str(host.number): host for host in state.hosts.values()}
    known = {(name, rule.text): rule.number for name, host in hosts.items() for rule in host.rules}
    return rules.laid({name: ruled_of(name, host) for name, host in hosts.items()}, known=known)


def ruled_of(name: str, host: Host) -> Ruled:
    """A host's rules."""
    lines = [Line(parse(rule.text), (name, rule.text)) for rule in host.rules]
    if host.protect:
        lines.append(protecting(name, host.protect))
    return Ruled(Ruling(tuple(lines), bool(host.protect)), host.dry_run)


def record_of(host: Host) -> npt.NDArray[np.void]:
    """A host's record, but for its MSS."""
    record = np.zeros((), layout.Host)
    for field in ("number", "keys", "replies", "frames", "heard", "one_armed", "scale", "syns"):
        record[field] = getattr(host, field)
    record["handshake"] = word_of(host.handshake)
    record["via"], record["other"] = host.via.value, host.drops
    record["speaks"] = sum(1 << bit for name, bit in SPOKEN.items() if name in host.speaks)
    record["tag"] = KEEP_TAG if host.tag is None else NO_TAG if host.tag == "none" else host.tag
    record["ports"] = 0 if host.ports is None else host.number
    return record


def word_of(held: Held) -> int:
    """Which handshake a host has, as its record says it."""
    word = held.holds.value | held.configured.value << layout.CONFIGURED_SHIFT
    return word | (layout.TRIED if held.tried else 0) | (layout.UNANSWERED if held.unanswered else 0)


def handshakes(state: State, hosts: npt.NDArray[np.uint8]) -> None:
    """Have the hosts whose records are in this memory, by number, the handshakes that they have in the state."""
    words = hosts[: len(hosts) // layout.Host.itemsize * layout.Host.itemsize].view(layout.Host)["handshake"]
    for _, host in protected_by(state):
        if host is not None:
            words[host.number] = word_of(host.handshake)


def bits_of(ports: frozenset[int] | None) -> bytes:
    """A set of ports; None: all of them."""
    bits = np.zeros(1 << 16, np.uint8)
    bits[[*range(1 << 16)] if ports is None else [*ports]] = 1
    return np.packbits(bits, bitorder="little").tobytes()


def planting(state: State) -> tuple[dict[int, int], bytes]:
    """The trees: to which place each address and network leads, and lists of sources, whose roots these are."""
    words = np.zeros(layout.FEWEST_NETWORK_WORDS, np.uint64)
    trees = Trees(words, lambda: None)
    led = {
        prefix_of(net): led_to(place, host.number) if host else layout.NO_PLACE
        for place, (net, host) in enumerate(protected_by(state), 1)
    }
    assert trees.new(content_of(led)) == layout.HOST_ROOT
    roots = planted(trees, {number: content(one) for number, one in state.lists.items()})
    return roots, words[: UNIT * trees.memory.end].tobytes()


def prefix_of(net: bytes | Prefix) -> IPv4Network | IPv6Network:
    """As Python has networks."""
    address, bits = net if isinstance(net, Prefix) else (net, 128)
    if address.startswith(MAPPED) and bits >= 96:
        return IPv4Network((address[12:], bits - 96))
    return IPv6Network((address, bits))


def protected_by(state: State) -> list[tuple[bytes | Prefix, Host | None]]:
    """Addresses and networks, in the order of their places, and whose they are."""
    return [*state.hosts.items(), *state.networks.items()]


def nets_entry(state: State) -> bytes:
    """Whose each address and network is, where frames for it go, and where its own come from; by place, from 1."""
    nets = protected_by(state)
    records = np.zeros(1 + len(nets), layout.Net)
    for place, (net, host) in enumerate(nets, 1):
        hop = state.hops.get(net)
        unknown = layout.TO_LEARN if net in state.to_learn else layout.BY_KERNEL
        word = unknown if hop is None else int.from_bytes(hop.mac, "little") | hop.exit << 48
        origin = int.from_bytes(state.origins.get(net, b""), "little")
        until = state.grace_until if host is None or host.grace_until is None else host.grace_until
        records[place] = host.number if host else layout.NO_HOST, 0, word, origin, until
    return records.tobytes()


def policy_entry(state: State) -> bytes:
    """What holds for all hosts together."""
    record = np.zeros((), layout.Policy)
    for field in ("grace_until", "learned", "taught", "replies", "prefix_replies", "prefix_connections"):
        record[field] = getattr(state, field)
    for field in ("source_syns", "source_life"):
        record[field] = getattr(state, field)
    return record.tobytes()


def outside_of(state: State) -> bytes:
    """The ways in. All frames of a test come by the same, which is the loopback device to the kernel."""
    here = {state.uplink: Uplink(state.macs, state.unfinished, [LO])}
    others = {number: Uplink(macs, not state.unfinished, [LO + number]) for number, macs in state.elsewhere.items()}
    return outside_entry(here | others)


def exits_entry(exits: Mapping[int, Exit]) -> bytes:
    """The interfaces, each at its place; frames of several buffers are nobody's here."""
    record = np.zeros((), layout.Exits)
    for place, one in exits.items():
        record["slots"][place] = int.from_bytes(one.mac, "little"), one.mtu, 1
    return record.tobytes()


def places_entry(buckets: int, marks: int = layout.FEWEST_MARKS) -> bytes:
    """The twin's factors; `marks` in a set."""
    record = np.zeros((), layout.Places)
    record["buckets"], record["factors"], record["marked"] = buckets, FACTORS, marks - 1
    return record.tobytes()


def source_places_entry(buckets: int) -> bytes:
    """The same of the table of proven sources."""
    record = np.zeros((), SourcePlaces)
    record["buckets"], record["factors"] = buckets, FACTORS[:PROVEN_HASH_WORDS]
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
    state, numbers = int(record["state"]), {field: int(record[field]) for field in NUMBERS}
    return name, words(Origin(int(record["origin"])), numbers, [bit for bit, mask in BITS.items() if state & mask])


def words(origin: Origin, numbers: dict[str, int], bits: list[str]) -> str:
    """A connection as one reads it."""
    return " ".join([origin.name, *(f"{field} {number}" for field, number in numbers.items()), *bits])


def in_words(state: State) -> dict[Name, str]:
    """The twin's connections, likewise."""
    return {
        name: words(
            known.origin,
            {field: int(getattr(known, field)) for field in NUMBERS},
            [bit for bit in BITS if getattr(known, bit)],
        )
        for name, known in state.connections.items()
    }


def proven(tags: npt.NDArray[np.uint8], sources: npt.NDArray[np.uint8]) -> dict[bytes, str]:
    """The sources in a table's memory, by address, in words. AssertionError if one is there twice."""
    found: dict[bytes, str] = {}
    records = sources.view(Source)
    for record in records[np.flatnonzero(tags[: len(records)])]:
        address = record["high"].tobytes() + record["low"].tobytes()
        assert address not in found, f"twice in the table: {address!r}"
        numbers = {name: int(record[name]) for name in EARNED}
        found[address] = source_words(int(record["earned"]) & ALLOWANCE_BITS, int(record["earned"]) >> LOST_SHIFT, numbers)
    return found


def source_words(allowance: int, lost: int, numbers: dict[str, int]) -> str:
    """A source as one reads it."""
    return " ".join([f"allowance {allowance} lost {lost}", *(f"{name} {number}" for name, number in numbers.items())])


def sources_in_words(state: State) -> dict[bytes, str]:
    """The twin's sources, likewise."""
    return {
        address: source_words(source.allowance, source.lost, {name: getattr(source, name) for name in EARNED})
        for address, source in state.proven.items()
    }


# What CPUs remember of budgets and prefixes

SHARE = ("window", "left", "tight", "crowd", "fair", "hosts", "host_fair", "cpus")
CELL = ("tag", "proven", "window", "answered", "failed", "opened", "guessed", "doubted")


def budgets_in_words(state: State, cpu: int) -> dict[str, dict[int, tuple[int, ...]]]:
    """The twin's, of these budgets and of all prefixes, as the tables have them. All that is zero is left out."""
    own = state.cpus[cpu]
    shares = {index_of(whose): share for whose, share in own.shares.items() if share.window}
    return {
        "shares": {number: tuple(int(getattr(share, name)) for name in SHARE) for number, share in shares.items()},
        "wanted": {number: (share.wanted,) for number, share in shares.items() if is_of_syns(number)},
        "cells": {number: tuple(getattr(cell, name) for name in CELL) for number, cell in own.cells.items() if cell.window},
        "asked": {number: (asked.when << 3 | asked.tries,) for number, asked in own.asked.items() if asked.when},
        "crowds": {number: (when << 32 | count,) for number, (when, count) in own.crowds.items()},
        "taken": {index_of(whose): (when << 32 | count,) for whose, (when, count) in state.taken.items()},
    }


def index_of(whose: int | str) -> int:
    """A budget's place in the table."""
    if isinstance(whose, int):
        return whose * layout.BUDGETS_EACH
    if whose == LEARNING:
        return layout.LEARNING
    kind = {"quoted": layout.QUOTED, "taught": layout.TAUGHT, "passed": layout.PASSED}[whose.partition(" ")[0]]
    return int(whose.rpartition(" ")[2]) * layout.BUDGETS_EACH + kind


def is_of_syns(number: int) -> bool:
    """Whether a budget is of SYNs, answered or sent on."""
    return number % layout.BUDGETS_EACH in (layout.REPLIES, layout.PASSED)


def budgets(tables: Mapping[str, npt.NDArray[np.uint8]], numbers: Sequence[int]) -> dict[str, dict[int, tuple[int, ...]]]:
    """The same, from the tables."""
    shares, cells = tables["shares"].view(layout.Share), tables["prefixes"].view(layout.Prefix)
    asked, crowds = tables["asked"].view(np.uint16), tables["crowds"].view(np.uint64)
    taken = tables["budgets"].view(layout.Budget)["taken"]
    return {
        "shares": {n: tuple(int(shares[n][name]) for name in SHARE) for n in numbers if shares[n]["window"]},
        "wanted": {n: (wanted(shares[n]),) for n in numbers if is_of_syns(n) and shares[n]["window"]},
        "cells": {int(n): tuple(int(cells[n][name]) for name in CELL) for n in np.flatnonzero(cells["window"])},
        "asked": {int(n): (int(asked[n]),) for n in np.flatnonzero(asked)},
        "crowds": {int(n): (int(crowds[n]),) for n in np.flatnonzero(crowds)},
        "taken": {n: (int(taken[n]),) for n in numbers if taken[n]},
    }


def wanted(share: Any) -> int:
    """SYNs of this window: those that were paid for, and those refused."""
    return int(share["drawn"]) - int(share["left"]) + int(share["refused"])
