"""A host whose handshakes pass is served as if nobody stood before it; and no connection notices when that changes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from fronts.running import agent, counting
from fronts.test_reload_flooded import transferring
from handshake.stage import GREET, PATIENCE

from challenge.conftest import Watched
from challenge.place import WAYS
from challenge.services import PLAIN, SERVICES
from challenge.test_floods import RATE, behind, having
from challenge.test_services import SIDES, converse
from hardtack.lab.clients import connect
from hardtack.lab.flood import flooding
from hardtack.lab.namespaces import Namespace
from hardtack.lab.packets.recipe import Target
from hardtack.lab.servers import talker
from hardtack.packet.reasons import Reason

TURNS = ("pass", "agent", "pass", "challenge", "agent", "challenge", "pass")
ENOUGH = 20  # new connections under each


@pytest.mark.parametrize("served, way", SIDES, indirect=["served"], ids=[way for _, way in SIDES], scope="package")
@pytest.mark.parametrize("who", ["beside", "behind NAT"])
@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_changed(served: Watched, way: str, who: str, version: int, name: str) -> None:
    if (name, who) != ("signed", "behind NAT"):
        with having(served, {"handshake": "pass"}):
            converse(served, way, who, version, SERVICES[name], challenges=0)


@contextmanager
def asking(client: Namespace, address: str) -> Iterator[list[int]]:
    """New connections all the time, each of which is served; how many there were."""
    done, over, failed = [0], threading.Event(), list[BaseException]()

    def ask() -> None:
        try:
            while not over.is_set():
                SERVICES["plain"].converse(client, address)
                done[0] += 1
        except BaseException as error:  # told below
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join(PATIENCE)
    assert not failed, failed


@behind
def test_no_connection_is_lost_when_the_handshake_changes(served: Watched) -> None:
    """By reloads, under a flood: what is idle, what is busy, and what begins just then. The host has an agent for once."""
    place, net, address = served.place, served.place.net, WAYS["kernel"][0]
    target = Target(address, PLAIN, net.near.mac, net.outside.mac)
    with ExitStack() as parts:
        parts.enter_context(agent(net.far, place.folder))
        parts.enter_context(talker(net.server, [address], [GREET]))
        parts.callback(place.reload)
        lines = [parts.enter_context(opened(net.client, address)) for _ in range(3)]
        parts.enter_context(flooding(net.near, target, seconds=300, kind="mixed", rate=RATE))
        parts.enter_context(transferring(lines.pop()))
        done = parts.enter_context(asking(net.client, address))
        seen = parts.enter_context(counting(net.outside))
        for handshake in TURNS:
            place.reload({"handshake": handshake, "syns_per_second": 2000})
            until = done[0] + ENOUGH
            lines.append(parts.enter_context(opened(net.client, address)))
            while done[0] < until:
                for line in lines:
                    line.sendall(b"word")
                    assert line.recv(4, socket.MSG_WAITALL) == b"word"
    assert all(seen[reason] > 0 for reason in (Reason.opened, Reason.established, Reason.remembered, Reason.challenged))


def opened(client: Namespace, address: str) -> socket.socket:
    """A session with the talker."""
    line = connect(client, address, GREET, timeout=PATIENCE)
    line.sendall(b"echo\n")
    return line
