"""After the handshake the server's socket shows exactly what the client offered: the cookie has kept it."""

from __future__ import annotations

import socket
import struct
from itertools import product

import pytest
from naive import parse
from naive.cookie import MSS_TABLE
from naive.frames import ACK, SYN

from handshake.raw import Peer, Wire
from handshake.stage import ADDRESSES, PATIENCE, TALK, Stage
from hardtack.lab import tcp_info
from hardtack.lab.capture import capturing
from hardtack.lab.clients import offer
from hardtack.packet.reasons import Reason

ON_AND_OFF = list(product([True, False], repeat=4))
NAMES = ["".join(letter if on else "-" for letter, on in zip("TSWE", row, strict=True)) for row in ON_AND_OFF]
TIMESTAMPS_SIZE = 12  # bytes of each segment, once in use
OUR_SCALE = 7
ROOM = {4: 1460, 6: 1440}  # bytes of payload in 1,500
OFFERED_MSS = {
    4: (536, 700, 1023, 1024, 1299, 1300, 1301, 1359, 1420, 1439, 1440, 1452, 1459),
    6: (1220, 1300, 1340, 1419, 1420, 1432, 1439),
}


@pytest.mark.parametrize(("timestamps", "sack", "scale", "ecn"), ON_AND_OFF, ids=NAMES)
def test_every_combination(stage: Stage, version: int, timestamps: bool, sack: bool, scale: bool, ecn: bool) -> None:
    offer(stage.net.client, timestamps=timestamps, sack=sack, scale=scale, ecn=ecn)
    with stage.counting() as seen, stage.connect(version, TALK) as connection:
        facts = stage.info(connection)
        client = tcp_info.read(connection)
    assert seen.cookies() == (1, 1, 0)
    assert (facts["timestamps"], facts["sack"], facts["window_scaling"]) == (timestamps, sack, scale)
    assert facts["ecn"] == (ecn and timestamps), "without timestamps there is no room for it in the cookie"
    assert facts["send_mss"] == facts["advertised_mss"] == ROOM[version] - TIMESTAMPS_SIZE * timestamps
    # What either side tells of its window, the other believes.
    assert (facts["send_scale"], facts["receive_scale"]) == (client.receive_scale, client.send_scale)
    assert (client.receive_scale > 0, client.send_scale) == (scale, OUR_SCALE * scale)
    assert (client.timestamps, client.sack, client.ecn) == (timestamps, sack, ecn and timestamps)
    assert facts["retransmitted"] == client.retransmitted == 0
    here, peer = connection_ends(facts)
    assert (here, peer[0]) == ((ADDRESSES[version], TALK), stage.client_address(version))


def connection_ends(facts: dict[str, list[object]]) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Where the server says that a connection is, and from where."""
    return tuple(facts["here"]), tuple(facts["peer"])


@pytest.mark.parametrize("scale", [*range(15), 15, 255])
def test_every_window_scale(wire: Wire, version: int, scale: int) -> None:
    peer = Peer(wire, version, TALK)
    assert peer.syn(struct.pack("!BBBB", 1, 3, 3, scale)).offer.scale == OUR_SCALE
    peer.send(ACK)
    assert peer.ask()["send_scale"] == min(scale, 14)  # RFC 7323 2.3


@pytest.mark.parametrize("timestamps", [True, False])
def test_no_segment_is_longer_than_the_client_takes(stage: Stage, version: int, timestamps: bool) -> None:
    offer(stage.net.client, timestamps=timestamps)
    for mss in OFFERED_MSS[version]:
        with stage.net.client.call(limited_socket, version, mss) as connection:
            facts = stage.info(connection)
        values = [value for four in MSS_TABLE[version] for value in (four if timestamps else four[:1])]
        kept = max(value for value in values if value <= mss)
        assert facts["send_mss"] == kept - TIMESTAMPS_SIZE * timestamps


def limited_socket(version: int, mss: int) -> socket.socket:
    """Connected to the talker, with an MSS offered that is smaller than the link's."""
    made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
    made.settimeout(PATIENCE)
    made.connect((ADDRESSES[version], TALK))
    return made


def test_the_server_never_sees_the_syn_nor_makes_a_cookie_of_its_own(stage: Stage, version: int) -> None:
    with capturing(stage.net.far) as frames, stage.events() as counted:
        with stage.connect(version, TALK) as connection:
            stage.info(connection)
        first = parse.parse(frames.wait_for(lambda data: isinstance(parse.parse(data), parse.Segment))[0])
        assert isinstance(first, parse.Segment) and first.flags == ACK
        seen = [segment for data in frames.frames if isinstance(segment := parse.parse(data), parse.Segment)]
    assert not any(segment.flags & SYN for segment in seen)
    assert counted["TcpPassiveOpens"] == 1
    kernels_own = {"TcpExtSyncookiesSent", "TcpExtSyncookiesRecv", "TcpExtSyncookiesFailed", "TcpExtListenOverflows"}
    assert not kernels_own & set(counted)
    assert not any(name.startswith("TcpExtTCPReqQFull") for name in counted)


def test_frames_of_other_kinds_pass(stage: Stage) -> None:
    """What the counters would show if the front took what is not for it to judge."""
    with stage.counting() as seen, stage.connect(4, TALK) as connection:
        stage.info(connection)
    neighbours = {Reason.not_ip, Reason.default_pass, Reason.neighbour, Reason.outbound_other, Reason.not_ours}
    judged = {reason for reason, number in seen.front.items() if number} - neighbours
    assert judged == {Reason.answered, Reason.remembered, Reason.connection, Reason.outbound_first, Reason.outbound}
