"""Listeners of every kind get their connections, and a thousand clients at once get theirs."""

from __future__ import annotations

import select
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from handshake.stage import ADDRESSES, PATIENCE, SECOND_ADDRESSES, SILENT, SPARE, TALK, Stage
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.clients import ask, connect, server_socket
from hardtack.lab.servers import talker
from hardtack.packet.reasons import Reason

CROWD = 1000
REUSED, DUAL, EVERYWHERE, SPECIFIC, SHORT, MULTIPATH = SPARE[:6]
IPPROTO_MPTCP = 262


def test_a_thousand_connections_at_once(stage: Stage, version: int) -> None:
    """All are open before the first one says a word."""
    with stage.counting() as seen:
        opened = stage.net.client.call(open_many, ADDRESSES[version], TALK, CROWD)
        for connection in opened:
            connection.sendall(b"info\n")
        answers = [connection.recv(4096) for connection in opened]
        for connection in opened:
            connection.close()
    assert all(answer.endswith(b"}\n") for answer in answers)
    assert seen.cookies() == (CROWD, CROWD, 0)


def open_many(address: str, port: int, number: int) -> list[socket.socket]:
    """Connections opened all at once: every SYN is out before the first answer is looked at."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opening = [socket.socket(family) for _ in range(number)]
    for made in opening:
        made.setblocking(False)
        made.connect_ex((address, port))
    waiting = select.poll()
    for made in opening:
        waiting.register(made, select.POLLOUT)
    for _ in opening:
        ready = waiting.poll(PATIENCE * 1000)
        assert ready, "a connection that was begun does not come about"
        waiting.unregister(ready[0][0])
    for made in opening:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        made.settimeout(PATIENCE)
    return opening


def test_many_threads_of_clients(stage: Stage, version: int) -> None:
    def client(_: int) -> str:
        return str(server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["peer"][0])

    with stage.counting() as seen, ThreadPoolExecutor(20) as pool:
        assert set(pool.map(client, range(200))) == {stage.client_address(version)}
    assert seen.cookies() == (200, 200, 0)


def test_listeners_that_share_a_port_share_its_connections(stage: Stage, version: int) -> None:
    address = ADDRESSES[version]
    with talker(stage.net.server, [address], [REUSED], listeners=4), stage.counting() as seen:
        took = Counter(server_socket(stage.net.client, address, REUSED, timeout=PATIENCE)["listener"] for _ in range(100))
    assert set(took) == {0, 1, 2, 3}
    assert seen.cookies() == (100, 100, 0)


def test_a_dual_stack_listener_takes_both_families_at_every_address(stage: Stage) -> None:
    with talker(stage.net.server, ["::"], [DUAL]), stage.counting() as seen:
        for address in SERVER + SECOND:
            facts = server_socket(stage.net.client, address, DUAL, timeout=PATIENCE)
            assert facts["here"] == [address if ":" in address else f"::ffff:{address}", DUAL]
            assert facts["timestamps"] and facts["sack"] and facts["window_scaling"]
    assert seen.cookies() == (4, 4, 0)


def test_an_ipv4_listener_at_every_address(stage: Stage) -> None:
    with talker(stage.net.server, ["0.0.0.0"], [EVERYWHERE]), stage.counting() as seen:
        for address in (SERVER[0], SECOND[0]):
            assert server_socket(stage.net.client, address, EVERYWHERE, timeout=PATIENCE)["here"] == [address, EVERYWHERE]
    assert seen.cookies() == (2, 2, 0)


def test_the_listener_with_the_address_comes_before_the_one_without(stage: Stage, version: int) -> None:
    wild = "::" if version == 6 else "0.0.0.0"
    with talker(stage.net.server, [wild, ADDRESSES[version]], [SPECIFIC], listeners=2):
        for address, takers in ((ADDRESSES[version], {2, 3}), (SECOND_ADDRESSES[version], {0, 1})):
            for _ in range(10):
                assert server_socket(stage.net.client, address, SPECIFIC, timeout=PATIENCE)["listener"] in takers


def test_a_listener_of_another_address_gets_nothing(stage: Stage, version: int) -> None:
    with talker(stage.net.server, [SECOND_ADDRESSES[version]], [SPECIFIC]):
        with pytest.raises(ConnectionResetError):
            ask(stage.net.client, ADDRESSES[version], SPECIFIC, b"info\n")
        assert server_socket(stage.net.client, SECOND_ADDRESSES[version], SPECIFIC, timeout=PATIENCE)["listener"] == 0


def test_a_port_without_listener_is_refused_by_the_kernel(stage: Stage, version: int) -> None:
    """Not at the SYN, which never reaches the host, but at the ACK."""
    with stage.counting() as seen, pytest.raises(ConnectionResetError):
        ask(stage.net.client, ADDRESSES[version], SILENT, b"anyone?\n")
    assert seen.cookies() == (1, 0, 0)
    assert seen.agent[Reason.no_listener] >= 1


def test_when_the_accept_queue_is_full_the_client_waits_its_turn(stage: Stage, version: int) -> None:
    address, clients = ADDRESSES[version], 6
    with ExitStack() as sockets, stage.events() as events:
        listener = sockets.enter_context(stage.net.server.call(short_listener, address))
        for _ in range(clients):
            connection = sockets.enter_context(connect(stage.net.client, address, SHORT, timeout=PATIENCE))
            connection.sendall(b"me too")
        listener.settimeout(PATIENCE)
        accepted = [sockets.enter_context(listener.accept()[0]) for _ in range(clients)]
        assert [connection.recv(100) for connection in accepted] == [b"me too"] * clients
    assert events["TcpExtListenOverflows"] > 0, "else this test has shown nothing"


def short_listener(address: str) -> socket.socket:
    """A listener with room for two connections that nobody has accepted yet."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, SHORT))
    made.listen(1)
    return made


def test_known_connections_are_left_alone(stage: Stage, version: int) -> None:
    with stage.connect(version, TALK) as connection:
        connection.sendall(b"echo\nhello")
        assert connection.recv(5, socket.MSG_WAITALL) == b"hello"
        with stage.counting() as seen:
            for _ in range(100):
                connection.sendall(b"again")
                assert connection.recv(5, socket.MSG_WAITALL) == b"again"
    assert seen.cookies() == (0, 0, 0)
    assert seen.agent[Reason.known] >= 100
    assert seen.front[Reason.connection] >= 100
