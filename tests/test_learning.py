"""Ways to addresses of networks, as they are learned and kept, and who gets how much, by a real kernel's routes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import numpy as np
import pytest
from journal_ground import journal
from lab_ground import needs_root
from learning_ground import KNOWN, OWN, PART, WIDE, Front, configured, far, running
from test_next_hops import (
    GATEWAY,
    GATEWAY_MAC,
    INSIDE_PLACE,
    OTHER_MAC,
    SECOND_PLACE,
    Ground,
    asked,
    both,
    ground,
    neighbour,
    route,
    speak,
)

from hardtack.control import learning
from hardtack.control.hops import NOT_KNOWN
from hardtack.control.tables import next_hop_entry
from hardtack.lab.addresses import INSIDE, SERVER
from hardtack.packet.layout import TO_LEARN

__all__ = ["ground"]
pytestmark = needs_root


@pytest.fixture
def front(ground: Ground) -> Iterator[Front]:
    """With hosts one and two, whose server's neighbours are known."""
    for family in (0, 1):
        speak(ground.net.server, SERVER[family], INSIDE[family])
        speak(ground.net.front, INSIDE[family], SERVER[family])
    with running(ground, configured(ground, WIDE)) as front:
        yield front


@both
def test_each_address_has_its_own_way(ground: Ground, front: Front, family: int) -> None:
    """A neighbour, and one behind a router, whose frames may come from any MAC address."""
    unknown = TO_LEARN.to_bytes(8, "little")
    assert front.entry(SERVER[family]) == front.entry(far(family)) == unknown
    front.want(SERVER[family], far(family), "192.0.2.200", "203.0.113.9")  # the last of which are nobody's
    front.write()
    assert front.entry(SERVER[family]) == next_hop_entry(ground.net.far.mac, INSIDE_PLACE)
    assert front.entry(far(family)) == next_hop_entry(GATEWAY_MAC, INSIDE_PLACE)
    origins = [int(front.nets["origin"][front.place(one)]) for one in (SERVER[family], far(family))]
    assert origins == [int.from_bytes(ground.net.far.mac, "little"), 0]
    assert front.nets["host"][front.place(far(family))] == 1
    assert front.entry(far(family, 8)) == unknown and len(front.records) == 2
    assert not front.noted["state"].any()


@both
def test_who_has_another_mac_address_is_followed(ground: Ground, front: Front, family: int) -> None:
    """Of a neighbour, and of a router, whoever is behind it; where nobody knows it, frames are the kernel's."""
    new = bytes.fromhex(OTHER_MAC.replace(":", ""))
    for gateway, address, mac in (
        (SERVER[family], SERVER[family], ground.net.far.mac),
        (GATEWAY[family], far(family), GATEWAY_MAC),
    ):
        front.want(address)
        front.write()
        neighbour(ground, "replace", gateway, lladdr=OTHER_MAC, state=0x80)
        assert front.becomes(address, next_hop_entry(new, INSIDE_PLACE))
        neighbour(ground, "replace", gateway, lladdr=OTHER_MAC, state=0x20)  # NUD_FAILED
        assert front.becomes(address, NOT_KNOWN) and front.is_learned(address)
        neighbour(ground, "replace", gateway, lladdr=mac.hex(":"), state=0x02)  # NUD_REACHABLE
        assert front.becomes(address, next_hop_entry(mac, INSIDE_PLACE))


@both
def test_routes_are_followed(ground: Ground, front: Front, family: int) -> None:
    usual = next_hop_entry(ground.net.far.mac, INSIDE_PLACE)
    front.want(SERVER[family])
    front.write()
    assert front.entry(SERVER[family]) == usual
    with route(ground, SERVER[family], gateway=GATEWAY[family], oif=ground.net.inside.index):
        assert front.becomes(SERVER[family], next_hop_entry(GATEWAY_MAC, INSIDE_PLACE))
    assert front.becomes(SERVER[family], usual)
    with route(ground, SERVER[family], type="unreachable"):
        assert front.becomes(SERVER[family], NOT_KNOWN)
        front.write()
        assert not front.is_learned(SERVER[family])
        front.want(SERVER[family])
        front.write()
        assert not front.is_learned(SERVER[family])


