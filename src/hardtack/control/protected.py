"""What is protected, as the packet program has it: the tables `hosts`, `ports`, `nets`, and the tree that leads there.

Pure, up to `fill_protected`.

Host records are by host's number, sets of ports by their own, networks by their place. Whoever had a number keeps it, so
that of two of these only what differs is to be written; in words, each of which means something by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hardtack.control.configuration.hashed import hashed
from hardtack.control.configuration.schema import Config, KeyFiles
from hardtack.control.configuration.schema import Host as Configured
from hardtack.control.coverage import Network
from hardtack.control.networks.prefixes import Content, content_of
from hardtack.control.numbers import Numbering, assigned
from hardtack.control.rates import per_ms, per_window
from hardtack.kernel.maps import Map
from hardtack.kernel.tcp import Speech
from hardtack.packet.layout import (
    ALL_PORTS,
    ECN_SPOKEN,
    KEEP_TAG,
    KERNEL,
    LED_BITS,
    MOST_LEARNED,
    MOST_NETS,
    NO_PLACE,
    NO_TAG,
    PORT_WORDS,
    ROUTED,
    SACK_SPOKEN,
    SCALE_SPOKEN,
    SWITCHED,
    TIMESTAMPS_SPOKEN,
    Host,
    Net,
)
from hardtack.packet.rule_tables import ANY_PORT, DRY_RUN

VIA = {"kernel": KERNEL, "local": KERNEL, "direct": ROUTED, "mac": SWITCHED}
SPOKEN = {
    "sack": SACK_SPOKEN,
    "timestamps": TIMESTAMPS_SPOKEN,
    "window_scaling": SCALE_SPOKEN,
    "ecn": ECN_SPOKEN,
}
USUAL = Speech()  # where nobody says otherwise
EVERY_PORT, NO_PORT = b"\xff" * (8 * PORT_WORDS), bytes(8 * PORT_WORDS)

PORTS_AT, RULES_AT = (
    slice(place, place + kind.itemsize) for kind, place, *_ in (Host.fields[name] for name in ("ports", "rules"))  # type: ignore[index]
)

Words = npt.NDArray[np.uint64]
Places = Mapping[Network, int]


@dataclass(frozen=True)
class Protected:
    """`hosts`: records by number; `sets`: numbers of sets of ports, by their bits; each network's place, and its host.

    `excluded`: networks inside of those that are nobody's. `made`: what the records were made of, by number; `common`: and
    all of them.
    """

    hosts: Mapping[int, bytes] = field(default_factory=dict)
    sets: Mapping[bytes, int] = field(default_factory=dict)
    places: Places = field(default_factory=dict)
    owners: Mapping[Network, int] = field(default_factory=dict)
    excluded: frozenset[Network] = frozenset()
    made: Mapping[int, Made] = field(default_factory=dict, repr=False, compare=False)
    common: Common | None = field(default=None, repr=False, compare=False)


class Said(NamedTuple):
    """What a host's record says that the host's own keys do not. `number`: its own; `keys`, `ports`: of sets."""

    number: int
    keys: int
    ports: int
    heard: bool
    rules: int
    here: Speech


class Common(NamedTuple):
    """What records depend on besides, all of them."""

    key_sets: Mapping[KeyFiles, int]
    key_file: Path
    old_key_file: Path | None
    inside: tuple[str, ...]
    here: Speech


Made = tuple[Configured, Said, bytes]  # a host's record, and of what


class Column(NamedTuple):
    """Words of a table: number n of them is its word first + n * step. `there`: which of them mean something."""

    table: str
    first: int
    step: int
    words: Words
    there: npt.NDArray[np.bool_]


NOTHING = Protected()


def protect(
    config: Config,
    numbers: Numbering,
    here: Speech = USUAL,
    earlier: Protected = NOTHING,
    key_files: Sequence[KeyFiles | None] = (),
    rules: Mapping[str, int] = MappingProxyType({}),
) -> Protected:
    """All that the configuration protects. `here`: the TCP that this machine speaks, for hosts that it is itself.

    `earlier`: what was protected before, whose numbers and places are kept. `key_files`: the files of each set of keys;
    without, in the order of the configuration. `rules`: Host.rules, by the host's name.
    """
    key_sets = {file: number for number, file in enumerate(key_files or config.key_pairs) if file}
    common = Common(key_sets, config.front.key_file, config.front.old_key_file, config.front.inside, here)
    made: dict[int, Made] = unchanged(config, numbers, rules, earlier) if common == earlier.common else {}
    others = [host for host in config.hosts if numbers[host.name] not in made]
    bits = {number: bits for bits, number in earlier.sets.items()}
    kept = (bits[number] for number in {said.ports for _, said, _ in made.values()} - {ALL_PORTS})
    sets = assigned(chain(kept, filter(None, (known_bits(host.ports) for host in others))), earlier.sets)
    for host in others:
        number, ports = numbers[host.name], sets.get(known_bits(host.ports), ALL_PORTS)
        said = Said(number, key_sets[config.key_files_for(host)], ports, config.hears(host), rules.get(host.name, 0), here)
        made[number] = host, said, record_of(host, said)
    hosts = {number: record for number, (_, _, record) in made.items()}
    owners = {network: numbers[host.name] for host, network in networks_of(config)}
    excluded = frozenset(hashed(one) for host in config.hosts for one in host.exclude)
    places = assigned(owners, earlier.places, MOST_NETS - MOST_LEARNED - 1)
    return Protected(hosts, sets, places, owners, excluded, made, common)


def unchanged(config: Config, numbers: Numbering, rules: Mapping[str, int], earlier: Protected) -> dict[int, Made]:
    """What was made of hosts that are the same objects as before, and of whom nothing else is said now."""
    found = {}
    for host in config.hosts:
        number = numbers[host.name]
        was = earlier.made.get(number)
        if was and was[0] is host and was[1].rules == rules.get(host.name, 0):
            found[number] = was
    return found


def networks_of(config: Config) -> Iterator[tuple[Configured, Network]]:
    """Every protected network and its host; a single address is one, too."""
    return ((host, network) for host in config.hosts for network in host.networks)


def content(protected: Protected) -> Content:
    """What the tree of destinations holds: to which place each network leads, and to whom."""
    led = {network: led_to(place, protected.owners[network]) for network, place in protected.places.items()}
    return content_of({**dict.fromkeys(protected.excluded, NO_PLACE), **led})


def led_to(place: int, host: int) -> int:
    """The value of a network's prefix there."""
    return place << LED_BITS | (host if host < 1 << LED_BITS else 0)


