"""Cookies live 32 to 96 seconds, clocks may differ by half an epoch, and keys reach for an hour. Nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from naive.frames import ACK

from handshake.clockwork import EPOCH_BEGINS, Clock, Clockwork, clockwork
from handshake.raw import ALL_OPTIONS, PLAIN_OPTIONS, Peer, Wire, wired
from handshake.stage import ADDRESSES, PATIENCE, TALK
from hardtack.keys import EPOCH
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.clients import ask, server_socket
from hardtack.lab.servers import talker
from hardtack.packet.reasons import Reason

HOUR = 3600
# Second of the epoch at which the front answers; how much later, by the agent's clock, the ACK comes there
ACCEPTED = [(0, 0), (0, 60), (1, 90), (30, 30), (40, 30), (49, 30), (60, 30), (33, 58), (62, 28)]
REFUSED = [(0, 97), (1, 97), (31, 97), (33, 97), (60, 97), (40, 60), (58, 39), (0, 128), (10, 300), (10, 7 * EPOCH)]
# An agent whose clock is behind: the cookie is of the future
AHEAD_ACCEPTED = [(5, -25), (0, -20), (40, -38), (20, -45)]
AHEAD_REFUSED = [(5, -45), (40, -100), (0, -EPOCH), (63, -100)]
PHASES = [1, 20, 31, 34, 50, 62]  # seconds into the epoch
two_clocks = pytest.mark.parametrize("works", ["routed"], indirect=True)  # one machine has one clock


@pytest.fixture(scope="module", params=["routed", "local"])
def works(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clockwork]:
    """Front and agent, a talker behind them."""
    with (
        clockwork(request.param == "local", tmp_path_factory.mktemp("clockwork")) as made,
        talker(made.net.server, SERVER + SECOND, [TALK]),
    ):
        yield made


@pytest.fixture
def wire(works: Clockwork) -> Iterator[Wire]:
    """The client's link."""
    with wired(works.net) as made:
        yield made


def verdict(works: Clockwork, peer: Peer, carried: bytes, phase: float, age: float, judge: Clock) -> str:
    """Who has what to say to a cookie made at `phase` of an epoch, `age` seconds later by the clock of `judge`.

    "admitted": the server answers. "dropped": the front lets nothing through. "reset": the server's kernel does that.
    """
    works.believe(EPOCH_BEGINS + phase)
    peer.syn(carried)
    judge.believe(EPOCH_BEGINS + phase + age)
    cookies, front = works.cookies(), works.front.counts()
    peer.send(ACK, b"info\n")
    peer.wire.settle()
    _, admitted, bad = (now - then for now, then in zip(works.cookies(), cookies, strict=True))
    if (works.front.counts() - front)[Reason.stray_data]:
        assert (admitted, bad) == (0, 0)
        return "dropped"
    answer = peer.hear(lambda heard: heard.is_reset or bool(heard.payload))
    assert (admitted, bad) == ((0, 1) if answer.is_reset else (1, 0))
    return "reset" if answer.is_reset else "admitted"


@pytest.mark.parametrize("carried", [ALL_OPTIONS, PLAIN_OPTIONS], ids=["timestamps", "plain"])
@pytest.mark.parametrize(("phase", "age"), ACCEPTED + AHEAD_ACCEPTED)
def test_young_enough(works: Clockwork, wire: Wire, version: int, phase: float, age: float, carried: bytes) -> None:
    for clock in works.clocks():
        assert verdict(works, Peer(wire, version, TALK), carried, phase, age, clock) == "admitted"


@pytest.mark.parametrize("carried", [ALL_OPTIONS, PLAIN_OPTIONS], ids=["timestamps", "plain"])
@pytest.mark.parametrize(("phase", "age"), REFUSED + AHEAD_REFUSED)
def test_too_old_or_of_the_future(
    works: Clockwork, wire: Wire, version: int, phase: float, age: float, carried: bytes
) -> None:
    """The front drops it. If only the agent thinks so, the kernel tells the client to try again."""
    for clock, expected in zip(works.clocks(), ("dropped", "reset"), strict=False):
        assert verdict(works, Peer(wire, version, TALK), carried, phase, age, clock) == expected


