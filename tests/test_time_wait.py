"""A client that comes back by the same port, while the host still holds the last connection in TIME_WAIT.

Without a front Linux would see the SYN and end the TIME_WAIT for it; with one, the agent must see to it. If the number of
the SYN is not behind the old ones, the front lets the host judge it (handshake/test_every_state.py); the agent only meets
such a client if the front knew nothing of the last connection.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import count

import pytest
from handshake.forgetting import open_unknown
from handshake.raw import LOW_32, Wire, wired
from handshake.returning import EARLIER, ISN, LATER, TIME_WAIT, TSVAL, Client, is_syn_ack, state_of
from handshake.stage import ADDRESSES, GREET, PATIENCE, TALK, Stage, staged
from lab_ground import eventually, needs_root
from naive.frames import ACK, FIN, PSH

from hardtack.lab.addresses import SERVER
from hardtack.lab.clients import ask, offer, upload
from hardtack.lab.lab import NAMED_PORTS
from hardtack.lab.servers import talker
from hardtack.packet.reasons import Reason

pytestmark = needs_root

TIMES = 5
RARE = 0.2  # s: the front lets through what the host's own word speaks against once in 128 ms
RECEIVED = 1000  # more than what the first connection sends
PORTS = count(random.choice(NAMED_PORTS[:-1000]))  # each test has one of its own: nothing is left of those before


@pytest.fixture(scope="module", params=["routed", "local"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Front, agent, a talker, and one that speaks first. All of them close first."""
    with (
        staged(request.param == "local", tmp_path_factory.mktemp("time-wait")) as made,
        talker(made.net.server, SERVER, [TALK]),
        talker(made.net.server, SERVER, [GREET], greeting="220 hello"),
    ):
        yield made


@pytest.fixture
def wire(stage: Stage) -> Iterator[Wire]:
    """The client's link, to send frames made by hand."""
    with wired(stage.net) as made:
        yield made


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def version(request: pytest.FixtureRequest) -> int:
    """IP version."""
    return int(request.param)


def waits(stage: Stage, client: Client) -> bool:
    """Whether the host has a socket in TIME_WAIT for it."""
    return state_of(stage.net, client) == TIME_WAIT


def served(stage: Stage, wire: Wire, version: int, tsval: int | None, *, half: bool = False) -> tuple[Client, bytes]:
    """A connection that the talker has closed first, and its first ACK. `half`: the client has not closed at all."""
    client = Client(wire, version, TALK, isn=ISN, source_port=next(PORTS))
    client.tsval = tsval
    client.open()
    first = client.speak(ACK)
    client.speak(ACK | PSH, b"download 10\n")
    client.hear_end()
    client.speak(ACK if half else ACK | FIN)
    assert half or eventually(lambda: waits(stage, client))
    wire.settle()
    return client, first


