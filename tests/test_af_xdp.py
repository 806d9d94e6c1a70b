"""The af_xdp engine between two veths, in copy mode: what it sends, by which buffers, and that no frame is lost."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from af_xdp_ground import INSIDE_PLACE, PORT, Ground, ground, tallies
from kernel_ground import needs_root
from lab_ground import eventually
from naive.frames import ACK, LINUX, IPv4, Tcp
from pyroute2 import IPRoute

from hardtack.control.uplinks import ONLY_ONE, Uplink, outside_entry
from hardtack.engines.af_xdp import Engine, EngineError, Wanted
from hardtack.engines.census import census
from hardtack.image import ONLY
from hardtack.kernel import maps, xsk
from hardtack.kernel.interfaces import InterfaceError
from hardtack.lab.addresses import BESIDE, SECOND, SERVER, THIRD
from hardtack.lab.attach import sink
from hardtack.lab.capture import capturing
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Target
from hardtack.packet.layout import COUNTERS, Counters
from hardtack.packet.reasons import Reason
from hardtack.packet.worker_records import of_workers

pytestmark = needs_root

NEVER_MS = 600_000  # so long a worker sleeps if nobody wakes it
EPOCH = 64  # s
TCP = 34  # where the header begins
WINDOWS = bytes.fromhex("020405b40103030801010402")
OPTIONS = {"none": b"", "mss": bytes.fromhex("020405b4"), "linux": LINUX, "windows": WINDOWS}
TSVAL = slice(TCP + 20 + 8, TCP + 20 + 12)  # in replies to Linux's options: it tells the time


@pytest.fixture(scope="module")
def place() -> Iterator[Ground]:
    with ground() as made:
        yield made


def syns(place: Ground) -> list[bytes]:
    """With each set of options, each from a port of its own; and one by IPv6."""
    segments = [Tcp(51_000 + number, PORT, options=options) for number, options in enumerate([*OPTIONS.values(), b""])]
    return [place.segment(SECOND[0 if one is not segments[-1] else 1], one) for one in segments]


def replies(place: Ground) -> list[bytes]:
    """What the client hears when it sends these SYNs, in this order."""
    found = []
    with capturing(place.net.near) as heard:
        for number, syn in enumerate(syns(place)):
            place.send(syn)
            found.append(heard.wait_for(partial(is_for, 51_000 + number))[0])
    return timeless(found)


def is_for(port: int, data: bytes) -> bool:
    """Whether a frame is TCP, for a port of the client's."""
    is_ipv4 = data[12:14] == b"\x08\x00"
    place = TCP if is_ipv4 else TCP + 20
    return data[23 if is_ipv4 else 20] == 6 and data[place + 2 : place + 4] == struct.pack("!H", port)


def timeless(found: list[bytes]) -> list[bytes]:
    """Replies without what the time is in: the timestamp, and the checksum."""
    found[2] = found[2][: TCP + 16] + bytes(2) + found[2][TCP + 18 : TSVAL.start] + bytes(4) + found[2][TSVAL.stop :]
    return found


def test_it_sends_what_the_xdp_engine_sends(place: Ground) -> None:
    while True:
        epoch = time.time() // EPOCH
        with place.engine() as engine:
            ours = replies(place)
            assert tallies(engine)["replied"] == len(ours)
        theirs = by_xdp(place)
        if time.time() // EPOCH == epoch:  # else cookies differ
            break
    assert ours == theirs


def by_xdp(place: Ground) -> list[bytes]:
    """The same of the xdp engine: what its program makes of each frame."""
    with place.program() as program:
        return timeless([program.test_run(syn).frame for syn in syns(place)])


def test_a_cookie_opens_a_connection_that_the_kernels_programs_know(place: Ground) -> None:
    with place.engine() as engine, capturing(place.net.near) as heard, capturing(place.net.far) as arrived:
        syn = Tcp(52_000, PORT, seq=1000)
        place.send(place.segment(SECOND[0], syn))
        reply = heard.wait_for(partial(is_for, 52_000))[0]
        (isn,) = struct.unpack_from("!I", reply, TCP + 4)
        ack = Tcp(52_000, PORT, seq=1001, ack=(isn + 1) & 0xFFFFFFFF, flags=ACK)
        place.send(place.segment(SECOND[0], ack))
        came = arrived.wait_for(lambda frame: frame[TCP : TCP + 2] == struct.pack("!H", 52_000))[0]
        assert came[:6] == place.net.far.mac and came[22] == IPv4().ttl - 1  # by a router
        assert tallies(engine)["redirected"] == 1
        assert place.knows(SECOND[0], 52_000)


