"""A server whose last connection with a client is in whatever state RFC 9293 has, and its listener for the next one."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from lab_ground import eventually
from naive.frames import ACK, FIN, PSH

from handshake.raw import LOW_32, Wire, wired
from handshake.returning import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    EARLIER,
    FIN_WAIT_1,
    FIN_WAIT_2,
    ISN,
    LAST_ACK,
    SYN_RECEIVED,
    TIME_WAIT,
    Client,
    is_syn_ack,
    state_of,
)
from handshake.stage import ADDRESSES, PATIENCE, SPARE
from hardtack.lab.topology import Topology

PORT = SPARE[9]
SOURCES = count(random.randrange(40_000, 60_000))  # each test has one of its own: nothing is left of those before
HELLO, AGAIN = b"hello", b"here again"
AT_ONCE, IN_ORDER = struct.pack("=ii", 1, 0), struct.pack("=ii", 0, 0)  # struct linger


class Host:
    """A server's socket for the client's last connection, in a state, and the listener behind it."""

    def __init__(self, net: Topology, wire: Wire, version: int, parts: ExitStack) -> None:
        self.net, self.listener = net, parts.enter_context(net.server.call(listening, ADDRESSES[version]))
        self._wire, self._version, self._parts = wire, version, parts
        self.first_ack = b""

    def last(self, state: str, tsval: int | None, *, left: bool = False) -> Client:
        """A connection of which the host has this state now. `left`: its server has closed the socket, not only its end."""
        client = self.newcomer(tsval)
        self.open(client, CLOSED if state == SYN_RECEIVED else state, left)
        if state == SYN_RECEIVED:  # the front, which cannot know that the host has nothing any more, lets it judge the SYN
            client = client.again(ISN + EARLIER, tsval)
            assert is_syn_ack(client.ask_for_it())
            assert eventually(lambda: state_of(self.net, client) == state, PATIENCE)
        return client

    def newcomer(self, tsval: int | None) -> Client:
        """A client that nobody has seen before."""
        client = Client(self._wire, self._version, PORT, isn=ISN, source_port=next(SOURCES))
        client.tsval = tsval
        return client

    def open(self, client: Client, state: str, left: bool) -> None:
        """Its first connection, until the host has this state."""
        client.open()
        self.first_ack = client.speak(ACK)
        self.bring(client, self.accepted(client), state, left)
        assert eventually(lambda: state_of(self.net, client) == state, PATIENCE)

    def accepted(self, client: Client) -> socket.socket:
        """The listener's next connection, which is the client's."""
        made = self._parts.enter_context(self.listener.accept()[0])
        made.settimeout(PATIENCE)
        # What is closed sends nothing any more, when the test is over
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        assert made.getpeername()[:2] == (client.source, client.source_port)
        return made

    def bring(self, client: Client, accepted: socket.socket, state: str, left: bool = False) -> None:
        """From ESTABLISHED to another state. Both have said hello."""
        accepted.sendall(HELLO)
        client.ack = (client.hear(lambda heard: heard.payload == HELLO).seq + len(HELLO)) & LOW_32
        client.speak(ACK | PSH, HELLO)
        assert accepted.recv(100) == HELLO
        if state in (CLOSE_WAIT, LAST_ACK, CLOSED):
            client.speak(ACK | FIN)
            assert accepted.recv(100) == b""
        if state in (FIN_WAIT_1, FIN_WAIT_2, CLOSING, TIME_WAIT, LAST_ACK, CLOSED):
            unheard = client.ack
            if left:
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, IN_ORDER)
                accepted.close()
            else:
                accepted.shutdown(socket.SHUT_WR)
            client.hear_end()
            if state in (FIN_WAIT_2, CLOSED):
                client.speak(ACK)
            elif state == CLOSING:
                client.ack = unheard
                client.speak(ACK | FIN)
            elif state == TIME_WAIT:
                client.speak(ACK | FIN)


def listening(address: str) -> socket.socket:
    """A listener whose connections are the test's to move."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(PATIENCE)
    made.bind((address, PORT))
    made.listen()
    return made


@contextmanager
def past_the_front(net: Topology, client: Client) -> Iterator[None]:
    """What the client sends goes straight to the host."""
    usual = client.wire
    with wired(net, past_the_front=True) as client.wire:
        yield
    client.wire = usual
