"""What stands in an agent's way on a host, told: a VRF, accept queues that were full."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernel_ground import needs_root, veth_pair

from hardtack.diagnosis.finding import Site
from hardtack.diagnosis.overflows import full_accept_queues, overflows
from hardtack.diagnosis.vrf import place_of, vrf
from hardtack.kernel.netlink import IFLA_LINKINFO, INFO_KIND, INFO_PORT_KIND, attribute

pytestmark = needs_root


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    """One of our own."""
    with veth_pair():
        yield


def information(kind: bytes, slave: bytes = b"") -> dict[int, bytes]:
    """Of an interface of a kind, in one of another: no kernel is sure to have VRFs."""
    return {IFLA_LINKINFO: attribute(INFO_KIND, kind + b"\0") + (attribute(INFO_PORT_KIND, slave + b"\0") if slave else b"")}


def test_a_vrf_is_told() -> None:
    assert place_of(information(b"vrf")) == "a VRF"
    assert place_of(information(b"veth", b"vrf")) == place_of(information(b"bond", b"vrf")) == "in a VRF"
    assert place_of(information(b"veth", b"bridge")) == place_of(information(b"veth")) == place_of({}) == ""
    for interface in ("left", "none"):
        assert not list(vrf(Site("agent", interface)))


def test_full_accept_queues_are_told() -> None:
    assert not list(full_accept_queues(Site("agent", "left")))
    assert overflows("TcpExt: A ListenOverflows B\nTcpExt: 1 7 2\nIpExt: C\nIpExt: 9\n") == 7
    assert overflows("IpExt: C\nIpExt: 9\n") == 0