def test_frames_leave_where_they_lie(place: Ground) -> None:
    """UMEM offsets in TX descriptors are those in RX descriptors: of a reply, and of what goes out of another interface."""
    place.add_connection(SECOND[0], 2, 53_000)
    with place.engine() as engine, sink(place.net.near):
        (uplink, beyond) = engine.sockets.values()
        for port in (53_001, 53_000, 53_000, 53_001):  # a SYN is answered, of a known connection goes on
            flags = ACK if port == 53_000 else 2
            place.send(place.segment(SECOND[0], Tcp(port, PORT, flags=flags, seq=0, ack=0)))
        assert eventually(lambda: sum(ring.indices()[1] for ring in sending(engine)) == 4)
        received = [uplink.rings[xsk.RX].offset_at(n) for n in range(uplink.rings[xsk.RX].indices()[1])]
        replied = [uplink.rings[xsk.TX].offset_at(n) for n in range(uplink.rings[xsk.TX].indices()[1])]
        sent_on = [beyond.rings[xsk.TX].offset_at(n) for n in range(beyond.rings[xsk.TX].indices()[1])]
    # Others may have come in between, late segments of other tests
    order = [received.index(offset) for offset in (replied[0], *sent_on, replied[1])]
    assert order == sorted({*order}) and len(order) == 4


@pytest.mark.parametrize("host", [THIRD[0], BESIDE[0]], ids=["direct", "kernel"])
def test_real_connections(place: Ground, host: str) -> None:
    with place.engine() as engine:
        assert place.connected(host)
        found = tallies(engine)
        assert found["redirected" if host == THIRD[0] else "passed"] >= 1
        assert not found["not_passed"] and not found["ring_full"]


