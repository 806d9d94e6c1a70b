"""Frames that pass a program by are noticed, and only those: the real programs on a veth, and whoever stands before them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from journal_ground import journal
from kernel_ground import image, needs_root, veth_pair
from lab_ground import eventually
from pyroute2 import IPRoute

from hardtack.agent.watch import AT_TCX, MANY, Arrivals, Watch
from hardtack.compiler import objects
from hardtack.control.pinned import key_of
from hardtack.control.watches import Arriving, Leaving, LetThrough
from hardtack.kernel import links, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.interfaces import find
from hardtack.kernel.links import Direction, Link
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import SEEN
from hardtack.packet.programs import AGENT, FRONT, INSIDE, LEAVING
from hardtack.packet.reasons import Reason

pytestmark = needs_root
TCX_PASS, XDP_PASS, TC_ACT_SHOT, HOST = 0, 2, 2, 3
INGRESS = 0xFFFFFFF2  # TC_H_MIN_INGRESS, of clsact
ETHERTYPE = 0x88B5  # for local experiments: nothing on a machine answers it
SIZES = {"counters": 16}
PATIENCE = 30.0  # s
WARNING = f'frames passed right, but hardtack\'s program {{}} saw none of them" remedy="{AT_TCX}"'


@pytest.fixture(autouse=True)
def pair() -> Iterator[tuple[int, int]]:
    """Nothing is on the wire but what a test sends."""
    with veth_pair() as indices:
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1", encoding="ascii")
        yield indices


def send(frames: int, out_of: str = "left", into: str = "right") -> None:
    """So many frames; each has come as far as the network stack, `into` "": has been sent, when the next one leaves."""
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as receiver,
    ):
        sender.bind((out_of, 0))
        if into:
            receiver.bind((into, ETHERTYPE))
            receiver.settimeout(PATIENCE)
        for _ in range(frames):
            sender.send(b"\xff" * 6 + bytes(6) + ETHERTYPE.to_bytes(2, "big") + bytes(46))
            if into:
                receiver.recv(100)


def send_out(frames: int) -> None:
    """The other way."""
    send(frames, "right", "left")


def stranger(direction: Direction) -> Link:
    """Somebody's program, first on right, that lets nobody run behind it."""
    with programs.load(image(returning(TCX_PASS), "tcx"), {}) as program:
        return links.attach_tcx(program, find("right").index, direction)


@dataclass
class Ground:
    """A watch that looks whenever it is called, the direction of its program, frames for it, and frames the other way."""

    watch: Watch
    direction: Direction
    send: Callable[[int], None]
    send_back: Callable[[int], None]
    datapath: Datapath


@contextmanager
def agent() -> Iterator[Ground]:
    with Datapath(objects.compiled(AGENT)) as made, links.attach_tcx(made.program, find("right").index):
        sight = Arrivals(find("right").index, made.tables["counters"])
        yield Ground(Watch("agent", "right", AT_TCX, sight, every=1), "ingress", send, send_out, made)


@contextmanager
def leaving() -> Iterator[Ground]:
    with (
        Datapath(objects.compiled(LEAVING), sizes=SIZES) as made,
        links.attach_tcx(made.program, find("right").index, "egress"),
    ):
        sight = Leaving(made.tables[SEEN.name], made.tables["counters"], [find("right").index], [HOST])
        yield Ground(Watch("leaving", "right", AT_TCX, sight, every=1), "egress", send_out, send, made)


@pytest.mark.parametrize("place", [agent, leaving])
def test_one_warning_while_somebody_takes_all_and_one_line_when_he_has_gone(place) -> None:  # type: ignore[no-untyped-def]
    with place() as ground, journal() as said:
        ground.watch.write()
        ground.send(3 * MANY)
        ground.watch.write()
        assert said == []
        with stranger(ground.direction):
            ground.watch.write()
            ground.send(MANY - 1)
            ground.watch.write()
            assert said == [], "a few frames prove nothing"
            for _ in range(3):
                ground.send(MANY)
                ground.watch.write()
            (warning,) = said
            assert warning.startswith("WARNING finding name=unseen ")
            assert warning.endswith(WARNING.format(ground.watch.program))
        ground.watch.write()
        assert len(said) == 1, "as long as nothing comes, nothing can be seen"
        ground.send(1)
        ground.watch.write()
        assert said[1:] == [f"INFO seen-again program={ground.watch.program} interface=right"]
        ground.watch.write()
        assert len(said) == 2


