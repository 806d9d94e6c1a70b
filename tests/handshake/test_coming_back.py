"""A client comes back by its port while the host is in whatever state RFC 9293 has for its last connection.

Without a front the host would ask it back (RFC 5961 4), or see that its SYN is newer. With one, either the front knows that
the host has that connection, and lets the SYN go there; or it answers, and the agent must end the old connection. TIME_WAIT
has more tests of its own: tests/test_time_wait.py
"""

from __future__ import annotations

import time

import pytest
from lab_ground import eventually
from naive.frames import ACK, PSH

from handshake.forgetting import open_unknown
from handshake.former import AGAIN, Host, past_the_front
from handshake.raw import LOW_32, Wire
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
    state_of,
)
from handshake.stage import PATIENCE, Stage
from hardtack.packet.reasons import Reason

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
    old = host.newcomer(tsval)
    with past_the_front(stage.net, old):
        old.wire.send(old.request())
    assert eventually(lambda: state_of(stage.net, old) == SYN_RECEIVED, PATIENCE)
    new = after(old)
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
    assert seen.agent[Reason.known] >= 3
    assert not any(heard.is_reset for heard in old.heard())
    assert seen.agent[Reason.connection_kept] == seen.agent[Reason.connection_ended] == seen.agent[Reason.admitted] == 0
    assert state_of(stage.net, old) == state


@two_machines
@full
def test_an_older_one_ends_nothing(host: Host, stage: Stage, wire: Wire, state: str) -> None:
    """Whoever it is, he hears of it; to the client of the old connection it means nothing."""
    old = host.last(state, None)
    new = after(old, EARLIER)
    open_unknown(stage, new)
    with stage.counting() as seen:
        new.speak(ACK)
        assert new.hear(lambda heard: heard.is_reset).seq == new.ack
        wire.settle()
    assert seen.agent[Reason.connection_kept] == 1
    assert seen.agent[Reason.connection_ended] == seen.agent[Reason.admitted] == 0
    assert state_of(stage.net, old) == state


@two_machines
@full
@timestamps
def test_a_bad_cookie_ends_nothing(host: Host, stage: Stage, state: str, tsval: int | None) -> None:
    """Past the front, which would let none of them come this far."""
    old = host.last(state, tsval)
    new = after(old)
    open_unknown(stage, new)
    good = new.ack
    with stage.counting() as seen, past_the_front(stage.net, new):
        for bit in range(8, 32):
            new.ack = ((good - 1) ^ 1 << bit) + 1 & LOW_32
            new.speak(ACK)
        new.wire.settle()
    assert seen.agent[Reason.known] >= 24
    assert seen.agent[Reason.connection_ended] == seen.agent[Reason.connection_kept] == 0
    assert state_of(stage.net, old) == state