@two_clocks
@pytest.mark.parametrize("apart", [25, -25])
@pytest.mark.parametrize("phase", PHASES)
def test_clocks_that_are_25_seconds_apart_will_do(works: Clockwork, version: int, phase: float, apart: float) -> None:
    works.front.believe(EPOCH_BEGINS + phase)
    works.agent.believe(EPOCH_BEGINS + phase + apart)
    assert server_socket(works.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["timestamps"]


@two_clocks
@pytest.mark.parametrize("apart", [100, -100])
@pytest.mark.parametrize("phase", PHASES)
def test_clocks_that_are_100_seconds_apart_will_not(works: Clockwork, version: int, phase: float, apart: float) -> None:
    works.front.believe(EPOCH_BEGINS + phase)
    works.agent.believe(EPOCH_BEGINS + phase + apart)
    before = works.cookies()
    with pytest.raises(ConnectionResetError):
        ask(works.net.client, ADDRESSES[version], TALK, b"info\n", timeout=PATIENCE)
    assert works.cookies()[2] > before[2]


@two_clocks
def test_another_key_refuses_and_the_right_one_mends_it(works: Clockwork, version: int) -> None:
    works.believe(EPOCH_BEGINS)
    works.agent.believe(EPOCH_BEGINS, master=bytes(32))
    before = works.cookies()
    with pytest.raises(ConnectionResetError):
        ask(works.net.client, ADDRESSES[version], TALK, b"info\n", timeout=PATIENCE)
    answered, admitted, bad = (now - then for now, then in zip(works.cookies(), before, strict=True))
    assert (answered, admitted) == (1, 0) and bad >= 1
    works.agent.believe(EPOCH_BEGINS)
    assert server_socket(works.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["sack"]


def test_the_epoch_ends_while_clients_come(works: Clockwork, version: int) -> None:
    epochs: list[int] = []
    while len(set(epochs)) < 2:  # on a machine too busy to come to it in time: again
        works.believe(EPOCH_BEGINS + EPOCH - 0.5)
        while works.front.now() < EPOCH_BEGINS + EPOCH + 0.5:
            epochs.append(int(works.front.now() // EPOCH))
            server_socket(works.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)


def test_the_tables_are_written_while_clients_come(works: Clockwork, version: int) -> None:
    works.believe(EPOCH_BEGINS + 10)
    over = threading.Event()

    def write() -> int:
        times = 0
        while not over.is_set():
            works.front.write_again()
            works.agent.write_again()
            times += 1
        return times

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for _ in range(300):
                server_socket(works.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
        finally:
            over.set()
        assert writing.result() > 10


def test_with_nobody_to_write_them_the_tables_last_an_hour(works: Clockwork, version: int) -> None:
    works.believe(EPOCH_BEGINS)
    for seconds in (100, 1000, HOUR):
        works.front.set_clock(EPOCH_BEGINS + seconds)
        works.agent.set_clock(EPOCH_BEGINS + seconds)
        assert server_socket(works.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["sack"]


def test_after_that_the_kernel_answers_by_itself(works: Clockwork, version: int) -> None:
    """Fail open: without a key a front must not stand in the way."""
    works.believe(EPOCH_BEGINS)
    works.front.set_clock(EPOCH_BEGINS + 2 * HOUR)
    works.agent.set_clock(EPOCH_BEGINS + 2 * HOUR)
    before, without = works.cookies(), works.front.counts()[Reason.no_key]
    assert server_socket(works.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["sack"]
    assert works.cookies()[:2] == before[:2]
    assert works.front.counts()[Reason.no_key] > without  # the SYN, and whatever else the client sends
