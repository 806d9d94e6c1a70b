"""Cookies that are not what the front gave this client for this connection: the kernel answers with a reset."""

from __future__ import annotations

import pytest
from naive.frames import ACK, SYN

from handshake.raw import ALL_OPTIONS, PLAIN_OPTIONS, Peer, Wire
from handshake.stage import SECOND_ADDRESSES, SILENT, SPARE, TALK, Stage
from hardtack.packet.reasons import Reason

PROOF_IN_TIMESTAMP = 7  # bits of TSecr


@pytest.mark.parametrize("carried", [ALL_OPTIONS, PLAIN_OPTIONS], ids=["timestamps", "no timestamps"])
def test_every_single_bit_of_the_cookie_counts(stage: Stage, wire: Wire, version: int, carried: bytes) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn(carried)
    with stage.counting() as seen:
        for bit in range(32):
            wrong = ((peer.ack - 1) ^ 1 << bit) + 1
            wire.send(peer.frame(ACK, ack=wrong))
            assert peer.hear(lambda heard: not heard.flags & SYN, number=bit + 1).is_reset
    assert seen.cookies() == (0, 0, 32)
    peer.send(ACK)
    assert peer.ask()["peer"] == [peer.source, peer.source_port], "the right one still does"


def test_the_timestamps_proof_counts(stage: Stage, wire: Wire, version: int) -> None:
    peer = Peer(wire, version, TALK)
    echo = peer.syn().offer.tsval
    assert echo is not None
    with stage.counting() as seen:
        for bit in range(PROOF_IN_TIMESTAMP):
            peer.echo = echo ^ 1 << bit
            wire.send(peer.frame(ACK))
        wire.settle()
    assert seen.cookies() == (0, 0, PROOF_IN_TIMESTAMP)
    peer.echo = echo
    peer.send(ACK)
    assert peer.ask()["timestamps"]


@pytest.mark.parametrize("what", ["isn", "source_port", "source", "port", "to", "timestamps"])
def test_it_is_good_for_its_own_connection_only(stage: Stage, wire: Wire, version: int, what: str) -> None:
    peer = Peer(wire, version, TALK)
    peer.syn()
    other = {
        "isn": (peer.isn + 1) & 0xFFFFFFFF,
        "source_port": peer.source_port ^ 1,
        "source": "198.19.0.1" if version == 4 else "2001:db8:f100::1:1",
        "port": 80,
        "to": SECOND_ADDRESSES[version],
    }
    if what == "timestamps":
        peer.echo = None
    elif what == "isn":
        peer.seq = (peer.seq + 1) & 0xFFFFFFFF
    else:
        setattr(peer, what, other[what])
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
