"""The front as the bench measures it: the program that ships, its tables filled as `hardtack front` fills them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from hardtack.agent.upkeep import Upkeep
from hardtack.compiler.objects import compiled
from hardtack.control import connections, proven, tables
from hardtack.control import numbers as numbering
from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.exits import Exit
from hardtack.control.networks.trees import Trees
from hardtack.control.numbers import Numbering, numbered
from hardtack.control.origins import key_of
from hardtack.control.protected import NetColumn, content, fill_protected, networks_of, protect
from hardtack.control.succession import open_table
from hardtack.control.uplinks import ONLY_ONE, Uplink, outside_entry
from hardtack.image import ONLY
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import Program
from hardtack.keys import Masters
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.bench import kinds
from hardtack.lab.bench.ground import Ground
from hardtack.lab.bench.kinds import MANY, VERSIONS, Kind
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import LabError
from hardtack.lab.packets import crowd
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import BURST, COUNTERS, NUMBERED
from hardtack.packet.programs import FRONT
from hardtack.packet.reasons import Reason

MASTER = bytes(range(32))  # of cookie.md's vectors: nothing here is secret
SIZE = MANY  # connections that the table has room for: the default
MTU = 1500
SEED = 1  # of the factors that seat connections
SPARE = 10_000  # one connection in so many may find no room in a table that is just large enough
WIDEST = 26  # powers of 2: how far from their own numbers segments may be, as long as nobody has said otherwise
STRAIGHT = 1  # the place of `inside` among the exits
# What each kind of frame is. Most forged ACKs of a flood are not even tried: their prefixes have guessed too often
EXPECTED = {"syn": (Reason.answered,), "ack": (Reason.stray_ack, Reason.guess_limit), "known": (Reason.connection,)}
# The flood must meet no budget: it is what an answer costs that is measured
CONFIGURATION = f"""
[front]
interface = "outside"
key_file = "key"
connections = {SIZE}
grace = "0s"
check_hosts = false
replies_per_second = 1_000_000_000
replies_per_prefix = 1_000_000_000
connections_per_prefix = 1_000_000_000
sources = {SIZE}

