"""The af_xdp engine with two uplinks: each has sockets, and a way to the kernel, of its own.

    near ===== outside (front) inside ===== far
    next ===== second
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from af_xdp_ground import PORT, Ground, ground, packet_socket
from kernel_ground import needs_root
from naive.frames import Ethernet, IPv4, Tcp, frame

from hardtack.control import tables
from hardtack.control.exits import WHICHEVER
from hardtack.control.uplinks import Uplink, outside_entry
from hardtack.engines.af_xdp import Engine, Wanted
from hardtack.image import ONLY
from hardtack.lab.addresses import BESIDE, CLIENT, SERVER
from hardtack.lab.bench.front import exit_of
from hardtack.lab.capture import capturing
from hardtack.lab.links import Interface

pytestmark = needs_root


@dataclass
class Two:
    """The network, and the uplinks with what is at their other ends; the engine at work."""

    place: Ground
    engine: Engine
    ends: list[tuple[Interface, Interface]]

    def send(self, number: int, host: str, port: int) -> bytes:
        """A SYN that comes in by an uplink."""
        near, uplink = self.ends[number]
        syn = frame(IPv4(CLIENT[0], host), Tcp(port, PORT), Ethernet(near.mac, uplink.mac))
        with near.namespace.call(packet_socket, near.name) as out:
            out.send(syn)
        return syn


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    with ground() as place:
        net = place.net
        ends = [(net.near, net.outside), net.lab.join(net.lab.namespace("next"), net.front)]
        uplinks = [uplink for _, uplink in ends]
        place.tables["exits"].update(ONLY, tables.exits_entry([WHICHEVER, *map(exit_of, uplinks), exit_of(net.inside)]))
        ways = {number: Uplink([one.mac], ways_in=[one.index]) for number, one in enumerate(uplinks, 1)}
        place.tables["outside"].update(ONLY, outside_entry(ways))
        wanted = Wanted({number: one.name for number, one in enumerate(uplinks, 1)}, {3: net.inside.name})
        engine = net.front.call(Engine, place.tables, wanted)
        try:
            net.front.call(engine.start)
            yield Two(place, engine, ends)
        finally:
            net.front.call(engine.close)


@pytest.mark.parametrize("number", [0, 1])
def test_replies_leave_where_the_syn_came_in(two: Two, number: int) -> None:
    near, uplink = two.ends[number]
    with capturing(near) as heard:
        two.send(number, SERVER[0], 41_000)
        (reply,) = heard.wait_for(lambda data: data[23] == 6 and data[30:34] == bytes(map(int, CLIENT[0].split("."))))
    assert reply[:12] == near.mac + uplink.mac


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_for_the_kernel_comes_in_where_it_came_in(two: Two, number: int) -> None:
    with capturing(two.ends[number][1]) as seen:
        syn = two.send(number, BESIDE[0], 42_000)
        assert seen.wait_for(lambda data: data == syn)
