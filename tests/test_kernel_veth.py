"""veth, of itself: when what an XDP program sends back arrives, whether we know it beforehand, and what doctor says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from kernel_ground import image, needs_root

from hardtack.cli.checkup import mode
from hardtack.kernel import links, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.interfaces import find
from hardtack.lab.lab import Lab
from hardtack.lab.links import Interface

pytestmark = needs_root
PASS, TX = 2, 3  # enum xdp_action
ETHERTYPE = 0x88B5  # for local experiments
NONE, GRO, GENERIC, DRIVER = "none", "gro", "generic", "driver"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Interface, Interface]]:
    """A container's veth and its other end, each in a namespace, and nothing on the wire but what a test sends."""
    with Lab() as lab:
        near, far = lab.namespace("outside"), lab.namespace("container")
        for namespace in (near, far):
            namespace.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        yield lab.join(near, far)


def comes_back(near: Interface) -> bool:
    """Whether a frame sent out of this interface comes in by it again."""

    def inside() -> bool:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE)) as line:
            line.bind((near.name, ETHERTYPE))
            line.settimeout(0.3)
            line.send(b"\xff" * 6 + near.mac + ETHERTYPE.to_bytes(2, "big") + bytes(46))
            with suppress(TimeoutError):
                while line.recvfrom(100)[1][2] == socket.PACKET_OUTGOING:
                    pass
                return True
        return False

    return near.namespace.call(inside)


@pytest.mark.parametrize("there", [NONE, GRO, GENERIC, DRIVER])
def test_what_the_driver_sends_back_arrives_where_there_is_a_program(pair: tuple[Interface, Interface], there: str) -> None:
    near, far = pair
    near.features(gro=there == GRO)
    with ExitStack() as parts:
        passing, mirror = (parts.enter_context(programs.load(image(returning(verdict)), {})) for verdict in (PASS, TX))
        if there in (GENERIC, DRIVER):
            parts.enter_context(near.namespace.call(links.attach_xdp, passing, near.index, there))  # type: ignore[arg-type]
        found = far.namespace.call(find, far.name)
        with far.namespace.call(links.attach_xdp, mirror, far.index, "driver"):
            assert comes_back(near) is (there == DRIVER) is (not found.answers_lost)
            assert ("driver mode" in mode(found)) is (there == DRIVER)
        with far.namespace.call(links.attach_xdp, mirror, far.index, "generic"):
            assert comes_back(near)


def test_other_interfaces_lose_nothing() -> None:
    assert find("lo").answers_lost == ""