[[host]]
name = "bench"
addresses = ["{SERVER[0]}", "{SERVER[1]}"]
ports = [{kinds.PORT}, 443]
handshake = "agent"
via = "kernel"
replies_per_second = 1_000_000_000
frames_per_connection = 1_000_000_000
"""
DIRECT = f"""
[[host]]
name = "direct"
addresses = ["{SECOND[0]}", "{SECOND[1]}"]
ports = [{kinds.PORT}, 443]
handshake = "agent"
via = "direct"
frames_per_connection = 1_000_000_000
"""


class Front:
    """A front and its table, with so many known connections of one IP version in it. Not attached to anything yet."""

    def __init__(self, datapath: Datapath) -> None:
        self.datapath = datapath

    @property
    def program(self) -> Program:
        """What receives frames."""
        return self.datapath.program

    @property
    def tables(self) -> Mapping[str, Map]:
        """All of them, by name."""
        return self.datapath.tables

    def counted(self, reasons: Collection[Reason]) -> int:
        """Frames so far that had one of these reasons, of all hosts and none."""
        found = self.reasons()
        return sum(found[reason] for reason in reasons)

    def reasons(self) -> list[int]:
        """Frames so far, by reason."""
        counters = self.tables["counters"]
        hosts = [frames_of(counters.totals(number.to_bytes(4, "little"))) for number in range(counters.table.entries)]
        return [sum(column) for column in zip(*hosts, strict=True)]


class Fronts:
    """One for each IP version and number of connections. All but the connection tables and counters they have in common.

    `mac`: of the interface that they are for; they answer what is sent to it.
    """

    def __init__(self, fronts: Mapping[tuple[int, int], Front], common: Mapping[str, Map], mac: bytes) -> None:
        self._fronts, self.mac = fronts, mac
        self._upkeep = Upkeep(common, [Masters(MASTER)])
        self.keep_up()

    def of(self, version: int, crowd: int = MANY) -> Front:
        """That with `crowd` connections of this version."""
        return self._fronts[version, crowd]

    def for_kind(self, kind: Kind) -> Front:
        """That which knows the connections that frames of this kind belong to; full, for frames that belong to none."""
        return self.of(kind.version, kind.crowd or MANY)

    def keep_up(self) -> None:
        """Keys and clock, as `hardtack front` keeps them."""
        self._upkeep.write()


@contextmanager
def open_fronts(place: Ground) -> Iterator[Fronts]:
    """All of them, each with a table for SIZE connections."""
    settings = read(CONFIGURATION + DIRECT, Path("bench.toml"))
    buckets, bits = connections.buckets_for(SIZE), connections.marks_for(SIZE)
    own, numbers = connections.table_sizes(SIZE), numbers_of(settings)
    sizes = own | proven.table_sizes(SIZE) | numbering.table_sizes(numbers, protect(settings, numbers).sets)
    image = compiled(FRONT)
    with ExitStack() as parts:
        found: dict[tuple[int, int], Front] = {}
        common: dict[str, Map] = {}
        for version in VERSIONS:
            for count in kinds.CROWDS:
                front = Front(parts.enter_context(Datapath(image, common, sizes)))
                if not common:
                    common = {name: table for name, table in front.tables.items() if name not in (*own, COUNTERS.name)}
                    common["places"].update(ONLY, connections.places_entry(buckets, bits, Random(SEED).randbytes))
                    common["proven_places"].update(ONLY, proven.places_entry(proven.buckets_for(SIZE)))
                    place.net.front.call(configure, common, settings, [exit_of(place.net.outside), exit_of(place.inside)])
                    direct_to(place.far.mac, common, settings)
                know(front, version, count)
                found[version, count] = front
        yield Fronts(found, common, place.net.outside.mac)


def exit_of(interface: Interface) -> Exit:
    """A way out of the front's machine."""
    return Exit(interface.name, interface.index, interface.mac, MTU, scatters=True)


def configure(common: Mapping[str, Map], settings: Config, exits: list[Exit]) -> None:
    """Fill the tables that are the same for all. To be called where the exits are: the kernel looks for them there."""
    numbers = numbers_of(settings)
    protected = protect(settings, numbers)
    fill_protected(common, protected)
    Trees(common["networks"].memory()).new(content(protected))
    common["policy"].update(ONLY, tables.policy_entry(settings, 0))
    common["exits"].update(ONLY, tables.exits_entry(exits))
    common["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([exits[0].mac])}))
    for key, value in tables.device_entries(exits):
        common["devices"].update(key, value)


def numbers_of(settings: Config) -> Numbering:
    """The hosts' numbers."""
    return numbered(host.name for host in settings.hosts)


def direct_to(mac: bytes, common: Mapping[str, Map], settings: Config) -> None:
    """What is for hosts with via = "direct" goes straight out of `inside` to this MAC address."""
    places, hops = protect(settings, numbers_of(settings)).places, NetColumn(common["nets"], "next_hop")
    for host, network in networks_of(settings):
        if host.via == "direct":
            hops.update(key_of(places[network]), tables.next_hop_entry(mac, STRAIGHT))


def know(front: Front, version: int, count: int) -> None:
    """Put the connections into the front's table that the generator sends segments of: their numbers are all 0."""
    kind = next(kind for kind in kinds.KNOWN if (kind.version, kind.crowd) == (version, count))
    rows = crowd.connections(kind.target(bytes(6), bytes(6)), 2, count)
    now = time.monotonic_ns() // 1_000_000
    rows["seen"] = rows["begun"] = now & 0xFFFFFFFF
    rows["state"], rows["left"], rows["reach"], rows["ack_reach"] = NUMBERED, BURST, WIDEST, WIDEST
    if open_table(front.tables).fill(rows, now) < count - count // SPARE:
        raise LabError(f"not all of {count} connections found room in the bench's table for {SIZE}")
