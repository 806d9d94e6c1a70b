"""What many hosts and long lists cost: the front's program on frames for one host; for any of 10,000; for one, from sources
that are looked up among 100,000 denied prefixes. By turns, each frame from another source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from random import Random

import numpy as np
import numpy.typing as npt

from hardtack.compiler.objects import compiled
from hardtack.control import connections
from hardtack.control import numbers as numbering
from hardtack.control.networks.prefixes import Network, content_of
from hardtack.control.networks.trees import Trees
from hardtack.control.protected import Protected, bits_of, content, fill_protected
from hardtack.image import ONLY
from hardtack.kernel.datapath import Datapath
from hardtack.lab.bench.frames import segment
from hardtack.lab.bench.kinds import PORT, VERSIONS
from hardtack.lab.namespaces import LabError
from hardtack.lab.packets.found import STOPS, TOUR, Tour
from hardtack.lab.packets.recipe import RST
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import DENY, HOST_ROOT, NETWORKS, Host
from hardtack.packet.programs import FRONT
from hardtack.packet.reasons import Reason

HOSTS, DENIED = 10_000, 100_000
RUNS = 1 << 16
MOST_DENIED = 0.02  # of the frames: who is found early costs less
Address = IPv4Address | IPv6Address
FIRST: dict[int, Address] = {4: IPv4Address("203.0.0.1"), 6: IPv6Address("2001:db8::1")}
EACH, APART = {4: 250, 6: 1000}, {4: 1 << 8, 6: 1 << 64}  # hosts in a /24, in a /64
# Sources, and prefixes that are denied
WHERE: dict[int, Network] = {4: IPv4Network("64.0.0.0/3"), 6: IPv6Network("2a00::/12")}
LENGTHS = {4: (32, 32, 32, 32, 24, 24), 6: (48, 48, 64, 64, 40, 128)}  # of these, as block lists have them
WHOLE, LOOK_UP = (
    replace(FRONT, name=name, entry=f"hardtack.lab.packets.toured:{name}", tables=(*FRONT.tables, TOUR))
    for name in ("toured", "toured_host")
)
DROP = 1  # XDP_DROP
CONNECTIONS = 1024  # that there is room for; none is known

Stops = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Scale:
    """ns a frame, the least of several times RUNS: for one host, for any of many, for one that has a list of sources.

    `found_one`, `found_many`: no more than until the host is known.
    """

    version: int
    hosts: int
    denied: int
    one: int
    many: int
    listed: int
    found_one: int
    found_many: int


@dataclass
class Round:
    """The programs, the whole one first, and what each of their runs is for."""

    front: Datapath
    look_up: Datapath
    tour: npt.NDArray[np.void]
    words: Stops  # Host.sources of each host
    root: int
    runs: int = 0

    def run(self, version: int, hosts: int, listed: bool) -> int:
        """ns a frame. An RST of no connection, for a protected port: once it is known for that, nothing more is done."""
        self._set(hosts, self.root if listed else 0)
        self.runs += RUNS
        return self.front.program.test_run(segment(version, b"", flags=RST), RUNS).nanoseconds

    def find(self, version: int, hosts: int) -> int:
        """The same until it is known whose the frame is."""
        self._set(hosts, 0)
        ran = self.look_up.program.test_run(segment(version, b"", flags=RST), RUNS)
        if ran.verdict != DROP:
            raise LabError("the bench's frames for many hosts are nobody's")
        return ran.nanoseconds

    def _set(self, hosts: int, root: int) -> None:
        self.tour["destinations"], self.tour["destination"], self.words[:] = hosts, 0, root

    def check(self) -> None:
        """Whether all have been judged as they should. LabError."""
        counters = self.front.tables["counters"]
        found = (frames_of(counters.totals(number.to_bytes(4, "little"))) for number in range(1, HOSTS + 1))
        if sum(frames[Reason.stray_rst] for frames in found) < (1 - MOST_DENIED) * self.runs:
            raise LabError("the bench's frames for many hosts are not judged as they should be")


def scale(attempts: int, told: Callable[[str], None]) -> list[Scale]:
    """For each IP version."""
    found = []
    with opened() as (around, sources, hosts):
        for version in VERSIONS:
            around.tour["sources"], around.tour["from"] = STOPS, sources[version]
            around.tour["to"][:HOSTS] = hosts[version]
            ways = {
                "one": partial(around.run, version, 1, False),
                "many": partial(around.run, version, HOSTS, False),
                "listed": partial(around.run, version, 1, True),
                "found_one": partial(around.find, version, 1),
                "found_many": partial(around.find, version, HOSTS),
            }
            least = dict.fromkeys(ways, 1 << 30)
            for number in range(attempts):
                told(f"many hosts, long lists, {VERSIONS[version]}, {number + 1} of {attempts}")
                for name, way in ways.items():
                    least[name] = min(least[name], way())
            found.append(Scale(version, HOSTS, DENIED, **least))
        around.check()
    return found


@contextmanager
def opened() -> Iterator[tuple[Round, Mapping[int, Stops], Mapping[int, Stops]]]:
    """The program and its tables, full; sources that are denied by nobody, and hosts, by IP version."""
    random = Random(1)
    addresses = {version: addresses_of(version) for version in VERSIONS}
    protected = protect(addresses)
    draft = Trees.draft()
    if draft.new(content(protected)) != HOST_ROOT:
        raise LabError("the first tree of the bench is not that of hosts")
    root = draft.new(content_of((some_prefix(random, version, 1), DENY) for version in VERSIONS for _ in range(DENIED)))
    numbers = {str(number): number for number in protected.hosts}
    sizes = connections.table_sizes(CONNECTIONS) | numbering.table_sizes(numbers, protected.sets)
    sizes |= {NETWORKS.name: draft.wanted()}
    with Datapath(compiled(WHOLE), {}, sizes) as front, Datapath(compiled(LOOK_UP), front.tables) as look_up:
        fill_protected(front.tables, protected)
        draft.moved(front.tables[NETWORKS.name].memory())
        buckets, bits = connections.buckets_for(CONNECTIONS), connections.marks_for(CONNECTIONS)
        front.tables["places"].update(ONLY, connections.places_entry(buckets, bits))
        words = np.frombuffer(front.tables["hosts"].memory(), Host)["sources"]
        tour = np.frombuffer(front.tables[TOUR.name].memory(), Tour)[0]
        sources = {version: stops([some_prefix(random, version, 0)[0] for _ in range(STOPS)]) for version in VERSIONS}
        hosts = {version: stops(random.sample(some, len(some))) for version, some in addresses.items()}
        yield Round(front, look_up, tour, words, root), sources, hosts


def addresses_of(version: int) -> list[Address]:
    """The hosts', some in each of several networks."""
    each, apart = EACH[version], APART[version]
    first, kind = int(FIRST[version]), type(FIRST[version])
    return [kind(first + n // each * apart + n % each) for n in range(HOSTS)]


def protect(addresses: Mapping[int, list[Address]]) -> Protected:
    """As many hosts as one IP version has addresses, each with one of either, and one port."""
    owners: dict[Network, int] = {ip_network(one): n for some in addresses.values() for n, one in enumerate(some, 1)}
    record = np.zeros((), Host)
    record["ports"] = 1
    hosts = {}
    for number in {*owners.values()}:
        record["number"] = number
        hosts[number] = record.tobytes()
    return Protected(hosts, {bits_of((PORT,)): 1}, {network: place for place, network in enumerate(owners, 1)}, owners)


def some_prefix(random: Random, version: int, last: int) -> Network:
    """One whose last bit is this one: denied are those with a 1, and asked is for their neighbours."""
    around, length = WHERE[version], random.choice(LENGTHS[version])
    free = around.max_prefixlen - length
    number = int(around[0]) >> free | random.getrandbits(length - around.prefixlen)
    network = (number & ~1 | last) << free, length
    return IPv4Network(network) if version == 4 else IPv6Network(network)


def stops(addresses: list[Address]) -> Stops:
    """Addresses as a Flow has them."""
    mapped = [one.packed if one.version == 6 else bytes(10) + b"\xff\xff" + one.packed for one in addresses]
    return np.frombuffer(b"".join(mapped), np.uint64).reshape(-1, 2)
