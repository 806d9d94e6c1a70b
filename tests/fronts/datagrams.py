"""Datagrams from a client to a host: how many of them arrive."""

from __future__ import annotations

import socket

from hardtack.lab.clients import ping
from hardtack.lab.namespaces import Namespace

MANY = 20


def delivered(client: Namespace, host: Namespace, address: str, port: int, many: int = MANY) -> int:
    """How many of so many have arrived, at a socket of the host's. Pings must be let through."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def listening() -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.bind((address, port))
        return made

    def sending() -> None:
        with socket.socket(family, socket.SOCK_DGRAM) as made:
            for _ in range(many):
                made.sendto(b"a datagram", (address, port))

    with host.call(listening) as here:
        client.call(sending)
        assert ping(client, address)  # behind them, by the same way
        here.setblocking(False)
        return sum(1 for _ in iter(lambda: received(here), b""))


def received(here: socket.socket) -> bytes:
    """The next datagram; nothing if there is none."""
    try:
        return here.recv(100)
    except BlockingIOError:
        return b""
