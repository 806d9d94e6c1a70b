"""Every way to a host carries what connections are made of, both IP versions, with real kernels at both ends."""

from __future__ import annotations

import shutil
import socket
import struct

import pytest
from handshake.counted import counts
from handshake.raw import Peer, wired
from handshake.stage import HTTP, PATIENCE, TALK
from lab_ground import eventually
from naive.frames import ACK

from fronts.running import counting, goes_straight, wait_for_ends
from fronts.town import MSS, WAYS, Town, Way
from hardtack.lab import tcp_info
from hardtack.lab.addresses import CLIENT
from hardtack.lab.capture import capturing
from hardtack.lab.clients import connect, curl, download, ping, server_socket, stream, upload
from hardtack.lab.lab import NAMED_PORTS
from hardtack.lab.links import Interface
from hardtack.lab.servers import BIG, SMALL, bracketed, nginx_program
from hardtack.lab.talker import pattern
from hardtack.packet.reasons import Reason

SIZE = 3_000_000  # bytes
STREAM = 20_000_000
ROUTED = ("kernel", "direct")  # where the front is a router: a hop
STRAIGHT = ("direct", "mac", "one-armed")  # where frames pass the kernel by
TTL = 57  # of naive's frames
TIMESTAMPS = 12  # bytes of each segment


@pytest.fixture(params=WAYS)
def way(place: Town, request: pytest.FixtureRequest, version: int) -> Way:
    """Each way, by each IP version."""
    return place.way(request.param, version)


@pytest.mark.skipif(not nginx_program(), reason="nginx is not installed")
def test_http(place: Town, way: Way) -> None:
    with counting(way.outside) as seen:
        for page, size in (("small", SMALL), ("big", BIG)):
            got = curl(place.site.client, f"http://{bracketed(way.address)}:{HTTP}/{page}", timeout=PATIENCE)
            assert (got.status, got.error, got.body == pattern(size)) == (200, "", True)
    assert (seen[Reason.answered], seen[Reason.remembered]) == (2, 2)
    assert seen[Reason.connection] > 0 and seen[Reason.outbound] > 0


def test_transfers_are_whole_both_ways(place: Town, way: Way) -> None:
    upload(place.site.client, way.address, TALK, SIZE, timeout=PATIENCE)
    download(place.site.client, way.address, TALK, SIZE, timeout=PATIENCE)


def test_each_host_has_its_mss(place: Town, way: Way, version: int) -> None:
    with connect(place.site.client, way.address, TALK, timeout=PATIENCE) as connection:
        usual = 1460 if version == 4 else 1440
        assert tcp_info.read(connection).send_mss == (MSS if way.name == "one-armed" else usual) - TIMESTAMPS


@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed")
@pytest.mark.parametrize("back", [False, True], ids=["to the host", "from the host"])
def test_streams(place: Town, way: Way, back: bool) -> None:
    assert stream(place.site.client, way.address, STREAM, back=back) > (STREAM - 1 if back else STREAM // 10)


def test_what_goes_straight_passes_the_kernel_by(place: Town, way: Way) -> None:
    """Of a network as soon as the way is learned."""
    if way.name in STRAIGHT:
        assert eventually(lambda: goes_straight(place.site.client, way.address, way.outside), PATIENCE)
    else:
        assert not goes_straight(place.site.client, way.address, way.outside)


def test_frames_arrive_as_they_should(place: Town, way: Way, version: int) -> None:
    """A router takes a hop, and is the sender; a switch takes none. What is local is not touched."""
    site = place.site
    router = site.two if way.name == "local" else site.one
    with wired(site.seen_by(router)) as wire, capturing(way.arrival) as frames:
        peer = Peer(wire, version, TALK, to=way.address)
        peer.syn()
        peer.send(ACK)
        assert peer.ask()["peer"] == [peer.source, peer.source_port]
        peer.leave()
        [question] = frames.wait_for(lambda frame: frame.endswith(b"info\n"))
    assert question[:12] == way.arrival.mac + sender(place, way).mac
    assert question[22 if version == 4 else 21] == TTL - (way.name in ROUTED)


def sender(place: Town, way: Way) -> Interface:
    """The interface that frames for the host come from."""
    if way.name == "local":
        return place.site.near
    return place.site.one.outside if way.name == "one-armed" else place.site.one.inside


def test_connections_that_hosts_open(place: Town, way: Way, version: int) -> None:
    """All of the host's ports are protected, also the one that it connects from."""
    to = CLIENT[version == 6]
    with counting(way.outside) as seen:
        facts = server_socket(way.host, to, TALK, source=way.address, timeout=PATIENCE)
        assert facts["timestamps"] and facts["sack"] and facts["peer"][0] == way.address
        download(way.host, to, TALK, SIZE, source=way.address, timeout=PATIENCE)
        upload(way.host, to, TALK, SIZE, source=way.address, timeout=PATIENCE)
    assert seen[Reason.taught] == 3
    assert seen[Reason.stray_syn_ack] == seen[Reason.stray_data] == seen[Reason.stray_ack] == 0


def test_a_connection_that_hosts_open_is_refused_at_once(place: Town, way: Way, version: int) -> None:
    """The client's reset comes through: its sequence number is not known yet, but it acknowledges the host's SYN."""
    with pytest.raises(ConnectionRefusedError):
        connect(way.host, CLIENT[version == 6], 9, source=way.address, timeout=PATIENCE)


@pytest.mark.parametrize("ending", ["by the host", "by the client", "by a reset"])
def test_a_port_is_used_again_and_again(place: Town, way: Way, ending: str) -> None:
    port = NAMED_PORTS[hash((way.name, way.address, ending)) % 9_000]
    for _ in range(5):
        with connect(place.site.client, way.address, TALK, source_port=port, timeout=PATIENCE) as connection:
            if ending == "by the host":
                connection.sendall(b"info\n")
                while connection.recv(4096):
                    continue
            else:
                connection.sendall(b"echo\nhello")
                assert connection.recv(5, socket.MSG_WAITALL) == b"hello"
                if ending == "by a reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.shutdown(socket.SHUT_WR)
                    assert connection.recv(1) == b""
        wait_for_ends(place.site.client)
        if ending == "by the client":
            port += 1  # its own kernel keeps the last one in TIME_WAIT


@pytest.mark.parametrize("name", WAYS)
def test_pings_go_by_the_hosts_default(place: Town, name: str, version: int) -> None:
    way = place.way(name, version)
    drops = name == "mac"
    with counting(way.outside) as seen:
        assert ping(place.site.client, way.address, timeout=0.2 if drops else PATIENCE) != drops
    assert seen[Reason.default_drop] == drops
    assert (seen[Reason.default_pass] > 0) != drops


@pytest.mark.parametrize("name", WAYS)
def test_datagrams_go_by_the_hosts_default(place: Town, name: str, version: int) -> None:
    way = place.way(name, version)
    with way.host.call(receiver, way.address) as there, place.site.client.call(sending, version) as here:
        with counting(way.outside) as seen:
            here.sendto(b"hello", there.getsockname()[:2])
            if name != "mac":
                assert there.recv(100) == b"hello"
        assert counts(way.outside)[Reason.default_drop] >= seen[Reason.default_drop] == (name == "mac")


def receiver(address: str) -> socket.socket:
    """Where datagrams arrive."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(PATIENCE)
    made.bind((address, 0))
    return made


def sending(version: int) -> socket.socket:
    """Where they come from."""
    return socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
