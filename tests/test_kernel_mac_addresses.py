"""By which MAC addresses frames are this machine's, as a real kernel has them: of stacked and joined interfaces."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lab_ground import needs_root
from pyroute2 import IPRoute

from hardtack.kernel import mac_addresses, netlink
from hardtack.lab.lab import Lab
from hardtack.lab.links import Interface, bridge
from hardtack.lab.namespaces import Namespace

pytestmark = needs_root

VIRTUAL, LODGER, FILTERED = (bytes.fromhex(mac) for mac in ("00005e000107", "0242ac110002", "02000000f17e"))
GROUP, LEARNED = bytes.fromhex("01005e000107"), bytes.fromhex("020000001ea2")
REACHABLE = 0x02  # NUD_REACHABLE: a machine behind a port


@dataclass(frozen=True)
class Ground:
    """A namespace with two interfaces, and one that containers live in."""

    lab: Lab
    here: Namespace
    there: Namespace
    first: Interface
    second: Interface

    def ask(self, command: Callable[[IPRoute], Any], namespace: Namespace | None = None) -> None:
        """Have the kernel do something."""

        def inside() -> None:
            with IPRoute() as kernel:
                command(kernel)

        (namespace or self.here).call(inside)

    def of(self, interface: int) -> list[bytes]:
        """What we look for."""

        def inside() -> list[bytes]:
            with netlink.opened(socket.NETLINK_ROUTE) as kernel:
                return [*mac_addresses.of(kernel, interface)]

        return self.here.call(inside)

    def macvlan(self, mac: bytes, **more: Any) -> None:
        """One more interface on the first, with an address of its own."""
        about = {"ifname": "above", "kind": "macvlan", "macvlan_mode": "bridge", "link": self.first.index}
        self.ask(lambda kernel: kernel.link("add", address=mac.hex(":"), **about, **more))


@pytest.fixture
def ground() -> Iterator[Ground]:
    with Lab() as lab:
        here, there = lab.namespace("here"), lab.namespace("there")
        first, _ = lab.join(here, there)
        second, _ = lab.join(here, there)
        yield Ground(lab, here, there, first, second)


def test_its_own_and_none_where_there_is_none(ground: Ground) -> None:
    assert ground.of(ground.first.index) == [ground.first.mac]
    assert ground.of(1) == [bytes(6)]  # lo
    assert ground.of(9999) == []


def test_macvlans_here_and_in_containers(ground: Ground) -> None:
    """As long as they are up."""
    ground.macvlan(VIRTUAL)
    assert ground.of(ground.first.index) == [ground.first.mac]
    ground.ask(lambda kernel: kernel.link("set", ifname="above", state="up"))
    assert ground.of(ground.first.index) == [ground.first.mac, VIRTUAL]
    ground.ask(lambda kernel: kernel.link("set", ifname="above", net_ns_fd=ground.there.name))
    ground.ask(lambda kernel: kernel.link("set", ifname="above", state="up", address=LODGER.hex(":")), ground.there)
    assert ground.of(ground.first.index) == [ground.first.mac, LODGER]
    assert ground.of(ground.second.index) == [ground.second.mac]


def test_what_its_filter_has_but_no_groups(ground: Ground) -> None:
    where = ground.first.index
    ground.ask(lambda kernel: [kernel.fdb("add", ifindex=where, lladdr=mac.hex(":")) for mac in (FILTERED, GROUP)])
    assert ground.of(ground.first.index) == [ground.first.mac, FILTERED]


def test_bridges_and_their_ports(ground: Ground) -> None:
    """The bridge's for its port, the ports' for the bridge; but not another port's, nor what is behind one."""
    first, second = ground.first, ground.second
    bridge("joined", [first, second])
    joined = ground.here.call(socket.if_nametoindex, "joined")
    ground.ask(lambda kernel: kernel.link("set", index=joined, address=VIRTUAL.hex(":")))
    behind = {"ifindex": first.index, "lladdr": LEARNED.hex(":"), "master": joined, "state": REACHABLE}
    ground.ask(lambda kernel: kernel.fdb("add", flags=0x04, **behind))  # NTF_MASTER
    assert ground.of(first.index) == [first.mac, VIRTUAL]
    assert ground.of(second.index) == [second.mac, VIRTUAL]
    assert sorted(ground.of(joined)) == sorted([VIRTUAL, first.mac, second.mac])
    assert ground.of(joined)[0] == VIRTUAL
