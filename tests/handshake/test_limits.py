"""What the kernel makes no connection of, whatever the cookie says: told by a counter, and to the client by a reset."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from handshake.stage import ADDRESSES, PATIENCE, SPARE, TALK, Stage
from hardtack.lab.clients import ask, offer, server_socket
from hardtack.packet.reasons import Reason

IPPROTO_MPTCP = 262
PORT = SPARE[8]
OPTIONS = {"timestamps": "tcp_timestamps", "sack": "tcp_sack", "scale": "tcp_window_scaling"}


def test_a_listener_with_mptcp(stage: Stage, version: int) -> None:
    """As Go's are since 1.24, unless told otherwise."""
    refused = pytest.raises(ConnectionResetError)
    with stage.net.server.call(mptcp_listener, ADDRESSES[version]), stage.counting() as seen, refused:
        ask(stage.net.client, ADDRESSES[version], PORT, b"hello\n", timeout=PATIENCE)
    assert seen.cookies() == (1, 0, 0)
    assert seen.agent[Reason.not_admitted] >= 1


def mptcp_listener(address: str) -> socket.socket:
    """A listener that takes MPTCP and TCP."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, PORT))
    made.listen()
    return made


@pytest.fixture(params=OPTIONS)
def switched_off(request: pytest.FixtureRequest, stage: Stage) -> Iterator[str]:
    """An option that the server's kernel does not want."""
    key = f"net.ipv4.{OPTIONS[request.param]}"
    stage.net.server.sysctl(key, 0)
    yield str(request.param)
    stage.net.server.sysctl(key, 1)


def test_an_option_that_the_host_has_switched_off(stage: Stage, version: int, switched_off: str) -> None:
    with stage.counting() as seen, pytest.raises(ConnectionResetError):
        server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
    assert seen.cookies() == (1, 0, 0)
    assert seen.agent[Reason.not_admitted] >= 1
    offer(stage.net.client, **{switched_off: False})
    facts = server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
    assert not facts["window_scaling" if switched_off == "scale" else switched_off]
