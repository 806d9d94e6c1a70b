"""The flood: refused everywhere but in the lab, and inside it just the frames that were ordered."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np
import pytest
from lab_ground import Holder, eventually, needs_root, running
from naive import checksum
from naive.parse import TCP, Flaw, Packet, Segment, network, parse
from pyroute2 import IPRoute

from hardtack.compiler.objects import compiled
from hardtack.image import Image
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.programs import load
from hardtack.lab import programs, topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import attach, sink
from hardtack.lab.capture import capturing
from hardtack.lab.counters import tcp_events, traffic
from hardtack.lab.flood import flooding
from hardtack.lab.flooder import Order
from hardtack.lab.links import MARK, ForeignInterface, Interface, refuse_foreign
from hardtack.lab.namespaces import Namespace, create, discard
from hardtack.lab.packets.order import recipe_for
from hardtack.lab.packets.recipe import (
    FLAGS,
    FLOOD_4,
    FLOOD_6,
    FRAGMENTS,
    LINUX_OPTIONS,
    PART,
    PAYLOAD,
    SINGLE,
    SPARE,
    Caller,
    Kind,
    Marks,
    Options,
    Recipe,
    Target,
    frame_for,
)
from hardtack.lab.process import Process, ProcessFailed
from hardtack.lab.topology import Topology

pytestmark = needs_root

DROP, PASS, TX = 1, 2, 3  # enum xdp_action
ICMP = 1
ACK = 0x10


@pytest.fixture(scope="module")
def net() -> Iterator[Topology]:
    """Where the flood may go."""
    with topology.routed() as made:
        yield made


def target(net: Topology, address: str = SERVER[0], port: int = 443) -> Target:
    """From the client, by the front."""
    return Target(address, port, net.near.mac, net.outside.mac)


# Refusals


def interfaces_here() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


@pytest.mark.parametrize("name", interfaces_here())
def test_no_interface_of_this_machine(name: str) -> None:
    for namespace in ("", "default", f"ht{os.getpid()}-aaaaaa-client"):
        with pytest.raises(ForeignInterface, match=f"{name}: not in a namespace of the lab"):
            refuse_foreign(namespace, name)


def test_not_even_by_a_namespace_that_is_ours(net: Topology) -> None:
    """The right name, from the wrong place: what counts is where the caller is."""
    with pytest.raises(ForeignInterface, match="not in a namespace of the lab"):
        refuse_foreign(net.client.name, "lo")
    with pytest.raises(ForeignInterface, match="not in a namespace of the lab"):
        net.server.call(refuse_foreign, net.client.name, net.near.name)


def test_no_loopback_and_no_interface_that_is_not_there(net: Topology) -> None:
    for name, complaint in (("lo", "not an interface that the lab made"), ("eth0", "no such interface")):
        foreign = Interface(net.client, name, 1, bytes(6))
        with pytest.raises(ForeignInterface, match=f"{name}: {complaint}"), flooding(foreign, target(net), seconds=1):
            pass


def test_no_veth_without_the_labs_mark(net: Topology) -> None:
    def make(name: str) -> None:
        with IPRoute() as kernel:
            kernel.link("add", ifname=name, kind="veth", peer={"ifname": f"{name}p"})

    def mark(name: str, text: str) -> None:
        with IPRoute() as kernel:
            kernel.link("set", index=kernel.link_lookup(ifname=name)[0], ifalias=text)

    name = f"x{secrets.token_hex(3)}"
    net.client.call(make, name)
    with pytest.raises(ForeignInterface, match="not an interface that the lab made"):
        net.client.call(refuse_foreign, net.client.name, name)
    net.client.call(mark, name, MARK)
    assert net.client.call(refuse_foreign, net.client.name, name)
    net.client.call(mark, "lo", MARK)  # the mark alone is not enough either
    with pytest.raises(ForeignInterface, match="not an interface that the lab made"):
        net.client.call(refuse_foreign, net.client.name, "lo")


def test_no_namespace_of_another_name(net: Topology) -> None:
    name = f"other{os.getpid()}-{secrets.token_hex(3)}"
    place = create(name)
    try:
        with pytest.raises(ForeignInterface, match="not in a namespace of the lab"):
            place.call(refuse_foreign, name, "lo")
    finally:
        discard(name)


@pytest.mark.parametrize("name", [name for name in interfaces_here() if name != "lo"])
def test_the_sending_process_refuses_by_itself(net: Topology, name: str) -> None:
    """An order that names an interface of this machine, to a process in this machine's own namespace."""
    order = ordered(net, interface=name)
    process = Process([sys.executable, "-m", "hardtack.lab.flooder", json.dumps(dataclasses.asdict(order))])
    with pytest.raises(ProcessFailed, match=f"flood: {name}: not in a namespace of the lab"):
        process.wait_for("^ready")
    assert process.wait() == 1