@pytest.mark.parametrize("port", [TALK, GREET], ids=["client first", "server first"])
@pytest.mark.parametrize("timestamps", [True, False], ids=["timestamps", "plain"])
def test_the_same_port_many_times(stage: Stage, version: int, port: int, timestamps: bool) -> None:
    offer(stage.net.client, timestamps=timestamps)
    mine = next(PORTS)
    with stage.counting() as seen:
        for _ in range(TIMES):
            answer = ask(stage.net.client, ADDRESSES[version], port, b"download 10\n", source_port=mine, timeout=PATIENCE)
            assert len(answer) in (10, 20)
    assert seen.front[Reason.answered] == TIMES
    assert seen.agent[Reason.admitted] >= TIMES
    assert seen.agent[Reason.time_wait_ended] >= TIMES - 1
    assert seen.agent[Reason.bad_cookie] == seen.agent[Reason.time_wait_kept] == 0


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_the_same_port_with_a_first_segment_that_has_data(stage: Stage, version: int, size: int) -> None:
    """Who has sent much in a short time has a SYN whose number is among that: the host may judge it, by its timestamp."""
    offer(stage.net.client)
    mine = next(PORTS)
    with stage.counting() as seen:
        for _ in range(TIMES):
            upload(stage.net.client, ADDRESSES[version], TALK, size, source_port=mine, patient=True)
    judged = 0 if size == 1_000 else seen.front[Reason.reopened]
    assert seen.agent[Reason.time_wait_ended] + judged >= TIMES - 1
    assert seen.agent[Reason.time_wait_kept] == 0


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half closed"])
@pytest.mark.parametrize(
    ("isn", "tsval"),
    [
        (LATER, LATER),
        (LATER, 0),
        (LATER, EARLIER),  # another one, behind the same NAT
        (LATER, None),
        (1 << 30, None),
    ],
)
def test_a_newer_connection_ends_it(stage: Stage, wire: Wire, version: int, isn: int, tsval: int | None, half: bool) -> None:
    """Segments by hand, so their checksums are looked at: the reset's must be right."""
    old, _ = served(stage, wire, version, None if tsval is None else TSVAL, half=half)
    new = old.again(ISN + isn, None if tsval is None else TSVAL + tsval)
    new.open()
    with stage.counting() as seen:
        new.speak(ACK)
        wire.settle()
        assert new.proves_itself()
    assert (seen.agent[Reason.time_wait_ended], seen.agent[Reason.admitted]) == (1, 1)
    assert seen.agent[Reason.time_wait_kept] == 0


def test_to_the_agent_alone_a_later_timestamp_is_enough(stage: Stage, wire: Wire, version: int) -> None:
    """RFC 6191."""
    old, _ = served(stage, wire, version, TSVAL)
    new = old.again(ISN + EARLIER, TSVAL + LATER)
    open_unknown(stage, new)
    with stage.counting() as seen:
        new.speak(ACK)
        wire.settle()
        assert new.proves_itself()
    assert (seen.agent[Reason.time_wait_ended], seen.agent[Reason.admitted]) == (1, 1)
    assert seen.agent[Reason.time_wait_kept] == 0


@pytest.mark.parametrize(("before", "after"), [(None, TSVAL), (TSVAL, None)], ids=["only the new", "only the old"])
def test_where_one_has_no_timestamps_the_isn_decides(
    stage: Stage, wire: Wire, version: int, before: int | None, after: int | None
) -> None:
    old, _ = served(stage, wire, version, before)
    new = old.again(ISN + LATER, after)
    new.open()
    new.speak(ACK)
    assert new.proves_itself()


@pytest.mark.parametrize(("isn", "tsval"), [(EARLIER, EARLIER), (EARLIER, 0), (EARLIER, None), (-1 << 30, None)])
def test_one_that_is_not_newer_does_not(stage: Stage, wire: Wire, version: int, isn: int, tsval: int | None) -> None:
    """And is told."""
    old, _ = served(stage, wire, version, None if tsval is None else TSVAL)
    new = old.again(ISN + isn, None if tsval is None else TSVAL + tsval)
    open_unknown(stage, new)
    with stage.counting() as seen:
        new.speak(ACK)
        assert new.hear(lambda heard: heard.is_reset).seq == new.ack
        wire.settle()
    assert seen.agent[Reason.time_wait_kept] == 1
    assert seen.agent[Reason.time_wait_ended] == seen.agent[Reason.admitted] == 0
    assert waits(stage, old)


@pytest.mark.parametrize("tsval", [TSVAL, None], ids=["timestamps", "plain"])
def test_one_that_the_host_could_not_judge_is_told(stage: Stage, wire: Wire, version: int, tsval: int | None) -> None:
    """The front lets only so many SYNs to the host. The next one it answers."""
    old, _ = served(stage, wire, version, tsval)
    new = old.again(ISN + EARLIER, None if tsval is None else TSVAL + EARLIER)
    with stage.counting() as seen:
        wire.send(*[new.request()] * 3)
        new.take(new.hear(is_syn_ack, number=2))  # the first was the old one's
        new.speak(ACK)
        assert new.hear(lambda heard: heard.is_reset).seq == new.ack
    assert seen.front[Reason.reopened] >= 1
    assert seen.agent[Reason.time_wait_kept] == 1
    assert waits(stage, old)


