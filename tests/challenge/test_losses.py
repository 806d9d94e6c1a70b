"""What is lost on the way is sent again, and a crowd behind one address or many is served in the end."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest
from fronts.running import counting
from fronts.test_attacks import files
from handshake.firewall import lay
from handshake.stage import GREET, PATIENCE

from challenge.conftest import Watched
from challenge.place import HOME, STRICT, WAYS, Place, told
from challenge.services import SERVICES, WORD
from hardtack.lab.addresses import CLIENT
from hardtack.lab.servers import talker
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.parametrize("served", ["behind"], indirect=True, scope="package")
ONCE = "limit rate 1/hour burst 1 packets"
SYN, LOST = "tcp dport 7 tcp flags & (syn | ack) == syn", f"{ONCE} drop"
LOSSES = {
    "the challenge": f"tcp sport 7 tcp flags & (syn | ack | rst) == ack {LOST}",
    "the proof": f"tcp dport 7 tcp flags & rst == rst {LOST}",
    "the second SYN": f"{SYN} {ONCE} accept\n{SYN} {LOST}",
    "the host's SYN-ACK": f"tcp sport 7 tcp flags & (syn | ack) == (syn | ack) {LOST}",
}
LOSSY = "table inet lossy {{ chain through {{ type filter hook forward priority -10;\n{rule}\n}}\n}}\n"
CROWD, FAMILY, MANY = 1000, 250, 10_000
BUSY = "198.18.255.1"  # in a prefix of its own, which may open no more for a second or two afterwards
STREET = "198.18.0.0/16"


@pytest.mark.parametrize("what", LOSSES)
def test_it_is_sent_again(served: Watched, what: str) -> None:
    place = served.place
    place.forget_sources()
    strict = STRICT.format(gate=place.gate.name)
    lay(place.gateway, strict + LOSSY.format(rule=LOSSES[what]))
    try:
        with counting(place.net.outside) as seen:
            SERVICES["plain"].converse(place.home, WAYS["kernel"][0])
    finally:
        lay(place.gateway, strict)
    assert seen[Reason.challenged] == (2 if what in ("the challenge", "the proof") else 1)
    assert seen[Reason.established] == 1


def test_two_clients_behind_one_address(served: Watched) -> None:
    """Strangers both, at the same moment."""
    place, other = served.place, "10.9.0.3"
    told(place.home, "address", "add", f"{other}/24", "dev", "lo")
    place.forget_sources()
    done: list[int] = []

    def one(source: str) -> None:
        done.append(all_served(place, [source] * 2, behind=True))

    threads = [threading.Thread(target=one, args=(source,)) for source in (HOME[0], other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert done == [2, 2]


@pytest.fixture
def street(served: Watched) -> Iterator[None]:
    """Ten thousand addresses and more of the client, and a server with room for a crowd."""
    place = served.place
    told(place.net.client, "route", "add", "local", STREET, "dev", "lo")
    with files(4 * CROWD), talker(place.net.server, [WAYS["kernel"][0]], [GREET], greeting="220 hello"):
        yield
    told(place.net.client, "route", "del", "local", STREET, "dev", "lo")


HOMES = {
    "a thousand homes": [f"198.18.{n % 250}.{n // 250 + 1}" for n in range(CROWD)],
    "one home": [CLIENT[0]] * FAMILY,
}


@pytest.mark.parametrize("homes", HOMES)
def test_all_at_once(served: Watched, street: None, homes: str) -> None:
    """Strangers all. Who shares an address earns for the others."""
    served.place.forget_sources()
    with counting(served.place.net.outside) as seen:
        assert all_served(served.place, HOMES[homes]) == len(HOMES[homes])
    assert seen[Reason.established] == len(HOMES[homes])
    assert (seen[Reason.source_limit] > 0) == (homes == "one home")


def test_one_client_opens_ten_thousand(served: Watched, street: None) -> None:
    """One after another, or at least few at a time: each earns the next. The limits that people may set are high here."""
    place = served.place
    place.forget_sources()
    place.reload(syns_per_source=4000, connections_per_prefix=1_000_000)
    try:
        assert all_served(place, [BUSY]) == 1
        with counting(place.net.outside) as seen:
            for _ in range(MANY // CROWD):
                assert all_served(place, [BUSY] * CROWD, at_once=4) == CROWD
    finally:
        place.reload()
    assert seen[Reason.established] == MANY and seen[Reason.challenged] == 0


def all_served(place: Place, sources: Sequence[str], *, behind: bool = False, at_once: int = CROWD) -> int:
    """How many of as many connections are greeted, or have a word that they say back."""
    return (place.home if behind else place.net.client).call(rush, sources, WAYS["kernel"][0], not behind, at_once)


def rush(sources: Sequence[str], address: str, greeted: bool, at_once: int) -> int:
    """All of them in this thread's namespace."""
    left, served = list(sources), 0
    with selectors.DefaultSelector() as waiting:
        while left or waiting.get_map():
            while left and len(waiting.get_map()) < at_once:
                waiting.register(begun(left.pop(), address, GREET if greeted else 7), selectors.EVENT_WRITE)
            events = waiting.select(PATIENCE)
            if not events:
                break
            for key, mask in events:
                line: socket.socket = key.fileobj  # type: ignore[assignment]
                if mask & selectors.EVENT_WRITE:
                    line.send(WORD)
                    waiting.modify(line, selectors.EVENT_READ)
                    continue
                served += line.recv(100) in (WORD, b"220 hello\n")
                waiting.unregister(line)
                line.close()
        for key in [*waiting.get_map().values()]:
            key.fileobj.close()  # type: ignore[union-attr]
    return served


def begun(source: str, address: str, port: int) -> socket.socket:
    """A connection that is on its way."""
    line = socket.socket()
    line.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    line.bind((source, 0))
    line.setblocking(False)
    line.connect_ex((address, port))
    return line