def ordered(net: Topology, **changes: object) -> Order:
    """A sound order, but for `changes`."""
    whom = target(net)
    order = Order(
        namespace=net.client.name,
        interface=net.near.name,
        image=dataclasses.replace(compiled(programs.FLOOD), lines=()).dumps(),
        record=recipe_for(whom, "syn", "linux", limit=10, rate=0).hex(),
        frame=(frame_for(whom, "syn", "linux") + bytes(SPARE)).hex(),
        count=10,
        rate=0,
        seconds=1,
        batch=64,
    )
    return dataclasses.replace(order, **changes)  # type: ignore[arg-type]


# Frames


def flooded(
    net: Topology, number: int, address: str, kind: Kind, options: Options, seed: int = 0, sources: str = ""
) -> list[bytes]:
    """Frames of a flood as they arrive at the front."""
    whom = target(net, address)
    how: dict[str, Any] = {"kind": kind, "options": options, "seed": seed, "sources": sources}
    with (
        capturing(net.outside) as seen,
        flooding(net.near, whom, seconds=20, rate=5_000, count=number, **how) as flood,
    ):
        flood.wait(30)
        assert flood.frames == number
        return seen.wait_for(lambda frame: frame[:12] == whom.next_mac + whom.source_mac and from_flood(frame), number)


def from_flood(frame: bytes) -> bool:
    packet = network(frame)
    return isinstance(packet, Packet) and ip_address(packet.source) in (FLOOD_4 if packet.version == 4 else FLOOD_6)


def whole(segment: Segment) -> bool:
    """Whether both checksums hold, by the slow twin."""
    packet = segment.packet
    tcp = packet.transport[: packet.room]
    pseudo = packet.source + packet.destination + (6).to_bytes(4, "big") + len(tcp).to_bytes(4, "big")
    return checksum.holds(pseudo + tcp) and (packet.version == 6 or checksum.holds(packet.header))


@pytest.mark.parametrize("address", SERVER)
@pytest.mark.parametrize(("kind", "options"), [("syn", "linux"), ("syn", "none"), ("ack", "none")])
def test_frames_are_well_formed(net: Topology, address: str, kind: Kind, options: Options) -> None:
    carried = LINUX_OPTIONS if options == "linux" else b""
    frames = flooded(net, 200, address, kind, options)
    check_segments(frames, address, FLAGS[kind], carried, b"")
    assert {len(frame) for frame in frames} == {max(60, (74 if ":" in address else 54) + len(carried))}