@pytest.mark.parametrize("tsval", [TSVAL, None], ids=["timestamps", "plain"])
def test_a_duplicate_of_its_own_first_ack_does_not(stage: Stage, wire: Wire, version: int, tsval: int | None) -> None:
    """Its cookie is as good as ever: nothing but this rule keeps it from making the dead connection anew."""
    old, first = served(stage, wire, version, tsval)
    with stage.counting() as seen:
        wire.send(*[first] * 3)
        wire.settle()
    assert seen.agent[Reason.time_wait_kept] == 3
    assert seen.agent[Reason.time_wait_ended] == seen.agent[Reason.admitted] == 0
    assert waits(stage, old)


@pytest.mark.parametrize("tsval", [TSVAL, None], ids=["timestamps", "plain"])
def test_a_bad_cookie_does_not(stage: Stage, wire: Wire, version: int, tsval: int | None) -> None:
    old, _ = served(stage, wire, version, tsval)
    new = old.again(ISN + LATER, None if tsval is None else TSVAL + LATER)
    new.open()
    good = new.ack
    with stage.counting() as seen:
        for bit in range(8, 32):
            new.ack = ((good - 1) ^ 1 << bit) + 1 & LOW_32
            new.speak(ACK)
        wire.settle()
    # The front lets one of them through now and then, which the agent leaves to the kernel
    assert seen.front[Reason.doubtful] + seen.front[Reason.implausible] + seen.front[Reason.connection] == 24
    assert seen.agent[Reason.known] >= seen.front[Reason.doubtful] + seen.front[Reason.connection] > 0
    assert seen.agent[Reason.time_wait_ended] == seen.agent[Reason.time_wait_kept] == 0
    assert waits(stage, old)
    new.ack = good
    assert new.proves_itself(), "the right one still does"


def test_a_fin_sent_again_is_acknowledged_again(stage: Stage, wire: Wire, version: int) -> None:
    """What TIME_WAIT is for."""
    old, _ = served(stage, wire, version, TSVAL)
    old.seq = (old.seq - 1) & LOW_32
    before = len(old.heard())
    with stage.counting() as seen:
        old.speak(ACK | FIN)
        answer = old.hear(number=before + 1)
        wire.settle()
    assert (answer.flags, answer.ack) == (ACK, old.seq)
    assert seen.agent[Reason.known] == 1
    assert waits(stage, old)


def test_with_rfc1337_it_stays_and_nothing_goes_in_circles(stage: Stage, wire: Wire, version: int) -> None:
    """No reset ends a TIME_WAIT then. Each segment comes in again just once; when the setting goes, the next one does it."""
    old, _ = served(stage, wire, version, TSVAL)
    new = old.again(ISN + LATER, TSVAL + LATER)
    new.open()
    before = stage.counts()[1][Reason.time_wait_kept]
    stage.net.server.sysctl("net.ipv4.tcp_rfc1337", 1)
    try:
        with stage.counting() as seen:
            for _ in range(TIMES):
                new.speak(ACK)
                time.sleep(RARE)
            assert eventually(lambda: stage.counts()[1][Reason.time_wait_kept] - before >= TIMES)
            wire.settle()
        assert seen.agent[Reason.time_wait_ended] == seen.agent[Reason.time_wait_kept] == TIMES
        assert seen.agent[Reason.admitted] == 0
        assert waits(stage, old)
    finally:
        stage.net.server.sysctl("net.ipv4.tcp_rfc1337", 0)
    assert new.proves_itself()
