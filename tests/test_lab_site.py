"""The site: every host can be reached, by the front it should be, and the one-armed host by no shorter way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab_ground import needs_root

from hardtack.lab import addresses, clients, servers
from hardtack.lab.addresses import BESIDE, FRONT, FRONT_TWO, INSIDE, INSIDE_TWO, ON_TWO, SECOND, SERVER, THIRD
from hardtack.lab.counters import traffic
from hardtack.lab.links import Interface
from hardtack.lab.site import Site, site

pytestmark = needs_root

TALK, SIZE = 7, 1_000_000


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    """With talkers on all three hosts."""
    with (
        site() as made,
        servers.talker(made.behind, SERVER + SECOND + THIRD, [TALK]),
        servers.talker(made.beside, BESIDE, [TALK]),
        servers.talker(made.two.namespace, ON_TWO, [TALK]),
    ):
        yield made


@pytest.mark.parametrize("address", [*FRONT, *FRONT_TWO, *SERVER, *SECOND, *THIRD, *BESIDE, *ON_TWO])
def test_every_address_answers_a_ping(place: Site, address: str) -> None:
    assert clients.ping(place.client, address)


def carried(place: Site, address: str, *links: Interface) -> list[int]:
    """How many bytes each interface sent while the client fetched SIZE bytes, in units of SIZE: 0, 1 or 2."""
    before = [traffic(link).sent_bytes for link in links]
    clients.download(place.client, address, TALK, SIZE)
    return [(traffic(link).sent_bytes - then) // SIZE for link, then in zip(links, before, strict=True)]


@pytest.mark.parametrize("address", [*SERVER, *SECOND, *THIRD])
def test_what_is_behind_answers_by_the_front_it_is_told_to(place: Site, address: str) -> None:
    fronts = place.one.outside, place.two.outside
    assert carried(place, address, *fronts) == [1, 0]
    gateways = {":" in gateway: gateway for gateway in INSIDE + INSIDE_TWO}
    place.far.add_routes("default", via=gateways[":" in address])
    try:
        assert carried(place, address, *fronts) == [0, 1]
    finally:
        for gateway in INSIDE:
            place.far.add_routes("default", via=gateway)


@pytest.mark.parametrize("address", BESIDE)
def test_what_is_beside_is_behind_one_arm(place: Site, address: str) -> None:
    links = place.one.outside, place.arm, place.one.inside
    assert carried(place, address, *links) == [1, 1, 0]
    place.arm.add_neighbours(*addresses.CLIENT)  # straight home
    try:
        assert carried(place, address, *links) == [0, 1, 0]
    finally:
        place.arm.remove_routes(*addresses.CLIENT)


@pytest.mark.parametrize("address", ON_TWO)
def test_the_third_host_is_a_front(place: Site, address: str) -> None:
    assert carried(place, address, place.one.outside, place.two.outside, place.two.inside) == [0, 1, 0]


def test_the_switches_learn_where_everybody_lives(place: Site) -> None:
    """Else each frame would come to every port, and tests would count it more than once."""
    before = traffic(place.two.outside).received_bytes
    clients.download(place.client, SERVER[0], TALK, SIZE)
    assert traffic(place.two.outside).received_bytes - before < SIZE / 10
