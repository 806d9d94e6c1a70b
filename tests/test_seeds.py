"""Seeds: the program agrees with its twin, what follows is judged as of any connection, and nobody is displaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import numpy as np
import numpy.typing as npt
import pytest
from engines_under_test import SIZES, Ebpf, Native, Twin, ebpf, memory, write
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_ground import needs_root
from naive import world
from naive.frames import ACK, FIN, RST, IPv4, IPv6, Tcp, frame, packed
from naive.moment import Moment
from naive.seeds import plant
from naive.state import WAYS, Name, mapped
from naive.world import EXCLUDED, EXCLUDED6, HEARD, HEARD6, IN_NET, IN_NET6, NAMED, NOW, WEB, WEB6
from tables_under_test import BUCKETS, in_words, known, places_entry, updates

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.control.seeding import Planted, Seeder, seeds_of, told
from hardtack.kernel.datapath import Datapath
from hardtack.packet.entries import ONLY
from hardtack.packet.programs import SEEDER
from hardtack.packet.reasons import Reason
from hardtack.packet.records import MOST_SEEDS, NO_ROOM, NOT_PROTECTED, SEEDED, Seed, Tray

BOOTED = 3 << 32
STEADY = settings(deadline=None, derandomize=True, database=None, max_examples=100)
HOSTS = (WEB, WEB6, HEARD, HEARD6, IN_NET, IN_NET6, NAMED, EXCLUDED, EXCLUDED6, "198.18.0.1", "2001:db8:99::1", "::")
CLIENTS = ("198.51.100.7", "198.51.100.8", "203.0.113.9", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", WEB)
CLIENTS6 = ("2001:db8:1::2", "2001:db8:1::3", "::1", "::", "fe80::1", "ff02::1", WEB6)
FATES = {"seeded": 1, "known": 2, "no_room": 3, "not_protected": 4}
addresses = st.sampled_from([packed(one) for one in CLIENTS + CLIENTS6]) | st.binary(min_size=16, max_size=16)
names = st.builds(
    Name,
    addresses.map(mapped),
    st.sampled_from([mapped(packed(one)) for one in HOSTS]),
    st.sampled_from([1, 40000]),
    st.sampled_from([80, 443, 81, 0]),
)
Run = Callable[[bytes], bytes]


def wire(name: Name) -> bytes:
    """As Seeder takes it."""
    return name.client + name.host + name.client_port.to_bytes(2, "big") + name.host_port.to_bytes(2, "big")


def outcomes(run: Run, wanted: list[Name], ms: int = BOOTED, room: bool = True) -> list[int]:
    """What the program says of each, some in a run."""
    found, data, tray = [], seeds_of(b"".join(map(wire, wanted))).tobytes(), np.array((ms, room), Tray).tobytes()
    for place in range(0, len(data), MOST_SEEDS * Seed.itemsize):
        out = run(tray + data[place : place + MOST_SEEDS * Seed.itemsize])[len(tray) :]
        found += np.frombuffer(out, Seed)["outcome"].tolist()
    return found


class Ground:
    """The program, over tables of its own that are as in the world."""

    def __init__(self, run: Run, tables: dict[str, npt.NDArray[np.uint8]], set_places: Callable[[bytes], None]) -> None:
        self.run, self._tables, self._set_places = run, tables, set_places

    def known(self) -> dict[Name, str]:
        """The table of connections."""
        return known(self._tables["tags"], self._tables["connections"])

    def begin(self, buckets: int = BUCKETS) -> None:
        """Nothing is known; so many buckets are in use."""
        self._tables["tags"][:] = 0
        self._set_places(places_entry(buckets))


@pytest.fixture(scope="module", params=[pytest.param("eBPF", marks=needs_root), "native"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    entries = [one for one in updates(world.state()) if one[0] in {table.name for table in SEEDER.tables}]
    if request.param == "native":
        kinds = {table.name: table for table in SEEDER.tables}
        tables = {name: memory(name, kinds) for name in kinds}
        for name, key, value in entries:
            start = int.from_bytes(key, "little") * len(value)
            tables[name][start : start + len(value)] = np.frombuffer(value, np.uint8)
        program = NativeProgram(SEEDER, tables)

        def set_native(entry: bytes) -> None:
            tables["places"][:] = np.frombuffer(entry, np.uint8)

        yield Ground(lambda given: program.run(given, 0)[1], tables, set_native)
        return
    sizes = {name: size for name, size in SIZES.items() if name in {table.name for table in SEEDER.tables}}
    with Datapath(objects.compiled(SEEDER), sizes=sizes) as path:
        write(path.tables, iter(entries))
        views = {name: np.frombuffer(path.tables[name].memory(), np.uint8) for name in ("tags", "connections")}
        places = path.tables["places"]
        yield Ground(lambda given: path.program.test_run(given).frame, views, lambda entry: places.update(ONLY, entry))
        views.clear()


def test_the_program_agrees_with_its_twin(ground: Ground) -> None:
    @given(st.lists(st.tuples(names, st.integers(BOOTED, BOOTED + 5000), st.booleans()), max_size=12))
    @STEADY
    def each(wanted: list[tuple[Name, int, bool]]) -> None:
        ground.begin()
        state = world.state()
        for name, ms, room in wanted:
            fate = plant(state, name, Moment(NOW, ms), room)
            assert outcomes(ground.run, [name], ms, room) == [FATES[fate]], name
        assert ground.known() == in_words(state)

    each()


def test_all_kinds_of_outcome_in_one_go(ground: Ground) -> None:
    """Whatever the number: the last run has fewer."""
    ground.begin()
    state, wanted = world.state(), [*dict.fromkeys(many(11)), *many(3), Name(bytes(16), mapped(packed(WEB)), 1, 80)]
    assert outcomes(ground.run, wanted) == [FATES[plant(state, name, Moment(NOW, BOOTED))] for name in wanted]
    assert ground.known() == in_words(state) and len(ground.known()) == 11


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 16 + 39, 16 + 41])
def test_what_is_cut_short_is_not_looked_at(ground: Ground, size: int) -> None:
    ground.begin()
    data = np.array((BOOTED, 1), Tray).tobytes() + seeds_of(b"".join(map(wire, many(2)))).tobytes()
    ground.run(data[:size].ljust(14, b"\0"))
    assert len(ground.known()) == (size - 16) // 40 if size > 16 else not ground.known()


def test_a_full_table_takes_none_and_forgets_nobody(ground: Ground) -> None:
    """One bucket, which every connection meets twice. The flood is of strangers, and of neighbours of those in it."""
    ground.begin(buckets=1)
    state = world.state(slots=[None] * WAYS)
    first = many(WAYS)
    assert outcomes(ground.run, first) == [SEEDED] * WAYS
    flood = many(400, since=WAYS)
    assert outcomes(ground.run, flood, BOOTED + 3_600_000) == [NO_ROOM] * 400
    assert [plant(state, name, Moment(NOW, BOOTED)) for name in first + flood] == ["seeded"] * WAYS + ["no_room"] * 400
    assert ground.known() == in_words(state)


def many(number: int, since: int = 0) -> list[Name]:
    """So many connections with a protected port, many of one /24."""
    web = mapped(packed(WEB))
    return [Name(mapped(bytes([198, 51, n >> 6, n & 63])), web, 1024 + n, 80) for n in range(since, since + number)]


# What follows


@pytest.fixture(scope="module", params=[pytest.param("eBPF", marks=needs_root), "native"])
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[Ebpf | Native, Run]]:
    """A whole front, and the program on its tables."""
    if request.param == "native":
        native = Native()
        program = NativeProgram(SEEDER, {table.name: native.tables[table.name] for table in SEEDER.tables})
        yield native, lambda given: program.run(given, 0)[1]
        return
    with ebpf() as made, Datapath(objects.compiled(SEEDER), made._tables) as path:
        yield made, lambda given: path.program.test_run(given).frame


def segment(name: Name, **tcp: int) -> bytes:
    """From the client."""
    ports = {"source_port": name.client_port, "destination_port": name.host_port}
    return frame(ip(name.client, name.host), Tcp(**ports, **tcp))  # type: ignore[arg-type]


def answer(name: Name, **tcp: int) -> bytes:
    """From the host."""
    ports = {"source_port": name.host_port, "destination_port": name.client_port}
    return frame(ip(name.host, name.client), Tcp(**ports, **tcp))  # type: ignore[arg-type]


def ip(source: bytes, destination: bytes) -> IPv4 | IPv6:
    """Either version's header."""
    if source.startswith(mapped(b"")[:12]) and source[:12] == destination[:12]:
        return IPv4(source=str(IPv4Address(source[12:])), destination=str(IPv4Address(destination[12:])))
    return IPv6(source=str(IPv6Address(source)), destination=str(IPv6Address(destination)))


