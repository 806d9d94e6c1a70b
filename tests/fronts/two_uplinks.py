"""A front with two uplinks: two veth pairs to the client, who sends by either.

     client                              front                           server
    +--------------------+         +------------------+         +-----------------+
    |  198.51.100.2 near +---------+ outside   inside +---------+ far             |
    |                    |         |                  |         |  192.0.2.10 .11 |
    |   203.0.113.2 near +---------+ outside          |         |  2001:db8::10 : |
    +--------------------+         +------------------+         +-----------------+

IPv6: 2001:db8:1::/64 and 2001:db8:2::/64. The front knows the client by the first of them, so hosts' answers take that.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from handshake.stage import ADDRESSES, PATIENCE, SECOND_ADDRESSES, TALK
from handshake.tunnels import tunnel
from pyroute2 import IPRoute

from fronts.running import Value, agent, configuration, key
from hardtack.lab import topology
from hardtack.lab.addresses import BESIDE, CLIENT, FRONT, SECOND, SERVER, with_length
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect
from hardtack.lab.links import Interface
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology

CLIENT_THERE, FRONT_THERE = ("203.0.113.2", "2001:db8:2::2"), ("203.0.113.1", "2001:db8:2::1")
BY_KERNEL, STRAIGHT = ADDRESSES, SECOND_ADDRESSES  # of the host, by IP version
ARM = bytes.fromhex("02000000aa11")  # of a host beyond either uplink, whom nobody plays


@dataclass(frozen=True)
class Ground:
    """Where everything is: by the first uplink, and by the second."""

    first: Topology
    second: Topology
    folder: Path

    @property
    def both(self) -> list[str]:
        """The uplinks' names."""
        return [self.first.outside.name, self.second.outside.name]

    def settings(self, *uplinks: str, **front: Value) -> Path:
        """A configuration for these uplinks."""
        if self.first.is_local:
            hosts: list[dict[str, Value]] = [{"name": "here", "addresses": SERVER, "via": "local"}]
        else:
            hosts = [
                {"name": "kernel", "addresses": SERVER, "via": "kernel"},
                {"name": "direct", "addresses": SECOND, "via": "direct"},
                {"name": "one-armed", "addresses": BESIDE, "via": "mac", "mac": ARM.hex(":")},
            ]
        return configuration(self.folder, self.first.outside, hosts, interface=uplinks or self.both, **front)

    def send_by(self, side: Topology) -> None:
        """The client sends everything by this uplink from now on."""
        for gateway in FRONT if side is self.first else FRONT_THERE:
            side.near.add_routes("default", via=gateway)


@contextmanager
def two_uplinks(
    folder: Path, kind: Callable[[], Any] = topology.routed, second: Literal["driver", "generic", "tunnel"] = "driver"
) -> Iterator[Ground]:
    """All but a front. `second`: what the second uplink is: a veth as the first, one whose driver's answers reach nobody."""
    with ExitStack() as parts:
        net = parts.enter_context(kind())
        if second == "tunnel":
            near, outside = parts.enter_context(tunnel(net.client, net.front))
        else:
            near, outside = net.lab.join(net.client, net.front)
            near.features(gro=True)
            outside.features(gro=True)
        for interface, addresses in ((near, CLIENT_THERE), (outside, FRONT_THERE)):
            interface.add_addresses(*with_length(addresses, 24, 64))
        for end in (net.near, near) if second == "driver" else (net.near,):
            parts.enter_context(attach(end, PASS))
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        key(folder)
        if not net.is_local:
            parts.enter_context(agent(net.far, folder))
        local = {"inside": outside, "far": outside} if net.is_local else {}
        yield Ground(net, replace(net, near=near, outside=outside, **local), folder)


def told(interface: Interface, command: Callable[[IPRoute], Any]) -> None:
    """Have the kernel do something in an interface's namespace."""

    def inside() -> None:
        with IPRoute() as kernel:
            command(kernel)

    interface.namespace.call(inside)


def answers_by_both(ground: Ground) -> None:
    """What is for the client's first address leaves the front by either uplink, connection by connection."""
    one, two = ground.first.outside, ground.second.outside
    for version, family, length in ((4, 2, 32), (6, 10, 128)):
        one.namespace.sysctl(f"net.ipv{version}.fib_multipath_hash_policy", 1)
        client, there = CLIENT[version == 6], CLIENT_THERE[version == 6]
        ways = [{"oif": one.index, "gateway": client, "flags": 4}, {"oif": two.index, "gateway": there}]  # RTNH_F_ONLINK
        way = {"family": family, "dst": f"{client}/{length}", "multipath": ways}
        told(one, lambda kernel, way=way: kernel.route("replace", **way))  # type: ignore[misc]


def speak(session: socket.socket) -> None:
    """It is alive in both directions."""
    session.sendall(b"hello")
    assert session.recv(5, socket.MSG_WAITALL) == b"hello"


def opened(ground: Ground, address: str) -> socket.socket:
    """A session with the talker."""
    session = connect(ground.first.client, address, TALK, timeout=PATIENCE)
    session.sendall(b"echo\n")
    speak(session)
    return session
