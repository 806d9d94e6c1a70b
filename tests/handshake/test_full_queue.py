"""A service that speaks first, and has no room for a while: its clients have nothing to say again, and are asked.

Linux alone repeats its SYN-ACK until there is room, and then serves them.
"""

from __future__ import annotations

from contextlib import ExitStack

from lab_ground import eventually

from handshake.stage import ADDRESSES, PATIENCE, SPARE, Stage, short_listener
from hardtack.lab.counters import tcp_events

PORT = SPARE[6]
CLIENTS = 6
GREETING = b"220 hello\n"
FULL = "TcpExtListenOverflows"


def test_everybody_is_greeted(stage: Stage, version: int) -> None:
    before = tcp_events(stage.net.server)[FULL]
    with ExitStack() as open_, stage.counting() as seen:
        listener = open_.enter_context(stage.net.server.call(short_listener, ADDRESSES[version], PORT))
        clients = [open_.enter_context(stage.connect(version, PORT)) for _ in range(CLIENTS)]
        assert eventually(lambda: tcp_events(stage.net.server)[FULL] >= before + CLIENTS - 2, PATIENCE)
        for _ in range(CLIENTS):
            accepted = open_.enter_context(listener.accept()[0])
            accepted.sendall(GREETING)
        assert [client.recv(64) for client in clients] == [GREETING] * CLIENTS
    assert seen.cookies()[0] == CLIENTS and seen.cookies()[1] >= CLIENTS and seen.cookies()[2] == 0


def test_who_speaks_first_is_not_reset(stage: Stage, version: int) -> None:
    """Nobody is asked whose answer would be from behind what he has said; the server is busy for longer than that takes."""
    before = tcp_events(stage.net.server)
    with ExitStack() as open_:
        listener = open_.enter_context(stage.net.server.call(short_listener, ADDRESSES[version], PORT))
        clients = [open_.enter_context(stage.connect(version, PORT)) for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(b"me too")
        wanted = before[FULL] + 6 * (CLIENTS - 2)  # each has said it several times
        assert eventually(lambda: tcp_events(stage.net.server)[FULL] >= wanted, PATIENCE)
        accepted = [open_.enter_context(listener.accept()[0]) for _ in range(CLIENTS)]
        assert [connection.recv(100) for connection in accepted] == [b"me too"] * CLIENTS
    assert tcp_events(stage.net.server)["TcpOutRsts"] == before["TcpOutRsts"]