def test_when_an_interface_goes_down_the_kernel_has_them(
    ground: Ground, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are too many to be looked at at once: then a few in each second."""
    addresses = [far(0, number) for number in range(1, 50)]
    front.want(*addresses)
    front.write()
    assert all(map(front.is_learned, addresses))
    monkeypatch.setattr(learning, "LOOKS", 40)
    front.write()
    usual, second = next_hop_entry(GATEWAY_MAC, INSIDE_PLACE), ground.second.index
    asked(ground.net.front, lambda kernel: kernel.neigh("replace", dst="203.0.113.2", ifindex=second, **KNOWN))
    asked(ground.net.front, lambda kernel: kernel.route("add", dst=f"{addresses[0]}/32", gateway="203.0.113.2", oif=second))
    assert front.becomes(addresses[0], next_hop_entry(GATEWAY_MAC, SECOND_PLACE))
    asked(ground.net.front, lambda kernel: kernel.link("set", index=second, state="down"))
    try:
        assert front.becomes(addresses[0], NOT_KNOWN)
        assert {front.entry(one) for one in addresses} == {NOT_KNOWN}
        front.write()
        assert {front.entry(one) for one in addresses} == {NOT_KNOWN, usual}
        front.write()
        assert {front.entry(one) for one in addresses} == {usual}
    finally:
        asked(ground.net.front, lambda kernel: kernel.link("set", index=second, state="up"))


def test_who_has_no_frames_is_given_up(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "ROUND", 0.0)
    front.want(SERVER[0], far(0))
    front.write()
    front.write()  # they have had the one that they were learned for
    assert front.is_learned(SERVER[0]) and front.is_learned(far(0))
    front.nets["used"][front.place(far(0))] = 1
    front.write()
    assert not front.is_learned(SERVER[0]) and front.is_learned(far(0))
    front.want(SERVER[0])
    front.write()
    assert front.is_learned(SERVER[0])


def test_a_reload_keeps_what_is_as_before(ground: Ground, front: Front) -> None:
    """What is excluded, or another host's, or whose host has changed, is forgotten, and learned anew if it may be."""
    two = "198.19.0.7"
    for number in (1, 2):
        front.nets["grace_until"][front.nets["host"] == number] = number
    front.want(SERVER[0], SERVER[1], far(0))
    front.want(two, host=2)
    front.write()
    kept = [front.place(one) for one in (SERVER[1], far(0))]
    assert front.nets["grace_until"][[*kept, front.place(two)]].tolist() == [1, 1, 2]
    around = {*front.nets["host"].nonzero()[0].tolist()} - {front.place(one) for one in (SERVER[0], SERVER[1], far(0), two)}
    front.nets["grace_until"][[*around]] = 3  # as control/publish.py does it
    front.reload(configured(ground, {"one": WIDE["one"]}, OWN))  # host two is gone, and an address is another's
    assert len(front.records) == 2 and front.nets["grace_until"][kept].tolist() == [3, 3]
    assert [front.place(one) for one in (SERVER[1], far(0))] == kept
    assert front.place(two) == 0 and front.nets["host"][front.place(SERVER[0])] == 3
    front.reload(configured(ground, WIDE))
    assert [front.place(one) for one in (SERVER[1], far(0))] == kept
    assert front.entry(SERVER[0]) == front.entry(two) == TO_LEARN.to_bytes(8, "little")
    front.reload(configured(ground, WIDE, default="drop"))
    assert not len(front.records) and front.entry(far(0)) == TO_LEARN.to_bytes(8, "little")
    front.want(far(0))
    front.write()
    assert front.is_learned(far(0)) and front.place(far(0)) not in kept, "a frame may be on its way through that"
    front.reload(configured(ground, WIDE, via="kernel"))
    front.want(far(0))
    front.write()
    assert not front.is_learned(far(0))


def test_one_host_does_not_displace_another(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has frames sent to ever more addresses of host one, and nobody waits for a frame of host two's."""
    monkeypatch.setattr("hardtack.control.learned.REST", 0.0)
    monkeypatch.setattr(learning, "LEARNED", 20)
    two = [f"198.19.0.{number}" for number in range(1, 9)]
    with running(ground, configured(ground, WIDE), most=64) as front:
        front.want(*two, host=2)
        front.write()
        before = len(front.records)
        seen: set[str] = set()
        for burst in range(12):
            wanted = [far(burst % 2, secrets.randbelow(1 << 16)) for _ in range(PART)]
            front.want(*wanted)
            front.write()
            learned = {str(one.address) for one in front.records}
            assert len(learned - seen) <= 20 + 8 and len(learned) <= 64
            seen |= learned
        assert all(map(front.is_learned, two)) and len(seen) > 64 > before
        late = "198.19.9.9"
        front.want(late, host=2)
        front.want(*(far(0, 300 + number) for number in range(PART)))
        front.write()
        front.write()
        assert front.is_learned(late), "and has its turn"


def test_a_full_table_of_prefixes_is_told_once(ground: Ground, front: Front) -> None:
    """Then they are the kernel's. Whatever has been learned stays."""
    front.want(far(1))
    front.write()
    taken = front.trees.memory.take(np.array([4] * (front.trees.memory.units - front.trees.memory.used - 1)))
    with journal() as lines:
        for _ in range(2):
            front.want(*(far(1, secrets.randbits(70)) for _ in range(50)))
            front.write()
    assert len(lines) == 1 and "table of prefixes is full" in lines[0], lines
    assert len(front.records) == 1 and front.is_learned(far(1))
    front.trees.memory.untake([(taken, np.full(len(taken), 4))])
    front.want(far(1, 5))
    front.write()
    assert front.is_learned(far(1, 5))
