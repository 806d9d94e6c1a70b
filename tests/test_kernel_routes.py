"""Routes, neighbours, interfaces and news of them, judged by pyroute2, which asks the same kernel."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest
from kernel_ground import needs_root, veth_pair
from pyroute2 import IPRoute

from hardtack.kernel import routes
from hardtack.kernel.netlink import attribute
from hardtack.kernel.route_events import Events, News, take_in

MAC = "02:00:00:00:00:55"
NEIGHBOURS = ("192.0.2.9", "2001:db8::9")
GATEWAYS = ("192.0.2.1", "2001:db8::1")


@pytest.fixture(scope="module")
def left() -> Iterator[int]:
    """Both families on "left" of a veth pair: a network, a default route by a gateway, routes of every other kind."""
    with veth_pair() as (left, _), IPRoute() as kernel:
        for address, length in (("192.0.2.2", 24), ("2001:db8::2", 64)):
            kernel.addr("add", index=left, address=address, prefixlen=length, flags=0x02)  # IFA_F_NODAD
        for gateway, other in zip(GATEWAYS, ("198.51.100.1/32", "2001:db8:1::1/128"), strict=True):
            family = 10 if ":" in gateway else 2
            kernel.route("add", family=family, dst="default", gateway=gateway, oif=left)
            kernel.route("add", family=family, dst=other, gateway=gateway, oif=left, metrics={"mtu": 1300})
        kernel.route("add", family=2, dst="198.51.100.2/32", type="blackhole")
        kernel.route("add", family=2, dst="198.51.100.3/32", type="prohibit")
        kernel.route("add", family=10, dst="2001:db8:1::2/128", type="unreachable")
        yield left


@needs_root
@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.9",
        "192.0.2.2",
        "203.0.113.5",
        "198.51.100.1",
        "2001:db8::9",
        "2001:db8::2",
        "2001:db8:5::5",
        "2001:db8:1::1",
    ],
)
def test_routes_are_those_of_the_kernel(left: int, text: str) -> None:
    with IPRoute() as kernel:
        (told,) = kernel.route("get", family=10 if ":" in text else 2, dst=text)
    with routes.Routing() as asked:
        found = asked.route(ip_address(text).packed)
    assert found is not None and not found.encapsulated
    assert (found.kind, found.interface) == (told["type"], told.get("oif"))
    gateway = told.get("gateway")
    assert found.gateway == (ip_address(gateway).packed if gateway else b"")
    assert found.mtu == (1300 if text in ("198.51.100.1", "2001:db8:1::1") else 0)


@needs_root
@pytest.mark.parametrize("text", ["198.51.100.2", "198.51.100.3", "2001:db8:1::2"])
def test_routes_that_lead_nowhere(left: int, text: str) -> None:
    with routes.Routing() as asked:
        assert asked.route(ip_address(text).packed) is None


@needs_root
@pytest.mark.parametrize("text", NEIGHBOURS)
def test_neighbours(left: int, text: str) -> None:
    address, family = ip_address(text).packed, 10 if ":" in text else 2
    with routes.Routing() as asked, IPRoute() as kernel:
        assert asked.neighbour(left, address) == (0, b"")
        for state in (routes.STALE, routes.PERMANENT, routes.REACHABLE):
            kernel.neigh("replace", family=family, dst=text, lladdr=MAC, ifindex=left, state=state)
            assert asked.neighbour(left, address) == (state, bytes.fromhex(MAC.replace(":", "")))
            assert state & routes.USABLE
        kernel.neigh("del", family=family, dst=text, ifindex=left)
        assert not asked.neighbour(left, address)[0] & routes.USABLE
        assert asked.neighbour(9999, address) == (0, b"")


@needs_root
def test_interfaces(left: int) -> None:
    with routes.Routing() as asked, IPRoute() as kernel:
        (told,) = kernel.link("get", index=left)
        mac = bytes.fromhex(told.get("address").replace(":", ""))
        assert asked.link(left) == routes.Link("left", left, True, True, mac, 1500, 0, 0)
        lo = asked.link(1)
        assert lo and (lo.name, lo.ethernet, lo.up) == ("lo", False, False)
        assert asked.link(9999) is None


@pytest.mark.parametrize(
    ("kind", "protocol", "expected"),
    [("vlan", 0x8100, (7, 100)), ("vlan", 0x88A8, (0, 0)), ("macvlan", 0x8100, (0, 0)), ("veth", 0, (0, 0))],
)
def test_what_carries_a_vlan(kind: str, protocol: int, expected: tuple[int, int]) -> None:
    """As the kernel writes IFLA_LINKINFO; not every kernel here has VLAN interfaces. 802.1ad tags are others."""
    data = attribute(1, struct.pack("=H", 100)) + attribute(5, struct.pack(">H", protocol))
    information = attribute(1, kind.encode() + b"\0") + attribute(2, data)
    assert routes.carrier({5: struct.pack("=I", 7), 18: information}) == expected


@needs_root
def test_news_say_what_they_are_of(left: int) -> None:
    events = Events()
    try:
        assert not events.read()
        with IPRoute() as kernel:
            kernel.route("add", family=2, dst="198.51.100.128/25", gateway=GATEWAYS[0], oif=left)
            kernel.route("add", family=10, dst="2001:db8:7::/48", gateway=GATEWAYS[1], oif=left)
            kernel.neigh("add", family=2, dst=NEIGHBOURS[0], lladdr=MAC, ifindex=left, state=routes.PERMANENT)
        news = events.read()
        assert news.networks >= {ip_network("198.51.100.128/25"), ip_network("2001:db8:7::/48")}
        assert (left, ip_address(NEIGHBOURS[0]).packed) in news.neighbours and not news.everything
        with IPRoute() as kernel:
            kernel.route("del", family=2, dst="default", gateway=GATEWAYS[0], oif=left)
            kernel.neigh("del", family=2, dst=NEIGHBOURS[0], ifindex=left)
        news = events.read()
        assert ip_network("0.0.0.0/0") in news.networks and not news.everything
        with IPRoute() as kernel:
            kernel.route("add", family=2, dst="default", gateway=GATEWAYS[0], oif=left)
            kernel.link("set", index=left, ifalias="changed")
        assert events.read().everything
    finally:
        events.close()


@needs_root
def test_news_that_were_lost_may_have_been_of_everything(left: int) -> None:
    events = Events()
    with socket.socket(fileno=os.dup(events.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    try:
        with IPRoute() as kernel:
            for number in range(100):
                kernel.neigh(
                    "add", family=2, dst=f"192.0.2.{100 + number}", lladdr=MAC, ifindex=left, state=routes.PERMANENT
                )
            for number in range(100):
                kernel.neigh("del", family=2, dst=f"192.0.2.{100 + number}", ifindex=left)
        assert events.read().everything
        assert not events.read()
    finally:
        events.close()


def test_a_message_that_announces_no_size_ends_somewhere() -> None:
    news = News()
    take_in(bytes(64), news)
    assert news.everything