FIRST = {"data": {"flags": ACK, "seq": 0x9000_0000, "ack": 7}, "fin": {"flags": ACK | FIN, "seq": 5, "ack": 7}}
FIRST |= {"reset": {"flags": RST, "seq": 0x7FFF_0000}, "nothing": {}}


@pytest.mark.parametrize("host", [WEB, WEB6, HEARD, HEARD6])
@pytest.mark.parametrize("first", FIRST)
def test_what_follows_is_judged_alike(engine: tuple[Ebpf | Native, Run], host: str, first: str) -> None:
    """The client's first segment, whatever its numbers; its RST with other numbers; what the host says; RSTs by then."""
    front, run = engine
    front.forget()
    twin = Twin()
    name = Name(mapped(packed("2001:db8:1::2" if ":" in host else "198.51.100.7")), mapped(packed(host)), 40000, 80)
    assert outcomes(run, [name]) == [FATES[plant(twin.state, name, Moment(NOW, BOOTED))]] == [SEEDED]
    said = []
    steps = [("outside", segment(name, **FIRST[first]))] if FIRST[first] else []
    steps += [("outside", segment(name, flags=RST, seq=0x1234_5678))] * 2
    steps += [("outside", segment(name, flags=ACK, seq=0x9000_0010, ack=7))]
    steps += [("inside", answer(name, flags=ACK, seq=7, ack=0x9000_0010))]
    steps += [("outside", segment(name, flags=RST, seq=seq)) for seq in (0x1234_5678, 0x9000_0010)]
    for number, (side, sent) in enumerate(steps):
        ms = BOOTED + 1000 * number
        ours = front.run(sent, NOW, side, ms=ms)  # type: ignore[arg-type]
        theirs = twin.run(sent, NOW, side, ms=ms)  # type: ignore[arg-type]
        assert ours == theirs, (number, ours, theirs)
        assert front.known() == in_words(twin.state), number
        said.append(ours.reason)
    assert said[0] is (Reason.reset_asked if first in ("reset", "nothing") else Reason.connection)
    assert said[-1] is Reason.reset


