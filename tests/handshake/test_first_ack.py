"""The client's first ACK is lost, comes twice, comes late, brings data or a FIN along, or is a lie. Segments by hand.

A stateless front cannot send its SYN-ACK again, so nothing here may depend on that one ACK: whatever segment of the client
arrives first, in order, brings the cookie.
"""

from __future__ import annotations

import pytest
from naive.frames import ACK, FIN, PSH, RST

from handshake.raw import ALL_OPTIONS, LOW_32, PLAIN_OPTIONS, Peer, Wire
from handshake.stage import GREET, TALK, Stage
from hardtack.packet.reasons import Reason

ASK = b"info\n"
offers = pytest.mark.parametrize("carried", [ALL_OPTIONS, PLAIN_OPTIONS, b""], ids=["all", "plain", "none"])


@pytest.fixture
def peer(wire: Wire, version: int) -> Peer:
    """A connection yet to be opened, to the talker."""
    return Peer(wire, version, TALK)


@offers
def test_as_it_should_be(stage: Stage, peer: Peer, carried: bytes) -> None:
    with stage.counting() as seen:
        peer.syn(carried)
        peer.send(ACK)
        assert peer.ask()["peer"] == [peer.source, peer.source_port]
    assert seen.cookies() == (1, 1, 0)


@offers
def test_lost_and_data_comes_first(stage: Stage, peer: Peer, carried: bytes) -> None:
    with stage.counting() as seen:
        peer.syn(carried)
        assert peer.ask()["peer"] == [peer.source, peer.source_port]
    assert seen.cookies() == (1, 1, 0)


def test_late_behind_the_data(stage: Stage, peer: Peer) -> None:
    peer.syn()
    late = peer.frame(ACK)
    with stage.counting() as seen:
        peer.send(ACK | PSH, ASK)
        peer.wire.send(late)
        peer.hear_line()
    assert seen.cookies() == (0, 1, 0)
    assert seen.agent[Reason.known] >= 1


@pytest.mark.parametrize("copies", [2, 10])
def test_duplicated(stage: Stage, peer: Peer, copies: int) -> None:
    """All at once, so that some may meet the first one still at work."""
    with stage.counting() as seen, stage.events() as events:
        peer.syn()
        peer.wire.send(*[peer.frame(ACK)] * copies)
        peer.ask()
    assert seen.cookies() == (1, 1, 0)
    assert events["TcpPassiveOpens"] == 1


def test_data_duplicated(stage: Stage, peer: Peer) -> None:
    with stage.events() as events:
        peer.syn()
        peer.wire.send(*[peer.frame(ACK | PSH, ASK)] * 3)
        peer.hear_line()
    assert events["TcpPassiveOpens"] == 1


def test_the_syn_is_sent_again_and_either_answer_will_do(stage: Stage, peer: Peer) -> None:
    with stage.counting() as seen:
        first = peer.syn()
        assert peer.syn().ack == first.ack
        peer.send(ACK)
        assert peer.ask()["peer"] == [peer.source, peer.source_port]
    assert seen.cookies() == (2, 1, 0)


@offers
def test_the_fin_is_right_behind(peer: Peer, carried: bytes) -> None:
    peer.syn(carried)
    peer.wire.send(peer.frame(ACK), peer.frame(ACK | PSH, ASK), peer.frame(ACK | FIN, seq=peer.seq + len(ASK)))
    assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
    end = (peer.seq + len(ASK) + 1) & LOW_32
    assert peer.hear(lambda heard: heard.ack == end), "all of it has arrived"
    assert peer.hear(lambda heard: bool(heard.flags & FIN))


@offers
def test_data_and_fin_in_the_first_segment(peer: Peer, carried: bytes) -> None:
    peer.syn(carried)
    peer.send(ACK | PSH | FIN, ASK)
    assert peer.hear_line()["peer"] == [peer.source, peer.source_port]


def test_nothing_but_a_fin(peer: Peer) -> None:
    peer.syn()
    peer.send(ACK | FIN)
    assert peer.hear(lambda heard: bool(heard.flags & FIN))
    assert peer.hear(lambda heard: heard.ack == peer.seq)


def test_a_client_that_gives_up_leaves_nothing(stage: Stage, peer: Peer) -> None:
    with stage.counting() as seen, stage.events() as events:
        peer.syn()
        peer.wire.send(peer.frame(RST))  # as kernels do that know nothing of the connection
        peer.wire.send(peer.frame(RST | ACK))
        peer.wire.settle()
    assert seen.front[Reason.stray_rst] == 2
    assert seen.cookies() == (1, 0, 0)
    assert events["TcpPassiveOpens"] == 0


def test_where_the_server_speaks_first_it_does_once_the_ack_is_there(wire: Wire, version: int) -> None:
    peer = Peer(wire, version, GREET)
    peer.syn()
    peer.send(ACK)
    assert peer.hear(lambda heard: bool(heard.payload)).payload == b"220 hello\n"


def test_where_the_server_speaks_first_a_lost_ack_means_silence_until_the_client_speaks(
    stage: Stage, wire: Wire, version: int
) -> None:
    peer = Peer(wire, version, GREET)
    with stage.counting() as seen:
        peer.syn()
        wire.settle()
        assert [heard.payload for heard in peer.heard()] == [b""], "nobody has told the server"
        peer.send(ACK | PSH, b"EHLO me\n")
        assert peer.hear(lambda heard: bool(heard.payload)).payload == b"220 hello\n"
    assert seen.cookies() == (1, 1, 0)


def test_where_the_server_speaks_first_and_the_ack_is_lost_a_keepalive_does_not_help(
    stage: Stage, wire: Wire, version: int
) -> None:
    """Its sequence number is one short (RFC 9293 3.8.4): not the SYN's, so the cookie cannot hold."""
    peer = Peer(wire, version, GREET)
    peer.syn()
    with stage.counting() as seen:
        wire.send(peer.frame(ACK, seq=peer.isn))
        wire.settle()
    assert (seen.cookies(), seen.front[Reason.stray_ack]) == ((0, 0, 0), 1)
    peer.send(ACK)
    assert peer.hear(lambda heard: bool(heard.payload)).payload == b"220 hello\n"


def test_a_segment_beyond_a_gap_waits_for_the_one_before_it(stage: Stage, peer: Peer) -> None:
    """ACK and first data lost, the second arrives: its sequence number is not the SYN's plus one, and nothing is known."""
    peer.syn()
    with stage.counting() as seen:
        peer.wire.send(peer.frame(ACK | PSH, ASK[2:], seq=peer.seq + 2))
        peer.wire.settle()
    assert (seen.cookies(), seen.front[Reason.stray_data]) == ((0, 0, 0), 1)
    peer.send(ACK | PSH, ASK[:2])  # a client sends again from the first that is not acknowledged
    peer.send(ACK | PSH, ASK[2:])
    assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