@pytest.mark.parametrize("place", [agent, leaving])
def test_where_nothing_passes_nothing_is_said(place) -> None:  # type: ignore[no-untyped-def]
    with place() as ground, stranger(ground.direction), journal() as said:
        for _ in range(5):
            ground.watch.write()
        ground.send_back(3 * MANY)
        ground.watch.write()
    assert said == []


def test_what_an_xdp_program_takes_is_not_the_agents(pair: tuple[int, int]) -> None:
    """It may leave nothing at all, as in a flood, and be right."""
    drops = programs.load(image(returning(1)), {})
    with agent() as ground, drops, links.attach_xdp(drops, pair[1]), journal() as said:
        for _ in range(3):
            send(MANY, into="")
            ground.watch.write()
    assert said == []


def test_programs_of_the_older_qdisc_come_behind() -> None:
    """Even one that drops all there is."""
    with agent() as ground, programs.load(image(returning(TC_ACT_SHOT), "tcx"), {}) as drops, IPRoute() as kernel:
        kernel.tc("add", "clsact", find("right").index)
        kernel.tc(
            *("add-filter", "bpf", find("right").index),
            **{"fd": drops.fd, "name": "drops", "parent": INGRESS, "classid": 1, "direct_action": True},
        )
        with journal() as said:
            ground.watch.write()
            send(3 * MANY, into="")
            assert eventually(lambda: sum(frames_of(ground.datapath.counters())) >= 3 * MANY, PATIENCE)
            ground.watch.write()
    assert said == []


def count(datapath: Datapath, reason: Reason, frames: int, number: int) -> None:
    """Have it counted."""
    counters = datapath.tables["counters"]
    entry = [0] * (counters.table.value_size // 8)
    entry[2 * reason] = frames
    rows = [b"".join(word.to_bytes(8, "little") for word in entry)]
    rows += [bytes(counters.table.value_size)] * (len(counters.lookup_all(key_of(number))) - 1)
    counters.update_all(key_of(number), rows)


@pytest.mark.parametrize(
    ("reason", "number"),
    [(Reason.answered, 1), (Reason.answered, 15), (Reason.connection, HOST), (Reason.default_pass, HOST)],
)
def test_what_the_front_sends_from_the_driver_is_not_for_leaving(reason: Reason, number: int) -> None:
    """Answers, and frames sent on by the interface they came in by: the interface counts them, no stack sees them."""
    with leaving() as ground, stranger("egress"), journal() as said:
        ground.watch.write()
        send_out(3 * MANY)
        count(ground.datapath, reason, 3 * MANY, number)
        ground.watch.write()
        assert said == []
        send_out(MANY)
        ground.watch.write()
    assert len(said) == 1


def test_what_the_front_lets_through_is_for_the_agent_behind_it() -> None:
    with Datapath(objects.compiled(LEAVING), sizes=SIZES) as front, agent() as ground, journal() as said:
        sight = LetThrough(front.tables["counters"], ground.datapath.tables["counters"], [HOST])
        watch = Watch("agent", "right", AT_TCX, sight, every=1)
        for frames, reason, number in ((1000, Reason.answered, HOST), (1000, Reason.connection, HOST + 1)):
            count(front, reason, frames, number)  # a flood; another machine's
            watch.write()
        count(front, Reason.remembered, 1000, HOST)
        send(1)
        watch.write()
        assert said == []
        with stranger("ingress"):
            count(front, Reason.connection, 3000, HOST)
            send(MANY)
            watch.write()
    assert len(said) == 1


@pytest.mark.parametrize("source", [FRONT, INSIDE], ids=lambda source: source.name)
def test_a_program_in_the_driver_has_its_flag(pair: tuple[int, int], source) -> None:  # type: ignore[no-untyped-def]
    """Nobody gets before it; so another is in its place here."""
    with Datapath(objects.compiled(source), sizes=SIZES) as made, journal() as said:
        watch = Watch(source.name, "right", "", Arriving(made.tables[SEEN.name], source.name, [pair[1]]), every=1)
        with links.attach_xdp(made.program, pair[1]):
            send(3 * MANY)
            watch.write()
        assert said == []
        with programs.load(image(returning(XDP_PASS)), {}) as other, links.attach_xdp(other, pair[1]):
            send(3 * MANY)
            watch.write()
            assert len(said) == 1
        with links.attach_xdp(made.program, pair[1]):
            send(1)
            watch.write()
    assert said[1:] == [f"INFO seen-again program={source.name} interface=right"]


def test_an_interface_that_has_gone_is_somebody_elses_business() -> None:
    with agent() as ground, journal() as said:
        watch = Watch("agent", "gone", AT_TCX, Arrivals(4711, ground.datapath.tables["counters"]), every=1)
        watch.write()
    assert said == []