def ports_of(protected: Protected) -> dict[Network, bytes]:
    """What is protected of each network: a set of ports as bits; b"" is every port. Of what is excluded, none."""
    bits = {number: bits for bits, number in protected.sets.items()} | {ALL_PORTS: b""}
    kinds: dict[tuple[bytes, bytes], bytes] = {}  # many hosts are alike
    sets: dict[int, bytes] = {}
    for number, record in protected.hosts.items():
        kind = record[PORTS_AT], record[RULES_AT]
        if kind not in kinds:
            kinds[kind] = covered(np.frombuffer(record, Host)[0], bits)
        sets[number] = kinds[kind]
    return dict.fromkeys(protected.excluded, NO_PORT) | {net: sets[number] for net, number in protected.owners.items()}


def covered(record: np.void, sets: Mapping[int, bytes]) -> bytes:
    """The ports whose connections must be known: rules may have any protected, and a dry run protects none yet."""
    if int(record["rules"]) & DRY_RUN:
        return NO_PORT
    return sets[ALL_PORTS if int(record["rules"]) & ANY_PORT else int(record["ports"])]


def is_alone(network: Network) -> bool:
    """Whether it is a single address."""
    return network.prefixlen == network.max_prefixlen


def record_of(host: Configured, said: Said) -> bytes:
    """A host's record."""
    record, promised = np.zeros((), Host), host.promises(said.here)
    record["mss_4"], record["mss_6"] = host.mss_for(4), host.mss_for(6)
    record["keys"], record["number"], record["ports"], record["rules"] = said.keys, said.number, said.ports, said.rules
    record["speaks"], record["scale"] = sum(1 << SPOKEN[name] for name in promised.options), promised.scale
    record["replies"], record["frames"] = per_window(host.replies_per_second), per_ms(host.frames_per_connection)
    record["syns"] = per_window(host.syns_per_second) if host.syns_per_second else 0
    record["tag"], record["via"], record["other"] = tag_of(host), VIA[host.via], host.default == "drop"
    record["heard"], record["one_armed"] = said.heard, host.one_armed
    return record.tobytes()


