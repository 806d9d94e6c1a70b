"""The lab's networks carry traffic, its servers serve, its clients offer what they are told, and its counters add up."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

import pytest
from lab_ground import eventually, needs_root

from hardtack.lab import arrivals, capture, clients, counters, cpu, flood, patrol, servers, tcp_info, topology
from hardtack.lab.addresses import CLIENT, FRONT, SECOND, SERVER
from hardtack.lab.namespaces import LabError
from hardtack.lab.packets.recipe import Target
from hardtack.lab.process import run
from hardtack.lab.topology import Topology

pytestmark = needs_root
needs_nginx = pytest.mark.skipif(not servers.nginx_program(), reason="nginx is not installed")

TALK, GREET, SHARED, DUAL = 7, 25, 70, 77


@pytest.fixture(scope="module", params=["routed", "local"])
def net(request: pytest.FixtureRequest) -> Iterator[Topology]:
    """Both topologies, with talkers on the server."""
    with (
        getattr(topology, request.param)() as made,
        servers.talker(made.server, SERVER + SECOND, [TALK]),
        servers.talker(made.server, SERVER, [GREET], greeting="220 hello"),
        servers.talker(made.server, SERVER, [SHARED], listeners=4),
        servers.talker(made.server, ["::"], [DUAL]),
    ):
        yield made


@pytest.mark.parametrize("address", [*FRONT, *SERVER, *SECOND])
def test_every_address_answers_a_ping(net: Topology, address: str) -> None:
    assert clients.ping(net.client, address)


def test_an_address_that_nobody_has_does_not(net: Topology) -> None:
    assert not clients.ping(net.client, "198.51.100.77", timeout=0.1)


def test_links_have_the_queues_asked_for() -> None:
    with topology.local(queues=2) as net:
        for interface in net.interfaces():
            listed = run(["ls", f"/sys/class/net/{interface.name}/queues"], interface.namespace, sysfs=True).stdout
            assert listed.split() == [b"rx-0", b"rx-1", b"tx-0", b"tx-1"]


def test_forwarding_is_on_only_where_there_is_a_router(net: Topology) -> None:
    assert net.front.read_sysctl("net.ipv4.ip_forward") == ("0" if net.is_local else "1")


@needs_nginx
@pytest.mark.parametrize("address", SERVER)
def test_nginx_serves(net: Topology, address: str) -> None:
    with servers.nginx(net.server, SERVER, [80, 8080], access_log=True) as nginx:
        for port, path, size in ((80, "small", servers.SMALL), (8080, "big", servers.BIG)):
            got = clients.curl(net.client, f"http://{servers.bracketed(address)}:{port}/{path}")
            assert (got.status, len(got.body), got.error) == (200, size, "")
            assert 0 < got.connect <= got.total
        assert clients.curl(net.client, f"http://{servers.bracketed(address)}/nothing").status == 404
        assert "No such file" in nginx.log
    assert not nginx.folder.exists()
    assert "(7)" in clients.curl(net.client, f"http://{servers.bracketed(address)}/small").error  # nobody listens


@needs_nginx
def test_nginx_that_cannot_listen_says_so(net: Topology) -> None:
    with pytest.raises(LabError, match="nginx does not listen"), servers.nginx(net.server, ["192.0.2.99"]):
        pass


OFFERS = list(itertools.product((True, False), repeat=4))


@pytest.mark.parametrize("address", SERVER)
@pytest.mark.parametrize(("timestamps", "sack", "scale", "ecn"), OFFERS)
def test_the_servers_socket_shows_what_the_client_offered(
    net: Topology, address: str, timestamps: bool, sack: bool, scale: bool, ecn: bool
) -> None:
    clients.offer(net.client, timestamps=timestamps, sack=sack, scale=scale, ecn=ecn)
    try:
        seen = clients.server_socket(net.client, address, TALK)
    finally:
        clients.offer(net.client)
    assert (seen["timestamps"], seen["sack"], seen["window_scaling"], seen["ecn"]) == (timestamps, sack, scale, ecn)
    assert bool(seen["send_scale"]) == scale
    assert seen["send_mss"] == (1460 if ":" not in address else 1440) - (12 if timestamps else 0)
    assert seen["peer"][0] == CLIENT[":" in address] and seen["here"] == [address, TALK]


def test_tcp_info_as_the_kernel_lays_it_out() -> None:
    head = bytes([1, 0, 0, 0, 0, 0b1011, 0x97, 0])
    info = tcp_info.parse(head + struct.pack("=24I", *range(100, 124)) + b"more in newer kernels")
    assert (info.timestamps, info.sack, info.window_scaling, info.ecn) == (True, True, False, True)
    assert (info.send_scale, info.receive_scale) == (7, 9)
    assert (info.send_mss, info.receive_mss, info.rtt_us, info.advertised_mss) == (102, 103, 115, 119)
    assert info.retransmitted == 123


@pytest.mark.parametrize("address", [*SERVER, *SECOND])
def test_transfers_are_whole_both_ways(net: Topology, address: str) -> None:
    clients.upload(net.client, address, TALK, 2_000_001)
    clients.download(net.client, address, TALK, 2_000_001)


def test_echo(net: Topology) -> None:
    with clients.connect(net.client, SERVER[0], TALK) as connection:
        connection.sendall(b"echo\nas it was")
        connection.shutdown(socket.SHUT_WR)
        assert clients.read_all(connection) == b"as it was"


@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed")
@pytest.mark.parametrize("address", SERVER)
def test_streams(net: Topology, address: str) -> None:
    size = 20_000_000
    with servers.iperf3(net.server):
        assert clients.stream(net.client, address, size, back=True) >= size
        assert clients.stream(net.client, address, size) > size / 10


@pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed")
@pytest.mark.parametrize("address", SERVER)
def test_arrivals_are_counted_by_source(net: Topology, address: str) -> None:
    everybody = [f"{CLIENT[0]}/24", f"{CLIENT[1]}/64"]
    with arrivals.counting_arrivals(net.server, everybody) as came:
        assert clients.ping(net.client, address)
        assert came.count() > 0
    with arrivals.counting_arrivals(net.server) as came:
        assert clients.ping(net.client, address)
        assert came.count() == 0
        whom = Target(address, 80, net.near.mac, net.outside.mac)
        with flood.flooding(net.near, whom, seconds=30, kind="mixed", rate=5_000, count=200) as storm:
            storm.wait(40)
            assert eventually(lambda: came.count() == 200)


@pytest.mark.parametrize("address", SERVER)
def test_a_server_that_speaks_first(net: Topology, address: str) -> None:
    with clients.connect(net.client, address, GREET) as connection:
        assert connection.recv(100) == b"220 hello\n"


def test_listeners_that_share_a_port_all_get_connections(net: Topology) -> None:
    seen = {clients.server_socket(net.client, SERVER[0], SHARED)["listener"] for _ in range(64)}
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("address", SERVER)
def test_a_dual_stack_listener(net: Topology, address: str) -> None:
    seen = clients.server_socket(net.client, address, DUAL)
    here = IPv6Address(seen["here"][0])
    assert (here.ipv4_mapped or here) == ip_address(address)


def test_a_patient_clients_last_ack_carries_data(net: Topology) -> None:
    with capture.capturing(net.outside) as seen:
        clients.server_socket(net.client, SERVER[0], TALK, patient=True, source_port=5555)
        segments = seen.wait_for(lambda frame: frame[12:14] == b"\x08\0" and frame[34:36] == (5555).to_bytes(2, "big"), 2)
    assert segments[0][47] == 0x02  # SYN
    assert segments[1].endswith(b"info\n")


def test_a_connections_numbers_are_what_its_next_segment_has(net: Topology) -> None:
    """A kernel that is asked for them goes on as before."""
    with (
        capture.capturing(net.near, outgoing=True) as seen,
        clients.connect(net.client, SERVER[0], TALK) as session,
    ):
        for word in (b"echo\n", b"one", b"three"):
            told = clients.numbers(session)
            session.sendall(word)
            (frame,) = seen.wait_for(lambda frame, word=word: frame.endswith(word))  # type: ignore[misc]
            assert struct.unpack("!II", frame[38:46]) == told
            if word != b"echo\n":
                assert session.recv(len(word), socket.MSG_WAITALL) == word


def test_captures_see_one_direction(net: Topology) -> None:
    with capture.capturing(net.near) as came, capture.capturing(net.near, outgoing=True) as went:
        assert clients.ping(net.client, SERVER[0])
        request = went.wait_for(lambda frame: frame[23:24] == b"\x01")[0]
        reply = came.wait_for(lambda frame: frame[23:24] == b"\x01")[0]
    assert (request[34], reply[34]) == (8, 0)
    assert request[:12] == net.outside.mac + net.near.mac
    assert reply[:12] == net.near.mac + net.outside.mac


def test_frames_are_counted_alike_at_both_ends(net: Topology) -> None:
    clients.download(net.client, SERVER[0], TALK, 500_000)
    ends = (net.near, net.outside)

    def balanced() -> bool:
        near, outside = (counters.traffic(end) for end in ends)
        return (near.sent, near.sent_bytes, near.received) == (outside.received, outside.received_bytes, outside.sent)

    assert eventually(balanced)
    assert counters.traffic(net.near).received_bytes > 500_000


def test_connections_are_counted_by_both_kernels(net: Topology) -> None:
    opened, accepted = (counters.tcp_events(place) for place in (net.client, net.server))
    for _ in range(5):
        clients.server_socket(net.client, SERVER[0], TALK)
    assert counters.tcp_events(net.client)["TcpActiveOpens"] - opened["TcpActiveOpens"] == 5
    assert counters.tcp_events(net.server)["TcpPassiveOpens"] - accepted["TcpPassiveOpens"] == 5


def test_a_receiving_thread_can_be_pinned_and_its_time_read(net: Topology) -> None:
    last = max(os.sched_getaffinity(0))
    threads = cpu.thread_receivers(net.outside, last)
    assert len(threads) == 1 and os.sched_getaffinity(threads[0]) == {last}
    before = cpu.nanoseconds(threads[0])
    clients.upload(net.client, SERVER[0], TALK, 500_000)
    assert cpu.nanoseconds(threads[0]) > before
    assert os.sched_getscheduler(threads[0]) == os.SCHED_OTHER
    assert cpu.thread_receivers(net.outside, realtime=True) == threads
    assert os.sched_getscheduler(threads[0]) == os.SCHED_FIFO


def test_busy_ticks_are_some_of_all_ticks() -> None:
    busy, every = cpu.busy(0)
    assert 0 < busy <= every
    with pytest.raises(LookupError, match="cpu9999"):
        cpu.busy(9999)


@needs_nginx
def test_a_patrol_in_calm(net: Topology) -> None:
    places = [(address, 80) for address in SERVER]
    with servers.nginx(net.server, SERVER, access_log=True) as nginx:
        with patrol.patrolling(net.client, places, "/small", servers.SMALL, workers=4, interval=0.2) as walking:
            assert eventually(lambda: len(walking.reports()) >= 3)
        served = (nginx.folder / "access.log").read_text().count('"GET /small HTTP/1.1" 200 1000')
    result = walking.result()
    assert result.failed == 0
    assert result.succeeded == len(result.connect_us) == len(result.total_us) == served > 8
    assert 0 < result.connect_ms(0) <= result.connect_ms(50) <= result.connect_ms(99)


@needs_nginx
def test_a_patrol_counts_every_kind_of_failure(net: Topology) -> None:
    with servers.nginx(net.server, SERVER):
        for place, path, kind in (
            ((SERVER[0], 80), "/big", "wrong length"),
            ((SERVER[0], 80), "/nothing", "wrong status"),
            ((SERVER[1], 81), "/small", "ConnectionRefusedError"),
            (("198.51.100.77", 80), "/small", "OSError"),  # no neighbour answers
        ):
            with patrol.patrolling(net.client, [place], path, servers.SMALL, workers=1, interval=0.1) as walking:
                assert eventually(lambda walking=walking: walking.result().failed > 0)  # type: ignore[misc]
            assert set(walking.result().failures) <= {kind, "timeout"}
            assert walking.result().succeeded == 0


def test_a_patrol_without_results() -> None:
    assert patrol.Result().connect_ms(50) != patrol.Result().connect_ms(50)  # NaN
    result = patrol.Result()
    for line in ('{"seconds":1,"succeeded":1,"failures":{"timeout":2},"connect_us":[1500],"total_us":[1]}',) * 2:
        result.add(json.loads(line))
    assert (result.failures, result.failed, result.connect_ms(99)) == ({"timeout": 4}, 4, 1.5)
