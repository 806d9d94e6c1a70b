"""A challenge at whoever has a connection by these ports already: it harms none, whatever its state (RFC 9293 3.3.2).

No front is here: the ACK with a wrong number is written by hand, and Linux answers. A front sends one only to somebody
whose SYN it has just seen, but that SYN may be another's, who named this address as his.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from naive.frames import ACK, PSH

from handshake.former import HELLO, PORT, Host
from handshake.raw import LOW_32, Heard, wired
from handshake.returning import CLOSED, ESTABLISHED, SYN_RECEIVED, TSVAL, Client, is_syn_ack, state_of
from handshake.stage import ADDRESSES
from handshake.test_every_state import STATES
from hardtack.lab import topology

FAR = 1 << 30  # the least that a challenge's number is away from the right one
UNUSED = PORT - 1  # nobody listens there
SYNCHRONISED = [name for name in STATES if name not in ("closed", "syn-received")]


@pytest.fixture(scope="module", params=ADDRESSES)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with topology.routed() as net, ExitStack() as parts:
        yield Host(net, parts.enter_context(wired(net)), request.param, parts)


def challenged(client: Client, isn: int) -> list[Heard]:
    """All that comes back for an ACK whose number is not behind `isn`, nor near it."""
    before = len(client.heard())
    number = (isn + 1 + FAR) & LOW_32
    client.wire.send(client.frame(ACK, seq=0x12345678, ack=number, carried=b""))
    client.wire.settle()
    return client.heard()[before:]


@pytest.mark.parametrize("port", [PORT, UNUSED], ids=["listen", "closed"])
def test_who_has_no_connection_answers_by_the_very_same_reset(host: Host, port: int) -> None:
    """Which is why proven means alive, not honest."""
    client = host.newcomer(TSVAL)
    client.port = port
    (answer,) = challenged(client, client.isn)
    assert answer.is_reset and answer.seq == (client.isn + 1 + FAR) & LOW_32
    assert state_of(host.net, client) == CLOSED


@pytest.mark.parametrize("clock", [TSVAL, None], ids=["timestamps", "plain"])
@pytest.mark.parametrize("name", SYNCHRONISED)
def test_a_connection_that_there_is_goes_on(host: Host, name: str, clock: int | None) -> None:
    """By an ACK at most, which says what it expects: no reset, no other state."""
    state, left = STATES[name]
    client = host.last(state, clock, left=left)
    answers = challenged(client, client.ack)
    assert [one.flags for one in answers] in ([], [ACK]), answers
    assert all(one.ack == client.seq for one in answers)
    assert state_of(host.net, client) == state
    if state == ESTABLISHED:
        client.speak(ACK | PSH, HELLO)
        client.hear(lambda heard: heard.ack == client.seq)


def test_a_handshake_that_is_under_way_goes_on(host: Host) -> None:
    """The reset is the one that proves, and its own end of the handshake stays: only the front hears of it."""
    client = host.newcomer(TSVAL)
    client.open()
    assert state_of(host.net, client) == SYN_RECEIVED
    answers = [one for one in challenged(client, client.ack - 1) if not is_syn_ack(one)]
    assert all(one.seq == client.ack + FAR & LOW_32 for one in answers if one.is_reset)
    assert state_of(host.net, client) == SYN_RECEIVED
    client.speak(ACK)
    made = host.accepted(client)
    made.sendall(HELLO)
    assert client.hear(lambda heard: heard.payload == HELLO)