def bits_of(ports: Iterable[int] | None) -> bytes:
    """A set of ports, as `ports` has it; b"" of None: all of them."""
    if ports is None:
        return b""
    bits = np.zeros(PORT_WORDS * 64, np.uint8)
    bits[np.fromiter(ports, int)] = 1
    return np.packbits(bits, bitorder="little").tobytes()


known_bits = lru_cache(1024)(bits_of)  # many hosts have the same ports


def tag_of(host: Configured) -> int:
    """Host.tag: what to do with the VLAN tags of frames for this host."""
    return KEEP_TAG if host.vlan is None else NO_TAG if host.vlan == "none" else host.vlan


def columns(protected: Protected) -> tuple[Column, ...]:
    """What the tables hold, in the order in which it is to be written: what is referred to comes first."""
    sets = {number: bits for bits, number in protected.sets.items()}
    if protected.hosts:
        sets[ALL_PORTS] = EVERY_PORT
    owners = {protected.places[network]: number.to_bytes(8, "little") for network, number in protected.owners.items()}
    return (
        Column("ports", 0, 1, *by_number(sets, PORT_WORDS)),
        Column("hosts", 0, 1, *own_words(*by_number(protected.hosts, Host.itemsize // 8))),
        Column("nets", 0, Net.itemsize // 8, *by_number(owners, 1)),  # Net.host, its first word
    )


def own_words(words: Words, there: npt.NDArray[np.bool_]) -> tuple[Words, npt.NDArray[np.bool_]]:
    """Of hosts' records all words but those that control/sources.py and control/handshakes.py write."""
    for name in ("sources", "handshake"):
        there.reshape(-1, Host.itemsize // 8)[:, Host.fields[name][1] // 8] = False  # type: ignore[index]
    return words, there


def by_number(records: Mapping[int, bytes], words: int) -> tuple[Words, npt.NDArray[np.bool_]]:
    """Records of so many words, one behind the other; and where there are any."""
    found = np.zeros((1 + max(records, default=0), words), np.uint64)
    there = np.zeros(found.shape, bool)
    numbers = [*records]
    found[numbers] = np.frombuffer(b"".join(records.values()), np.uint64).reshape(-1, words)
    there[numbers] = True
    return found.ravel(), there.ravel()


def changes(before: Protected, after: Protected) -> Iterator[tuple[str, npt.NDArray[np.intp], Words]]:
    """What is to be written where `before` is: table, which of its words, and what they are then; in this order.

    What nobody refers to any more stays as it is: a frame may be on its way through it.
    """
    for old, new in zip(columns(before), columns(after), strict=True):
        size = min(len(old.words), len(new.words))
        differs = new.there.copy()
        differs[:size] &= ~old.there[:size] | (old.words[:size] != new.words[:size])
        if differs.any():
            changed = np.flatnonzero(differs)
            yield new.table, new.first + changed * new.step, new.words[changed]


def fill_protected(tables: Mapping[str, Map], after: Protected, before: Protected = NOTHING) -> None:
    """Write what has changed into tables that programs may be reading: by mapped memory, a word of 64 bits at a time."""
    for table, places, words in changes(before, after):
        np.frombuffer(tables[table].memory(), np.uint64)[places] = words


class NetColumn:
    """A field of the records of `nets`, as a table of its own: the key is the place, the value the word."""

    def __init__(self, nets: Map, name: str) -> None:
        self._words = np.frombuffer(nets.memory(), Net)[name]

    def update(self, key: bytes, value: bytes) -> None:
        """Write one."""
        self._words[int.from_bytes(key, "little")] = np.frombuffer(value, np.uint64)[0]

    def lookup(self, key: bytes) -> bytes:
        """Read one."""
        return bytes(self._words[int.from_bytes(key, "little")].tobytes())
