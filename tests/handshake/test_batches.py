"""A client's first segments that the host's card hands over together.

The agent's program then sees all of a batch before the kernel has dealt with the first of it: when it looks for the
connection that the ACK is about to make, there is none yet. (netif_receive_skb_list: tcx runs for each, then TCP for each.)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from naive.frames import ACK, FIN, PSH

from handshake.raw import ALL_OPTIONS, LOW_32, PLAIN_OPTIONS, Peer, Wire, wired
from handshake.stage import ADDRESSES, GREET, PATIENCE, SPARE, TALK, Stage, short_listener, staged
from hardtack.lab.addresses import SERVER
from hardtack.lab.clients import upload
from hardtack.lab.cpu import thread_receivers
from hardtack.lab.servers import talker

CPU = 0
ASK = b"info\n"
SHORT = SPARE[0]
AHEAD = 10  # real-time priority: above the receiving thread's
offers = pytest.mark.parametrize("carried", [ALL_OPTIONS, PLAIN_OPTIONS], ids=["all", "plain"])


@pytest.fixture(scope="module", params=["routed", "local"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The host's card is served by a thread on one CPU."""
    with (
        staged(request.param == "local", tmp_path_factory.mktemp("batches")) as made,
        talker(made.net.server, SERVER, [TALK]),
        talker(made.net.server, SERVER, [GREET], greeting="220 hello"),
    ):
        thread_receivers(made.net.far, CPU)
        yield made


@pytest.fixture
def wire(stage: Stage) -> Iterator[Wire]:
    """The client's link."""
    with wired(stage.net) as made:
        yield made


@pytest.fixture
def left_in_pieces(stage: Stage) -> Iterator[None]:
    """Nobody on the way puts segments together."""
    ends = {stage.net.outside, stage.net.far}
    for end in ends:
        end.features(gro=False)
    yield
    for end in ends:
        end.features(gro=True)


def send_together(wire: Wire, *frames: bytes) -> None:
    """All of them before the receiving thread may run: its CPU is ours for so long."""

    def undisturbed() -> None:
        os.sched_setaffinity(0, {CPU})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(AHEAD))
        wire.send(*frames)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(undisturbed).result()


@offers
def test_the_ack_and_the_request(stage: Stage, wire: Wire, version: int, carried: bytes) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn(carried)
    send_together(wire, peer.frame(ACK), peer.frame(ACK | PSH, ASK))
    assert peer.hear_line()["peer"] == [peer.source, peer.source_port]


@offers
def test_the_ack_the_request_and_the_end(stage: Stage, wire: Wire, version: int, carried: bytes) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn(carried)
    end = (peer.seq + len(ASK) + 1) & LOW_32
    send_together(wire, peer.frame(ACK), peer.frame(ACK | PSH, ASK), peer.frame(ACK | FIN, seq=end - 1))
    assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
    assert peer.hear(lambda heard: heard.ack == end)


@pytest.mark.parametrize("bare", [True, False], ids=["ACK", "no ACK"])
@pytest.mark.usefixtures("left_in_pieces")
def test_a_request_in_pieces(stage: Stage, wire: Wire, version: int, bare: bool) -> None:
    """They bring the cookie alone, if the ACK was lost, or never sent."""
    peer = Peer(wire, version, TALK)
    peer.syn()
    pieces = [peer.frame(ACK | PSH, ASK[at : at + 1], seq=peer.seq + at) for at in range(len(ASK))]
    send_together(wire, *[peer.frame(ACK)] * bare, *pieces)
    assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
    assert not any(heard.is_reset for heard in peer.heard())


@pytest.mark.usefixtures("left_in_pieces")
def test_more_than_one_segment_with_the_cookie(stage: Stage, version: int) -> None:
    """The client keeps its ACK back until there is data: the whole first window comes without it."""
    upload(stage.net.client, ADDRESSES[version], TALK, 300_000, patient=True, timeout=PATIENCE)


def test_the_ack_and_a_bare_end(stage: Stage, wire: Wire, version: int) -> None:
    peer = Peer(wire, version, GREET)
    peer.syn()
    send_together(wire, peer.frame(ACK), peer.frame(ACK | FIN))
    assert peer.hear(lambda heard: bool(heard.payload)).payload == b"220 hello\n"
    assert peer.hear(lambda heard: heard.ack == (peer.seq + 1) & LOW_32)


def test_the_ack_many_times(stage: Stage, wire: Wire, version: int) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn()
    send_together(wire, *[peer.frame(ACK)] * 20)
    assert peer.ask()["peer"] == [peer.source, peer.source_port]


def test_nobody_is_reset_for_want_of_room(stage: Stage, wire: Wire, version: int) -> None:
    """More connections in a batch than the listener's queue takes: the rest are to try again, as without hardtack."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(stage.net.server.call(short_listener, ADDRESSES[version], SHORT))
        peers = [Peer(wire, version, SHORT) for _ in range(6)]
        for peer in peers:
            peer.syn()
        send_together(wire, *(frame for peer in peers for frame in (peer.frame(ACK), peer.frame(ACK | PSH, ASK))))
        wire.settle()
        assert not any(heard.is_reset for peer in peers for heard in peer.heard())
        served: set[int] = set()
        while len(served) < len(peers):
            with listener.accept()[0] as connection:
                served.add(connection.getpeername()[1])
                assert connection.recv(100) == ASK
            wire.send(*(peer.frame(ACK | PSH, ASK) for peer in peers if peer.source_port not in served))
