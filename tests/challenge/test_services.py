"""Whatever a host serves, it serves by a challenge, too: nothing of its handshakes is changed, on any way to it.

Clients beside the front, and behind a NAT gateway that drops whatever conntrack does not know.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fronts.running import counting
from naive.frames import ACK, RST, SYN

from challenge.conftest import Watched
from challenge.place import WAYS, told
from challenge.services import SERVICES, SIGNED, Service
from challenge.tapped import frames
from hardtack.lab.clients import offer
from hardtack.lab.counters import tcp_events
from hardtack.packet.reasons import Reason

BEHIND = ("kernel", "direct", "bypass")
SIDES = [*(("behind", way) for way in BEHIND), ("here", "local")]
each_way = pytest.mark.parametrize("served, way", SIDES, indirect=["served"], ids=[*BEHIND, "local"], scope="package")
each_client = pytest.mark.parametrize("who", ["beside", "behind NAT"])


@pytest.fixture(params=[True, False], ids=["timestamps", "plain"])
def timestamps(request: pytest.FixtureRequest, served: Watched) -> Iterator[bool]:
    """Whether clients offer them."""
    for client in (served.place.net.client, served.place.home):
        offer(client, timestamps=request.param)
    yield bool(request.param)


def converse(at: Watched, way: str, who: str, version: int, service: Service, challenges: int = 1) -> None:
    """As a stranger: a challenge, a proof, and SYN and SYN-ACK are on both sides of the front what they were."""
    place, address = at.place, WAYS[way][version == 6]
    client, gate = place.client(who)
    near, far = at.tap(gate), at.tap(place.arrival(way, who))
    told(client, "tcp_metrics", "flush")  # and with it the cookies of Fast Open
    place.forget_sources()
    for tap in (near, far):
        tap.drain()
    with counting(place.net.outside) as seen:
        service.converse(client, address)
    assert (seen[Reason.challenged], seen[Reason.proof]) == (challenges, challenges)
    assert (seen[Reason.opened], seen[Reason.established]) == (1, 1)
    clients, hosts = near.drain(), far.drain()
    asked, carried = frames(clients, SYN, True), frames(hosts, SYN, False)
    assert len(asked) == 1 + challenges and carried == asked[challenges:]
    assert len(frames(clients, RST, True)) == challenges and not frames(hosts, RST, False), "the proof goes no further"
    if way != "bypass":
        answers = frames(clients, SYN | ACK, False)  # the host may still answer somebody else, of a flood before
        assert answers and set(answers) <= set(frames(hosts, SYN | ACK, True))


@each_way
@each_client
@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ("signed", "fast open")])
def test_a_stranger_is_served(served: Watched, way: str, who: str, version: int, timestamps: bool, name: str) -> None:
    converse(served, way, who, version, SERVICES[name])


@each_way
@pytest.mark.parametrize("cookies", [0, 1, 2])
def test_whatever_the_hosts_kernel_does_about_floods(served: Watched, way: str, version: int, cookies: int) -> None:
    """2: it answers with cookies of its own."""
    server = served.place.net.server
    before = server.read_sysctl("net.ipv4.tcp_syncookies")
    server.sysctl("net.ipv4.tcp_syncookies", cookies)
    try:
        converse(served, way, "beside", version, SERVICES["plain"])
    finally:
        server.sysctl("net.ipv4.tcp_syncookies", before)


@each_way
@each_client
def test_fast_open(served: Watched, way: str, who: str, version: int) -> None:
    """A challenged client's second SYN asks for no cookie, as ever; the next does, and the one after brings data."""
    place, service = served.place, SERVICES["fast open"]
    client, gate = place.client(who)
    client.sysctl("net.ipv4.tcp_fastopen", 1)
    converse(served, way, who, version, service)
    before = tcp_events(place.net.server)["TcpExtTCPFastOpenPassive"]
    for _ in range(2):
        service.converse(client, WAYS[way][version == 6])
    assert tcp_events(place.net.server)["TcpExtTCPFastOpenPassive"] == before + 1
    place.forget_sources()
    served.tap(gate).drain()
    service.converse(client, WAYS[way][version == 6])  # its SYN has data and is challenged
    syns = frames(served.tap(gate).drain(), SYN, True)
    assert len(syns[0]) > len(syns[1])


@each_way
def test_signed_segments(served: Watched, way: str, version: int) -> None:
    """TCP-MD5, whose signature is over the client's address: no NAT here. It is proven by whatever else it has opened."""
    place, address = served.place, WAYS[way][version == 6]
    converse(served, way, "beside", version, SERVICES["plain"])
    with counting(place.net.outside) as seen:
        SERVICES["signed"].converse(place.net.client, address)
    assert (seen[Reason.challenged], seen[Reason.established]) == (0, 1)


@pytest.mark.parametrize("served", ["behind"], indirect=True, scope="package")
def test_who_signs_answers_nothing_unsigned(served: Watched) -> None:
    """Not even a challenge: the front cannot sign one. docs/handshakes.md says what to write instead."""
    place = served.place
    place.forget_sources()

    def inside() -> None:
        with SERVICES["signed"].socket(4, WAYS["kernel"][0]) as made:
            made.settimeout(1.5)  # s: the SYN and one more
            with pytest.raises(TimeoutError):
                made.connect((WAYS["kernel"][0], SIGNED))

    with counting(place.net.outside) as seen:
        place.net.client.call(inside)
    assert seen[Reason.challenged] >= 1 and seen[Reason.proof] == seen[Reason.opened] == 0


@pytest.mark.parametrize("served", ["behind"], indirect=True, scope="package")
def test_proven_for_one_host_proven_for_all(served: Watched, version: int) -> None:
    place = served.place
    place.forget_sources()
    with counting(place.net.outside) as seen:
        for way in BEHIND:
            SERVICES["plain"].converse(place.net.client, WAYS[way][version == 6])
    assert (seen[Reason.challenged], seen[Reason.opened]) == (1, len(BEHIND))