def test_seeds_give_way_to_whoever_is_learned(engine: tuple[Ebpf | Native, Run]) -> None:
    """And not the other way round. A client has a cookie, or the grace period is open, as here."""
    front, run = engine
    front.forget()
    front.set_buckets(1)
    state = world.state(slots=[None] * WAYS, grace_until=BOOTED + 10_000)
    front.set_policy(state)
    twin = Twin(state)
    try:
        wanted = [replace_client(name, number) for number, name in enumerate(many(WAYS))]
        assert outcomes(run, wanted) == [SEEDED] * WAYS
        for name in wanted:
            plant(state, name, Moment(NOW, BOOTED))
        for number in range(4):
            name = replace_client(many(1)[0], 100 + number)
            sent = segment(name, flags=ACK, seq=5, ack=7)
            assert front.run(sent, NOW, ms=BOOTED + 1 + number) == twin.run(sent, NOW, ms=BOOTED + 1 + number)
            assert front.known() == in_words(state)
        assert sum(word.startswith("seed") for word in front.known().values()) == WAYS - 4
    finally:
        front.set_buckets(BUCKETS)
        front.set_policy(world.state())


def replace_client(name: Name, number: int) -> Name:
    """Of a prefix of its own."""
    return name._replace(client=mapped(bytes([198, 60, number, 1])))


# From outside


@needs_root
def test_no_more_than_a_share_is_taken() -> None:
    """Of 64 connections that a table is for, 48; what is known before counts, and what is not protected does not."""
    buckets = 12
    sizes = {"tags": buckets, "connections": buckets * WAYS, "ports": SIZES["ports"]}
    with Datapath(objects.compiled(SEEDER), sizes=sizes) as path:
        write(path.tables, (one for one in updates(world.state(), buckets) if one[0] in path.tables))
        seeder = Seeder(path.program, path.tables)
        assert seeder.room() == 48
        strangers = [name._replace(host=mapped(packed("198.18.0.1"))) for name in many(100)]
        assert seeder.plant(map(wire, strangers + many(20)), BOOTED) == Planted(20, 0, 0, 100)
        assert seeder.plant(map(wire, many(1000)), BOOTED) == Planted(28, 20, 952, 0)
        assert seeder.room() == 0
        assert seeder.plant(map(wire, strangers + many(48)), BOOTED).not_protected == 100
        assert seeder.plant([], BOOTED) == Planted()


def test_outcomes_are_told_by_name() -> None:
    found = np.array([SEEDED, SEEDED, NO_ROOM, NOT_PROTECTED], np.uint32)
    assert told(found) == Planted(seeded=2, known=0, no_room=1, not_protected=1)
    assert replace(Planted(1, 2, 3, 4)) + Planted(1, 1, 1, 1) == Planted(2, 3, 4, 5)
