"""Two fronts with one key: neither needs the other's memory for a cookie, and hosts may answer by whom they like."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from handshake.raw import Peer, wired
from handshake.stage import HTTP, PATIENCE, TALK
from naive.frames import ACK
from pyroute2 import IPRoute

from fronts.running import counting, wait_for_ends
from fronts.town import WAYS, Town
from hardtack.lab.addresses import CLIENT, FRONT, FRONT_TWO, INSIDE, INSIDE_TWO
from hardtack.lab.clients import connect, curl, download, upload
from hardtack.lab.lab import NAMED_PORTS
from hardtack.lab.servers import SMALL, bracketed, nginx_program
from hardtack.packet.reasons import Reason

BEHIND = ("kernel", "direct", "mac")
SIZE = 1_000_000


@contextmanager
def answering_by_two(place: Town) -> Iterator[None]:
    """What is behind sends its answers by the other front than the one where questions come in."""
    far = place.site.far
    for gateway in INSIDE_TWO:
        far.add_routes("default", via=gateway)
    try:
        yield
        wait_for_ends(place.site.client)
    finally:
        for gateway in INSIDE:
            far.add_routes("default", via=gateway)


@contextmanager
def asking_by_two(place: Town, version: int) -> Iterator[None]:
    """The client sends everything to the other front."""
    place.site.near.add_routes("default", via=FRONT_TWO[version == 6])
    try:
        yield
    finally:
        place.site.near.add_routes("default", via=FRONT[version == 6])


@pytest.mark.parametrize("name", BEHIND)
def test_one_front_answers_and_the_other_admits(place: Town, name: str, version: int) -> None:
    site = place.site
    with (
        wired(site.seen_by(site.one)) as first,
        wired(site.seen_by(site.two)) as second,
        counting(site.one.outside) as by_one,
        counting(site.two.outside) as by_two,
    ):
        peer = Peer(first, version, TALK, to=place.way(name, version).address)
        peer.syn()
        peer.wire = second
        peer.send(ACK)
        assert peer.ask()["peer"] == [peer.source, peer.source_port]
        peer.leave()
    assert (by_one[Reason.answered], by_one[Reason.remembered]) == (1, 0)
    assert (by_two[Reason.answered], by_two[Reason.remembered]) == (0, 1)


@contextmanager
def forgetful(place: Town) -> Iterator[None]:
    """The street's switch does not remember who lives where: it sends every frame to all."""
    street = place.site.gates[0].namespace

    def ageing(centiseconds: int) -> None:
        with IPRoute() as kernel:
            [index] = kernel.link_lookup(ifname="street")
            kernel.link("set", index=index, kind="bridge", br_ageing_time=centiseconds)

    street.call(ageing, 0)
    yield
    street.call(ageing, 30_000)


@pytest.mark.parametrize("name", BEHIND)
def test_a_bystander_says_nothing(place: Town, name: str, version: int) -> None:
    """It would make the switch send it what is for the other one."""
    way = place.way(name, version)
    with forgetful(place), counting(place.site.two.outside) as by_two, counting(way.outside) as by_one:
        upload(place.site.client, way.address, TALK, SIZE, timeout=PATIENCE)
    assert (by_one[Reason.answered], by_one[Reason.not_for_us]) == (1, 0)
    assert (by_two[Reason.answered], by_two[Reason.not_for_us]) == (0, 1)


@pytest.mark.parametrize("name", BEHIND)
def test_answers_may_go_by_the_other_front(place: Town, name: str, version: int) -> None:
    way = place.way(name, version)
    with answering_by_two(place), counting(place.site.one.outside) as by_one, counting(place.site.two.outside) as by_two:
        upload(place.site.client, way.address, TALK, SIZE, timeout=PATIENCE)
        download(place.site.client, way.address, TALK, SIZE, timeout=PATIENCE)
        if nginx_program():
            got = curl(place.site.client, f"http://{bracketed(way.address)}:{HTTP}/small", timeout=PATIENCE)
            assert (got.status, len(got.body)) == (200, SMALL)
    assert by_one[Reason.outbound] == by_one[Reason.taught] == 0, "it has seen no answer"
    assert by_one[Reason.remembered] == by_two[Reason.taught] > 0


@pytest.mark.parametrize("name", BEHIND)
def test_a_port_is_used_again_where_no_answer_is_seen(place: Town, name: str, version: int) -> None:
    """The front has seen the client's end of it, not the host's: it lets the host judge the SYN."""
    way, port = place.way(name, version), NAMED_PORTS[-1 - WAYS.index(name)]
    with answering_by_two(place), counting(way.outside) as seen:
        for _ in range(5):
            with connect(place.site.client, way.address, TALK, source_port=port, timeout=PATIENCE) as connection:
                connection.sendall(b"info\n")
                while connection.recv(4096):
                    continue
    assert seen[Reason.answered] + seen[Reason.reopened] == 5


def test_what_is_beside_may_answer_straight_home(place: Town, version: int) -> None:
    way = place.way("one-armed", version)
    place.site.arm.add_neighbours(CLIENT[version == 6])
    try:
        with counting(way.outside) as seen:
            upload(place.site.client, way.address, TALK, SIZE, timeout=PATIENCE)
            download(place.site.client, way.address, TALK, SIZE, timeout=PATIENCE)
            wait_for_ends(place.site.client)
    finally:
        place.site.arm.remove_routes(CLIENT[version == 6])
    assert seen[Reason.outbound] == 0
    assert seen[Reason.remembered] == 2


@pytest.mark.parametrize("name", BEHIND)
def test_a_front_that_has_seen_the_answers_takes_a_connection_over(place: Town, name: str, version: int) -> None:
    way = place.way(name, version)
    with answering_by_two(place), connect(place.site.client, way.address, TALK, timeout=PATIENCE) as connection:
        connection.sendall(b"echo\nhello")
        assert connection.recv(5, socket.MSG_WAITALL) == b"hello"
        with asking_by_two(place, version), counting(place.site.two.outside) as seen:
            connection.sendall(b"again")
            assert connection.recv(5, socket.MSG_WAITALL) == b"again"
        assert seen[Reason.connection] > 0


def test_a_front_that_has_not_drops_it(place: Town, version: int) -> None:
    """A front learns from what passes it, and from nobody else."""
    way = place.way("kernel", version)
    with connect(place.site.client, way.address, TALK, timeout=PATIENCE) as connection:
        connection.sendall(b"echo\nhello")
        assert connection.recv(5, socket.MSG_WAITALL) == b"hello"
        with asking_by_two(place, version), counting(place.site.two.outside) as seen:
            connection.settimeout(0.3)
            connection.sendall(b"again")
            with pytest.raises(TimeoutError):
                connection.recv(5)
        assert seen[Reason.stray_data] > 0
        connection.settimeout(PATIENCE)
        assert connection.recv(5, socket.MSG_WAITALL) == b"again"
