"""A client comes back by its port while the host is in whatever state RFC 9293 has for its last connection.

Without a front the host would ask it back (RFC 5961 4), or see that its SYN is newer. With one, either the front knows that
the host has that connection, and lets the SYN go there; or it answers, and the agent must end the old connection. TIME_WAIT
has more tests of its own: tests/test_time_wait.py
"""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest
from lab_ground import eventually
from naive.frames import ACK, FIN, PSH

from handshake.counted import pinned
from handshake.raw import LOW_32, Wire, wired
from handshake.returning import (
    CLOSE_WAIT,
    CLOSING,
    EARLIER,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    ISN,
    LAST_ACK,
    LATER,
    SYN_RECEIVED,
    TIME_WAIT,
    TSVAL,
    Client,
    is_syn_ack,
    state_of,
)
from handshake.stage import ADDRESSES, PATIENCE, SPARE, Stage
from hardtack.packet.layout import TAGS
from hardtack.packet.reasons import Reason

PORT = SPARE[9]
SOURCES = count(random.randrange(40_000, 60_000))  # each test has one of its own: nothing is left of those before
HELLO, AGAIN = b"hello", b"here again"
AT_ONCE = struct.pack("=ii", 1, 0)  # struct linger: what is closed sends nothing any more, when the test is over
QUARTERS = 0.6  # s: two quarters of a second, by which a cookie tells the time, and some more
STATES = {
    "established": ESTABLISHED,
    "fin-wait-1": FIN_WAIT_1,
    "fin-wait-2": FIN_WAIT_2,
    "closing": CLOSING,
    "close-wait": CLOSE_WAIT,
    "last-ack": LAST_ACK,
    "time-wait": TIME_WAIT,
}
two_machines = pytest.mark.parametrize("whole_stage", ["routed"], indirect=True)
timestamps = pytest.mark.parametrize("tsval", [TSVAL, None], ids=["timestamps", "plain"])
states = pytest.mark.parametrize("state", STATES.values(), ids=STATES)
full = pytest.mark.parametrize("state", [ESTABLISHED, FIN_WAIT_1, LAST_ACK], ids=["established", "fin-wait-1", "last-ack"])


class Host:
    """A server's socket for the client's last connection, in a state, and the listener behind it."""

    def __init__(self, stage: Stage, wire: Wire, version: int, parts: ExitStack) -> None:
        self._stage, self._wire, self._version, self._parts = stage, wire, version, parts
        self._listener = parts.enter_context(stage.net.server.call(listening, ADDRESSES[version]))
        self.first_ack = b""

    def last(self, state: str, tsval: int | None) -> Client:
        """A connection of which the host has this state now."""
        client = Client(self._wire, self._version, PORT, isn=ISN, source_port=next(SOURCES))
        client.tsval = tsval
        if state == SYN_RECEIVED:
            with past_the_front(self._stage, client):
                client.wire.send(client.request())
        else:
            client.open()
            self.first_ack = client.speak(ACK)
            self.bring(client, self.accepted(client), state)
        assert eventually(lambda: state_of(self._stage, client) == state, PATIENCE)
        return client

    def accepted(self, client: Client) -> socket.socket:
        """The listener's next connection, which is the client's."""
        made = self._parts.enter_context(self._listener.accept()[0])
        made.settimeout(PATIENCE)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        assert made.getpeername()[:2] == (client.source, client.source_port)
        return made

    def bring(self, client: Client, accepted: socket.socket, state: str) -> None:
        """From ESTABLISHED to another state. Both have said hello."""
        accepted.sendall(HELLO)
        client.ack = (client.hear(lambda heard: heard.payload == HELLO).seq + len(HELLO)) & LOW_32
        client.speak(ACK | PSH, HELLO)
        assert accepted.recv(100) == HELLO
        if state in (CLOSE_WAIT, LAST_ACK):
            client.speak(ACK | FIN)
            assert accepted.recv(100) == b""
        if state in (FIN_WAIT_1, FIN_WAIT_2, CLOSING, TIME_WAIT, LAST_ACK):
            accepted.shutdown(socket.SHUT_WR)
            unheard = client.ack
            client.hear_end()
            if state == FIN_WAIT_2:
                client.speak(ACK)
            elif state == CLOSING:
                client.ack = unheard
                client.speak(ACK | FIN)
            elif state == TIME_WAIT:
                client.speak(ACK | FIN)


def listening(address: str) -> socket.socket:
    """A listener whose connections are the test's to move."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(PATIENCE)
    made.bind((address, PORT))
    made.listen()
    return made


@pytest.fixture
def host(stage: Stage, wire: Wire, version: int) -> Iterator[Host]:
    """The server's side."""
    with ExitStack() as parts:
        yield Host(stage, wire, version, parts)


@contextmanager
def past_the_front(stage: Stage, client: Client) -> Iterator[None]:
    """What the client sends goes straight to the host."""
    usual = client.wire
    with wired(stage.net, past_the_front=True) as client.wire:
        yield
    client.wire = usual


