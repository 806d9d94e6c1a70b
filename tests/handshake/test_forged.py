"""Cookies that are not what the front gave this client for this connection: the front drops them.

The agent does not count on that. What comes past the front it judges by itself, and the kernel answers with a reset.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from naive.frames import ACK, SYN

from handshake.raw import ALL_OPTIONS, PLAIN_OPTIONS, Peer, Wire, wired
from handshake.stage import SECOND_ADDRESSES, SILENT, SPARE, TALK, Stage
from hardtack.packet.reasons import Reason

PROOF_IN_TIMESTAMP = 7  # bits of TSecr
OTHERS = ["isn", "source_port", "source", "port", "to", "timestamps"]

two_machines = pytest.mark.parametrize("whole_stage", ["routed"], indirect=True)
offers = pytest.mark.parametrize("carried", [ALL_OPTIONS, PLAIN_OPTIONS], ids=["timestamps", "no timestamps"])


@pytest.fixture
def past(stage: Stage) -> Iterator[Wire]:
    """A way to the server that no front is on."""
    with wired(stage.net, past_the_front=True) as made:
        yield made


def wrong_bits(peer: Peer) -> list[bytes]:
    """The ACK with each bit of the cookie wrong in turn."""
    return [peer.frame(ACK, ack=((peer.ack - 1) ^ 1 << bit) + 1) for bit in range(32)]


def wrong_echoes(peer: Peer, echo: int) -> list[bytes]:
    """The ACK with each bit of the timestamp's proof wrong in turn; the peer itself has the right one in the end."""
    frames = []
    for bit in range(PROOF_IN_TIMESTAMP):
        peer.echo = echo ^ 1 << bit
        frames.append(peer.frame(ACK))
    peer.echo = echo
    return frames


@offers
def test_every_single_bit_of_the_cookie_counts(stage: Stage, wire: Wire, version: int, carried: bytes) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn(carried)
    with stage.counting() as seen:
        wire.send(*wrong_bits(peer))
        wire.settle()
    assert (seen.cookies(), seen.front[Reason.stray_ack]) == ((0, 0, 0), 32)
    peer.send(ACK)
    assert peer.ask()["peer"] == [peer.source, peer.source_port], "the right one still does"


@two_machines
@offers
def test_every_single_bit_counts_for_the_agent(stage: Stage, wire: Wire, past: Wire, version: int, carried: bytes) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn(carried)
    peer.wire = past
    with stage.counting() as seen:
        for number, frame in enumerate(wrong_bits(peer), 1):
            past.send(frame)
            assert peer.hear(lambda heard: not heard.flags & SYN, number=number).is_reset
    assert seen.cookies() == (0, 0, 32)
    peer.send(ACK)
    assert peer.ask()["peer"] == [peer.source, peer.source_port], "the right one still does"


def test_the_timestamps_proof_counts(stage: Stage, wire: Wire, version: int) -> None:
    peer = Peer(wire, version, TALK)
    echo = peer.syn().offer.tsval
    assert echo is not None
    with stage.counting() as seen:
        wire.send(*wrong_echoes(peer, echo))
        wire.settle()
    assert (seen.cookies(), seen.front[Reason.stray_ack]) == ((0, 0, 0), PROOF_IN_TIMESTAMP)
    peer.send(ACK)
    assert peer.ask()["timestamps"]


@two_machines
def test_the_timestamps_proof_counts_for_the_agent(stage: Stage, wire: Wire, past: Wire, version: int) -> None:
    peer = Peer(wire, version, TALK)
    echo = peer.syn().offer.tsval
    assert echo is not None
    peer.wire = past
    with stage.counting() as seen:
        past.send(*wrong_echoes(peer, echo))
        past.settle()
    assert seen.cookies() == (0, 0, PROOF_IN_TIMESTAMP)
    peer.send(ACK)
    assert peer.ask()["timestamps"]


def another(peer: Peer, what: str) -> None:
    """Make it another connection, with the cookie of the one that it was."""
    others = {
        "source_port": peer.source_port ^ 1,
        "source": "198.19.0.1" if peer.version == 4 else "2001:db8:f100::1:1",
        "port": 80,
        "to": SECOND_ADDRESSES[peer.version],
    }
    if what == "timestamps":
        peer.echo = None
    elif what == "isn":
        peer.seq = (peer.seq + 1) & 0xFFFFFFFF
    else:
        setattr(peer, what, others[what])


@pytest.mark.parametrize("what", OTHERS)
def test_it_is_good_for_its_own_connection_only(stage: Stage, wire: Wire, version: int, what: str) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn()
    another(peer, what)
    with stage.counting() as seen:
        peer.send(ACK)
        wire.settle()
    assert (seen.cookies(), seen.front[Reason.stray_ack]) == ((0, 0, 0), 1)


@two_machines
@pytest.mark.parametrize("what", OTHERS)
def test_it_is_good_for_its_own_connection_only_for_the_agent(
    stage: Stage, wire: Wire, past: Wire, version: int, what: str
) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn()
    another(peer, what)
    peer.wire = past
    with stage.counting() as seen:
        peer.send(ACK)
        assert peer.is_reset()
    assert seen.cookies() == (0, 0, 1)


@pytest.mark.parametrize("port", [SILENT, SPARE[0]])
def test_where_nobody_listens_the_kernel_says_so(stage: Stage, wire: Wire, version: int, port: int) -> None:
    peer = Peer(wire, version, port)
    with stage.counting() as seen:
        peer.syn()
        peer.send(ACK)
        assert peer.is_reset()
    assert seen.cookies() == (1, 0, 0)
    assert seen.agent[Reason.no_listener] == 1
    assert seen.front[Reason.outbound_refused] == 1, "and the front forgets what it has remembered"