def test_checksums_that_a_container_left_to_do(place: Ground) -> None:
    """Of what goes on, and of what the kernel gets back without its note of them."""
    near, outside = place.net.near, place.net.outside
    near.features(tx_checksum=True)
    place.tables["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([outside.mac], unfinished=True)}))
    with place.engine() as engine:
        assert place.connected(THIRD[0]) and place.connected(BESIDE[0])
        found = tallies(engine)
        assert found["redirected"] and found["passed"]
    near.features(tx_checksum=False)
    place.tables["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([outside.mac])}))


def test_counters_outlive_the_workers(place: Ground) -> None:
    entries = place.tables["counters"].table.entries
    with maps.create(replace(of_workers(COUNTERS), entries=entries)) as table:
        counted = np.frombuffer(table.memory(), Counters)["tallies"][:, 2 * Reason.answered]
        for number in (1, 2):
            with place.engine(also={"worker_counters": table}) as engine:
                place.send(place.segment(SERVER[0], Tcp(56_000, PORT)))
                assert eventually(lambda engine=engine: tallies(engine)["replied"] == 1)  # type: ignore[misc]
            assert counted.sum() == number


def test_what_is_for_the_kernel_comes_in_by_the_uplink(place: Ground) -> None:
    """Not by the device that it is handed over by: so programs at tc, netfilter and routing see what they always see."""
    syn = place.segment(BESIDE[0], Tcp(55_000, PORT))
    with place.engine() as engine, capturing(place.net.outside) as seen:
        place.send(syn)
        assert seen.wait_for(lambda frame: frame == syn)
        assert tallies(engine)["passed"] == 1


def test_no_frame_is_lost_in_a_flood(place: Ground) -> None:
    target = Target(SERVER[0], PORT, place.net.near.mac, place.net.outside.mac)
    with place.engine() as engine, sink(place.net.near):
        with flooding(place.net.near, target, seconds=20, count=100_000, rate=100_000) as flood:
            flood.wait(30)
        found = tallies(engine)
        assert found["replied"] > 10_000 and found["received"] >= found["replied"]
        assert found["received"] == found["replied"] + found["passed"] + found["dropped"] + found["redirected"]
        assert eventually(lambda: not any(ring.content() for ring in sending(engine)))
        engine.stop()
        where = census(engine)
        assert not where["twice"] and len(where["kernel"]) <= 1
        assert sum(map(len, where.values())) == engine.umem.frames


def sending(engine: Engine) -> list[xsk.Ring]:
    """All TX rings."""
    return [socket.rings[xsk.TX] for socket in engine.sockets.values()]


def test_it_stops_at_once(place: Ground) -> None:
    """A worker that would sleep for minutes."""
    with place.engine() as engine:
        for worker in engine.workers:
            worker.record["sleep_ms"] = NEVER_MS
        place.send(place.segment(SERVER[0], Tcp(54_000, PORT)))
        assert eventually(lambda: tallies(engine)["replied"] == 1)
        thread = engine.workers[0].thread
        engine.stop()
        assert thread and not thread.is_alive()


def test_busy_polling(place: Ground) -> None:
    with place.engine(busy=xsk.BusyPolling()) as engine:
        place.send(place.segment(SERVER[0], Tcp(54_000, PORT)))
        assert eventually(lambda: tallies(engine)["replied"] == 1)
        assert int(engine.workers[0].record["sleeps"][0]) == 0


@pytest.mark.parametrize(("queues", "beyond"), [(3, 1), (2, 4)])
def test_unequal_queue_counts(queues: int, beyond: int) -> None:
    """Workers without a queue of their own towards the server use another's, and get their frames back."""
    with ground(queues, beyond) as place, place.engine(cpus=[0] * queues) as engine:
        assert len(engine.workers) == queues
        assert all(place.connected(THIRD[0]) for _ in range(60))
        assert all(int(worker.record["redirected"][0]) for worker in engine.workers)
        assert eventually(lambda: not any(ring.content() for ring in sending(engine)))
        engine.stop()
        where = census(engine)
        assert not where["twice"] and not where["kernel"]


def test_frames_of_one_by_the_queue_of_another() -> None:
    """A flood that goes on to its host, all of it by the worker that has no queue of its own there."""
    with ground(2, 1) as place, place.engine(cpus=[0, 0]) as engine:
        target = Target(THIRD[0], PORT, place.net.near.mac, place.net.outside.mac)
        with flooding(place.net.near, target, seconds=20, count=50_000, rate=50_000, cpu=1) as flood:
            flood.wait(30)
        assert int(engine.workers[1].record["redirected"][0]) > 10_000
        assert eventually(lambda: not any(ring.content() for ring in sending(engine)))
        engine.stop()
        where = census(engine)
        assert not where["twice"] and len(where["kernel"]) <= 1


def test_fewer_workers_than_queues() -> None:
    with ground(3, 1) as place, place.engine(cpus=[0]) as engine:
        assert len(engine.workers) == 1
        assert all(place.connected(THIRD[0]) for _ in range(10))


def test_mistakes_are_told(place: Ground) -> None:
    net = place.net
    with pytest.raises(InterfaceError, match="no interface nowhere here; there are: "):
        net.front.call(Engine, place.tables, Wanted({0: "nowhere"}))
    with pytest.raises(EngineError, match="CPU 4000: there is none, or it is not in this process's cpuset"):
        net.front.call(Engine, place.tables, Wanted({0: net.outside.name}, cpus=[4000]))
    with place.engine(), pytest.raises(xsk.XskError, match="another AF_XDP socket has this queue"):
        net.front.call(Engine, place.tables, Wanted({0: net.outside.name}))
    net.inside.set_mtu(9000)
    with pytest.raises(EngineError, match="MTU 9000, the af_xdp engine takes 3818 at most: `ip link set"):
        net.front.call(Engine, place.tables, Wanted({0: net.outside.name}, {INSIDE_PLACE: net.inside.name}))
    net.inside.set_mtu(1500)


def removed(index: int) -> None:
    """An interface; with it goes the other end of its veth."""
    with IPRoute() as kernel:
        kernel.link("del", index=index)


def test_an_interface_that_goes_ends_the_worker() -> None:
    with ground() as place, place.engine() as engine:
        engine.check()
        place.net.client.call(removed, place.net.near.index)
        assert eventually(lambda: int(engine.workers[0].record["failure"][0]) != 0)
        with pytest.raises(EngineError, match="worker 0 of the af_xdp engine has ended: "):
            engine.check()