def check_segments(frames: list[bytes], address: str, flags: int, carried: bytes, payload: bytes) -> None:
    """Whether they are sound, random where they should be, and alike in the rest."""
    number = len(frames)
    segments = [segment for frame in frames if isinstance(segment := parse(frame), Segment)]
    assert len(segments) == number
    assert all(whole(segment) for segment in segments)
    assert {ip_address(segment.packet.destination) for segment in segments} == {ip_address(address)}
    assert {(s.destination_port, s.flags, s.options, s.packet.ecn) for s in segments} == {(443, flags, carried, 0)}
    assert {s.packet.transport[20 + len(carried) : s.packet.room] for s in segments} == {payload}
    assert len({segment.packet.source for segment in segments}) > number * 0.95
    assert len({segment.source_port for segment in segments}) > number * 0.9
    assert len({segment.seq for segment in segments}) == number
    assert min(segment.source_port for segment in segments) >= 32768
    acknowledged = {segment.packet.transport[8:12] for segment in segments}
    assert len(acknowledged) == number if flags & ACK else acknowledged == {bytes(4)}


@pytest.mark.parametrize("address", SERVER)
def test_a_mixed_flood_is_every_kind_in_turn(net: Topology, address: str) -> None:
    frames = flooded(net, 100 * len(SINGLE), address, "mixed", "linux")
    assert {len(frame) for frame in frames} == {94 if ":" in address else 74}
    for turn, kind in enumerate(SINGLE):
        these = frames[turn :: len(SINGLE)]
        if kind in FRAGMENTS:
            check_fragments(these, kind)
        else:
            carried, payload = LINUX_OPTIONS if kind == "syn" else b"", PAYLOAD if kind == "data" else b""
            check_segments(these, address, FLAGS[kind], carried, payload)