def forget(stage: Stage) -> None:
    """The front knows no connection any more, as when many others came."""
    with pinned(stage.net.outside, TAGS) as table:
        table.memory()[:] = bytes(len(table.memory()))


def open_unknown(stage: Stage, new: Client) -> None:
    """The front has forgotten the last connection when its SYN comes; again if the host's FIN has taught it just then."""
    forget(stage)
    while not is_syn_ack(answer := new.ask_for_it()):
        forget(stage)
    new.take(answer)


def after(old: Client, isn: int = LATER, tsval: int = LATER) -> Client:
    """The client's next connection."""
    return old.again(ISN + isn, None if old.tsval is None else TSVAL + tsval)


def serves(host: Host, new: Client) -> bool:
    """Whether the host has the new connection, and both hear each other."""
    new.speak(ACK | PSH, AGAIN)
    accepted = host.accepted(new)
    assert accepted.recv(100) == AGAIN
    accepted.sendall(AGAIN)
    return bool(new.hear(lambda heard: heard.payload == AGAIN))


@two_machines
@timestamps
def test_the_host_has_a_request_that_came_past_the_front(host: Host, stage: Stage, tsval: int | None) -> None:
    new = after(host.last(SYN_RECEIVED, tsval))
    with stage.counting() as seen:
        new.open()
        new.speak(ACK)
        assert serves(host, new)
    assert (seen.agent[Reason.connection_ended], seen.agent[Reason.connection_kept]) == (1, 0)


@states
@timestamps
def test_the_front_knows_the_last_connection(host: Host, stage: Stage, state: str, tsval: int | None) -> None:
    new = after(host.last(state, tsval))
    with stage.counting() as seen:
        new.come_back()
        new.speak(ACK)
        assert serves(host, new)
    assert seen.agent[Reason.connection_kept] == seen.agent[Reason.time_wait_kept] == 0


@states
@pytest.mark.parametrize(("tsval", "bare"), [(TSVAL, True), (None, False)], ids=["timestamps, bare ACK", "plain, with data"])
def test_the_front_has_forgotten_it(host: Host, stage: Stage, state: str, tsval: int | None, bare: bool) -> None:
    new = after(host.last(state, tsval))
    with stage.counting() as seen:
        open_unknown(stage, new)
        if bare:
            new.speak(ACK)
        assert serves(host, new)
    assert seen.agent[Reason.time_wait_ended if state == TIME_WAIT else Reason.connection_ended] >= 1
    assert seen.agent[Reason.connection_kept] == seen.agent[Reason.time_wait_kept] == 0


@two_machines
def test_a_client_that_was_restarted(host: Host, stage: Stage) -> None:
    """Its clock and its isn are anything; but the host's own clock says that its cookie is newer."""
    old = host.last(FIN_WAIT_1, TSVAL)
    time.sleep(QUARTERS)
    new = after(old, EARLIER, EARLIER)
    open_unknown(stage, new)
    new.speak(ACK)
    assert serves(host, new)


@two_machines
@full
@timestamps
def test_its_own_first_ack_once_more_ends_nothing(
    host: Host, stage: Stage, wire: Wire, state: str, tsval: int | None
) -> None:
    """Its cookie is as good as ever."""
    old = host.last(state, tsval)
    with stage.counting() as seen:
        wire.send(*[host.first_ack] * 3)
        wire.settle()
    assert seen.agent[Reason.connection_kept] == 3
    assert seen.agent[Reason.connection_ended] == seen.agent[Reason.admitted] == 0
    assert state_of(stage, old) == state


@two_machines
@full
def test_an_older_one_ends_nothing(host: Host, stage: Stage, wire: Wire, state: str) -> None:
    old = host.last(state, None)
    new = after(old, EARLIER)
    open_unknown(stage, new)
    with stage.counting() as seen:
        new.speak(ACK)
        wire.settle()
    assert seen.agent[Reason.connection_kept] == 1
    assert seen.agent[Reason.connection_ended] == seen.agent[Reason.admitted] == 0
    assert state_of(stage, old) == state


@two_machines
@full
@timestamps
def test_a_bad_cookie_ends_nothing(host: Host, stage: Stage, state: str, tsval: int | None) -> None:
    """Past the front, which would let none of them come this far."""
    old = host.last(state, tsval)
    new = after(old)
    open_unknown(stage, new)
    good = new.ack
    with stage.counting() as seen, past_the_front(stage, new):
        for bit in range(8, 32):
            new.ack = ((good - 1) ^ 1 << bit) + 1 & LOW_32
            new.speak(ACK)
        new.wire.settle()
    assert seen.agent[Reason.known] >= 24
    assert seen.agent[Reason.connection_ended] == seen.agent[Reason.connection_kept] == 0
    assert state_of(stage, old) == state