def check_fragments(frames: list[bytes], kind: Kind) -> None:
    """Whether they are two parts of segments: firsts and laters would fit together, if sources and identifications did."""
    is_first = kind == "first-fragment"
    packets = [packet for frame in frames if isinstance(packet := network(frame), Packet)]
    flaw = Flaw.first_fragment if is_first else Flaw.later_fragment
    assert {(packet.flaw, packet.protocol, packet.room) for packet in packets} == {(flaw, 6, PART)}
    assert {place_of(frame) for frame in frames} == {(0, True) if is_first else (PART // 8, False)}
    assert all(packet.version == 6 or checksum.holds(packet.header) for packet in packets)
    assert len({packet.source for packet in packets}) > 95
    assert len({identification(frame) for frame in frames}) > 95
    if is_first:
        assert {packet.transport[2:4] + packet.transport[13:14] for packet in packets} == {b"\x01\xbb\x18"}  # 443, PSH ACK
        assert len({packet.transport[:2] for packet in packets}) > 90


def place_of(frame: bytes) -> tuple[int, bool]:
    """Of a fragment: its offset in units of 8 bytes, and whether more follow."""
    if frame[12:14] == b"\x08\x00":
        word = int.from_bytes(frame[20:22], "big")
        return word & 0x1FFF, bool(word & 0x2000)
    word = int.from_bytes(frame[56:58], "big")
    return word >> 3, bool(word & 1)


def identification(frame: bytes) -> bytes:
    """Of a fragment."""
    return frame[18:20] if frame[12:14] == b"\x08\x00" else frame[58:62]


@pytest.mark.parametrize(
    ("address", "sources", "most"),
    [
        (SERVER[0], "198.18.7.0/24", 256),
        (SERVER[0], "198.19.255.255", 1),
        (SERVER[1], "2001:db8:f123:4567::/64", 2**64),
        (SERVER[1], "2001:db8:f100::9", 1),
    ],
)
def test_sources_may_be_fewer(net: Topology, address: str, sources: str, most: int) -> None:
    packets = [network(frame) for frame in flooded(net, 200, address, "mixed", "none", sources=sources)]
    seen = {ip_address(packet.source) for packet in packets if isinstance(packet, Packet)}
    assert all(source in ip_network(sources) for source in seen)
    assert (len(seen) == 1) if most == 1 else (len(seen) > 100)


@pytest.mark.parametrize("sources", ["198.20.0.0/24", "198.16.0.0/14", "2001:db8:f100::/40", "192.0.2.10", "0.0.0.0/0"])
def test_no_sources_but_the_floods_own(net: Topology, sources: str) -> None:
    with (
        pytest.raises(ValueError, match=r"claims to come from 198\.18\.0\.0/15 or a part of it"),
        flooding(net.near, target(net), seconds=1, sources=sources),
    ):
        pass


def test_random_fields_use_all_their_bits(net: Topology) -> None:
    segments = [s for frame in flooded(net, 200, SERVER[1], "ack", "none") if isinstance(s := parse(frame), Segment)]
    for values, size in (
        ([segment.packet.source for segment in segments], 16),
        ([segment.packet.transport[:12] for segment in segments], 12),
    ):
        numbers = [int.from_bytes(value, "big") for value in values]
        ever, always = 0, -1
        for number in numbers:
            ever, always = ever | number, always & number
        varying = (ever & ~always) & ((1 << size * 8) - 1)
        if size == 16:
            assert varying == int(FLOOD_6.hostmask)
        else:
            assert varying == int.from_bytes(b"\x7f\xff\0\0" + b"\xff" * 8, "big")  # ports from 32768 on


MARKS = Marks(ttl=243, window=1025, source_port=1337, sequence=0xC0FFEE, options=bytes.fromhex("020405b4"), payload=b"ht")


@pytest.mark.parametrize("address", SERVER)
@pytest.mark.parametrize(("kind", "behind"), [("syn", MARKS.options), ("data", MARKS.payload), ("rst", b"")])
def test_frames_have_the_marks_that_were_ordered(net: Topology, address: str, kind: Kind, behind: bytes) -> None:
    whom = dataclasses.replace(target(net, address), marks=MARKS)
    with (
        capturing(net.outside) as seen,
        flooding(net.near, whom, seconds=20, rate=5_000, count=20, kind=kind) as flood,
    ):
        flood.wait(30)
        segments = segments_of(seen.wait_for(from_flood, 20))
    for segment in segments:
        packet = segment.packet
        tcp = packet.transport[: packet.room]
        assert packet.header[8 if packet.version == 4 else 7] == 243
        assert struct.unpack_from("!HHI", tcp) == (1337, 443, 0xC0FFEE)
        assert tcp[14:16] == (1025).to_bytes(2, "big") and tcp[20:] == behind


@pytest.mark.parametrize("field", ["options", "payload"])
@pytest.mark.parametrize("size", [3, 24])
def test_marks_that_no_frame_has_room_for(field: str, size: int) -> None:
    wrong: dict[str, Any] = {field: bytes(size)}
    with pytest.raises(ValueError, match=rf"{field} of {size} bytes: a flood takes multiples of [24], and 20 at most"):
        Marks(**wrong)


def test_a_seed_makes_the_same_frames_again(net: Topology) -> None:
    first, again, other = (flooded(net, 20, SERVER[0], "syn", "linux", seed) for seed in (7, 7, 8))
    assert first == again
    assert not set(first) & set(other)


@pytest.mark.parametrize(("count", "rate"), [(1, 0), (64, 0), (1000, 50_000)])
def test_the_count_is_kept_and_arrives(net: Topology, count: int, rate: int) -> None:
    before = traffic(net.near).sent
    with flooding(net.near, target(net), seconds=30, count=count, rate=rate) as flood:
        flood.wait(40)
    assert flood.frames == count
    assert eventually(lambda: traffic(net.near).sent - before >= count)
    assert traffic(net.near).sent - before - count < 20  # neighbour discovery, at most


def test_the_time_is_kept(net: Topology) -> None:
    with flooding(net.near, target(net), seconds=0.3) as flood:
        flood.wait(30)
    assert flood.frames > 0
    assert flood.rate > 0


def test_the_rate_is_kept(net: Topology) -> None:
    with flooding(net.near, target(net), seconds=1, rate=10_000) as flood:
        flood.wait(30)
    assert 0 < flood.frames <= 10_000 * 1.2


@pytest.mark.parametrize("rate", [1_250_000, 5_000])
def test_what_a_pause_has_swallowed_is_not_made_up_for(net: Topology, rate: int) -> None:
    """Four bursts late, and the next one is due in a long time: one comes, far smaller than a veth's queue."""
    record = np.frombuffer(recipe_for(target(net), "syn", "none", limit=10**6, rate=rate), Recipe).copy()
    record["between_ns"], record["next_ns"] = time.monotonic_ns() // 4, 1
    with Datapath(compiled(programs.FLOOD)) as datapath:
        table = datapath.tables["recipe"]
        table.update(bytes(4), record.tobytes())
        datapath.program.test_run(bytes(60 + 1000 * SPARE), repeat=1000)  # of one frame, which grows shorter each time
        sent = int(np.frombuffer(table.lookup(bytes(4)) or b"", Recipe)["sent"][0])
    assert sent == (31 if rate > 5_000 else 1)


def test_leaving_the_block_ends_it(net: Topology) -> None:
    before = traffic(net.outside).received
    with flooding(net.near, target(net), seconds=600) as flood:
        assert eventually(lambda: traffic(net.outside).received - before > 1000)
    assert flood.process.returncode is not None
    assert flood.frames > 0


def test_it_dies_with_its_parent() -> None:
    holder = Holder(
        "from hardtack.lab.flood import Target, flooding\n"
        "    whom = Target('192.0.2.10', 80, net.near.mac, net.outside.mac)\n"
        "    with flooding(net.near, whom, seconds=600, rate=1000) as f:\n"
        "        print('flooding', f.process.pid, flush=True)\n"
        "        time.sleep(600)"
    )
    pid = int(holder.process.wait_for("^flooding ", 60).split()[1])
    assert running(pid)
    holder.process.send(signal.SIGKILL)
    holder.process.stop()
    assert eventually(lambda: not running(pid))


@pytest.mark.parametrize("address", SERVER)
def test_what_it_provokes_falls_into_the_sink(net: Topology, address: str) -> None:
    """A closed port answers each SYN with a reset; they come back to the client's interface, and no further."""
    packets = "Ip6InReceives" if ":" in address else "IpInReceives"
    resets, came_back = tcp_events(net.server)["TcpOutRsts"], traffic(net.near).received
    seen = tcp_events(net.client).get(packets, 0)
    with flooding(net.near, target(net, address), seconds=30, count=300, rate=5_000) as flood:
        flood.wait(40)
        assert eventually(lambda: tcp_events(net.server)["TcpOutRsts"] - resets == 300)
        assert eventually(lambda: traffic(net.near).received - came_back >= 300)
    assert tcp_events(net.client).get(packets, 0) - seen < 20


# Floods by name

PEERS = ("198.51.100.2", "2001:db8:1::2")  # the client's own addresses
CALLERS = {4: Caller(PEERS[0], 50_000, 7, 9), 6: Caller(PEERS[1], 50_000, 7, 9)}
UNKNOWING = {4: Caller(PEERS[0], 50_000), 6: Caller(PEERS[1], 50_000)}


def named(net: Topology, version: int, kind: Kind, *callers: Caller, port: int = 443, number: int = 30) -> list[bytes]:
    """Frames of a flood in somebody's name, as they arrive at the front."""
    whom = target(net, SERVER[version == 6], port)
    sources = {ip_address(caller.address).packed for caller in callers}

    def ours(frame: bytes) -> bool:
        packet = network(frame)
        return isinstance(packet, Packet) and packet.source in sources and packet.protocol in (ICMP, TCP)

    with (
        capturing(net.outside) as seen,
        flooding(net.near, whom, seconds=20, rate=5_000, count=number, kind=kind, callers=callers) as flood,
    ):
        flood.wait(30)
        return seen.wait_for(ours, number)


def segments_of(frames: list[bytes]) -> list[Segment]:
    """All sound."""
    segments = [segment for frame in frames if isinstance(segment := parse(frame), Segment)]
    assert len(segments) == len(frames) and all(whole(segment) for segment in segments)
    return segments


def acknowledged(segment: Segment) -> int:
    return int.from_bytes(segment.packet.transport[8:12], "big")


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("kind", "flags"), [("known", 0x10), ("known-syn", 2), ("known-rst", 4), ("guess", 0x10)])
def test_in_somebodys_name(net: Topology, version: int, kind: Kind, flags: int) -> None:
    """With the numbers that are given, which frame after frame repeats, or with random ones."""
    right, guessed = (segments_of(named(net, version, kind, one[version])) for one in (CALLERS, UNKNOWING))
    for segments in (right, guessed):
        assert {ip_address(s.packet.source) for s in segments} == {ip_address(PEERS[version == 6])}
        assert {(s.source_port, s.destination_port, s.flags) for s in segments} == {(50_000, 443, flags)}
    assert {(s.seq, acknowledged(s)) for s in right} == {(7, 9 if flags == 0x10 else 0)}
    assert len({s.seq for s in guessed}) == 30
    assert len({acknowledged(s) for s in guessed}) == (30 if flags == 0x10 else 1)


def test_in_turn_in_several_names(net: Topology) -> None:
    callers = [Caller(PEERS[0], 1000 + n, n, n) for n in range(16)]
    segments = segments_of(named(net, 4, "known", *callers, number=32))
    assert [(s.source_port, s.seq, acknowledged(s)) for s in segments] == [(1000 + n, n, n) for n in range(16)] * 2


def test_guesses_that_count(net: Topology) -> None:
    assert [acknowledged(s) for s in segments_of(named(net, 4, "guess-count", Caller(PEERS[0], 50_000, 1)))] == [*range(30)]


@pytest.mark.parametrize("version", [4, 6])
def test_a_tenant(net: Topology, version: int) -> None:
    """RST, ACK and SYN of a neighbour's port, to whatever port."""
    caller = Caller(SECOND[version == 6], 80)
    segments = segments_of(named(net, version, "tenant", caller, port=0))
    assert [s.flags for s in segments] == [4, 0x10, 2] * 10
    assert {s.source_port for s in segments} == {80} and len({s.destination_port for s in segments}) > 25


def test_an_error_about_a_connection(net: Topology) -> None:
    for frame in named(net, 4, "known-icmp", CALLERS[4]):
        packet = network(frame)
        assert isinstance(packet, Packet)
        message = packet.transport[: packet.room]
        assert (packet.protocol, message[:2], len(message)) == (1, b"\3\3", 36)
        assert checksum.holds(packet.header) and checksum.holds(message) and checksum.holds(message[8:28])
        assert message[20:36] == packet.destination + packet.source + struct.pack("!HHI", 443, 50_000, 9)


@pytest.mark.parametrize(
    ("kind", "callers", "complaint"),
    [
        ("known", (), "needs callers"),
        ("syn", (CALLERS[4],), "takes no callers"),
        ("known", (Caller("10.0.0.1", 1),), "of addresses of the lab, not of 10.0.0.1"),
        ("known", (CALLERS[6],), "of addresses of the lab, not of 2001:db8:1::2"),
        ("known", (CALLERS[4],) * 17, "17 callers: a flood has room for 16"),
        ("tenant", (CALLERS[4],) * 6, "6 callers: a flood has room for 16"),
    ],
)
def test_no_name_but_of_the_labs(net: Topology, kind: Kind, callers: tuple[Caller, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint), flooding(net.near, target(net), seconds=1, kind=kind, callers=callers):
        pass


def listener(address: str) -> socket.socket:
    """Nobody accepts what it takes."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.bind((address, 443))
    made.listen(4096)
    return made


@pytest.mark.parametrize("version", [4, 6])
def test_a_filler_ends_its_handshakes(net: Topology, version: int) -> None:
    """A kernel at the other end, which has never met a front, makes connections of them."""
    address, sources = SERVER[version == 6], ("198.18.7.9/32", "2001:db8:f100:7::/64")[version == 6]
    passive = tcp_events(net.server)["TcpPassiveOpens"]
    with attach(net.outside, programs.PASS), net.server.call(listener, address):
        how: dict[str, Any] = {"kind": "filler", "sources": sources, "count": 200, "rate": 5_000}
        with flooding(net.near, target(net, address), seconds=30, **how) as flood:
            flood.wait(40)
            assert eventually(lambda: tcp_events(net.server)["TcpPassiveOpens"] - passive > 190)


# The other programs


def verdict(image: Image, frame: bytes) -> tuple[int, bytes]:
    with load(image, {}) as program:
        run = program.test_run(frame)
        return run.verdict, run.frame


def with_addresses(frame: bytes, source: str, destination: str) -> bytes:
    both = ip_address(source).packed + ip_address(destination).packed
    start = 26 if len(both) == 8 else 22
    return frame[:start] + both + frame[start + len(both) :]


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ("192.0.2.10", "198.18.0.0", DROP),
        ("192.0.2.10", "198.19.255.255", DROP),
        ("198.18.1.2", "192.0.2.10", DROP),
        ("192.0.2.10", "198.17.255.255", PASS),
        ("192.0.2.10", "198.20.0.0", PASS),
        ("192.0.2.10", "198.51.100.2", PASS),
        ("2001:db8::10", "2001:db8:f100::", DROP),
        ("2001:db8::10", "2001:db8:f1ff:ffff:ffff:ffff:ffff:ffff", DROP),
        ("2001:db8:f155::1", "2001:db8::10", DROP),
        ("2001:db8::10", "2001:db8:f200::", PASS),
        ("2001:db8::10", "2001:db8:f0ff:ffff::", PASS),
        ("2001:db8::10", "2001:db8:1::2", PASS),
    ],
)
def test_the_sink_takes_the_floods_addresses_and_no_others(source: str, destination: str, expected: int) -> None:
    whom = Target(destination, 80, bytes(6), bytes(6))
    frame = with_addresses(frame_for(whom, "syn", "linux"), source, destination)
    assert verdict(compiled(programs.SINK), frame) == (expected, frame)


@pytest.mark.parametrize("frame", [bytes(14), bytes(34), b"\xff" * 12 + b"\x08\x06" + bytes(46)])
def test_the_sink_passes_what_it_does_not_know(frame: bytes) -> None:
    assert verdict(compiled(programs.SINK), frame)[0] == PASS


def test_yardsticks() -> None:
    frame = bytes(range(60))
    mirrored = frame[6:12] + frame[:6] + frame[12:]
    assert verdict(compiled(programs.MIRROR), frame) == (TX, mirrored)
    assert verdict(compiled(programs.DROP), frame) == (DROP, frame)
    assert verdict(compiled(programs.PASS), frame) == (PASS, frame)


def test_programs_come_off_again(net: Topology) -> None:
    for _ in range(2):
        with attach(net.outside, programs.PASS) as link:
            assert link.ifindex == net.outside.index
        with sink(net.near), sink(net.near):  # the inner one finds the outer one's program, and leaves it
            pass


def test_a_foreign_namespace_object_leads_nowhere(net: Topology) -> None:
    """Not even an Interface made by hand around this machine's own namespace."""
    here = os.stat("/proc/self/ns/net")  # noqa: PTH116
    ours = Namespace(f"../../proc/{os.getpid()}/ns/net", (here.st_dev, here.st_ino))
    for name in interfaces_here():
        foreign = Interface(ours, name, 1, bytes(6))
        with pytest.raises(ForeignInterface), flooding(foreign, target(net), seconds=1):
            pass
