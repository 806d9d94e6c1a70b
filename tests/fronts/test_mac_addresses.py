"""For whose MAC address frames may come in: all of this machine's, as they are now, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handshake.counted import pinned
from handshake.raw import Peer, wired
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually
from naive.frames import ACK, SYN
from naive.parse import Segment, parse
from pyroute2 import IPRoute

from fronts.running import counting
from fronts.straight import ADDRESSES, straight
from hardtack.image import ONLY
from hardtack.lab.addresses import FRONT
from hardtack.lab.capture import capturing
from hardtack.lab.clients import upload
from hardtack.lab.counters import tcp_events
from hardtack.lab.links import Interface
from hardtack.lab.process import run
from hardtack.lab.topology import Topology
from hardtack.packet.layout import MAC_SHIFT, OUTSIDE, Outside
from hardtack.packet.reasons import Reason

VIRTUAL = bytes.fromhex("00005e000107")  # of a virtual router: RFC 5798 7.3
FILTERED, NEW = bytes.fromhex("02000000f17e"), bytes.fromhex("020000000e3e")
GROUP, ALL_NODES, EVERYBODY = bytes.fromhex("01005e000107"), bytes.fromhex("333300000001"), b"\xff" * 6
SIZE = 300_000
PERMANENT = 0x80  # NUD_PERMANENT


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with straight(tmp_path_factory.mktemp("straight")) as made:
        yield made


def told(interface: Interface, command: Callable[[IPRoute], Any]) -> None:
    """Have the kernel do something in an interface's namespace."""

    def inside() -> None:
        with IPRoute() as kernel:
            command(kernel)

    interface.namespace.call(inside)


@contextmanager
def virtual_router(outside: Interface) -> Iterator[bytes]:
    """As keepalived makes one."""
    about = {"ifname": "vrrp.7", "kind": "macvlan", "macvlan_mode": "private", "link": outside.index}
    told(outside, lambda kernel: kernel.link("add", address=VIRTUAL.hex(":"), state="up", **about))
    yield VIRTUAL
    told(outside, lambda kernel: kernel.link("del", ifname="vrrp.7"))


@contextmanager
def filter_entry(outside: Interface) -> Iterator[bytes]:
    """One more address that the card lets through."""
    told(outside, lambda kernel: kernel.fdb("add", ifindex=outside.index, lladdr=FILTERED.hex(":")))
    yield FILTERED
    told(outside, lambda kernel: kernel.fdb("del", ifindex=outside.index, lladdr=FILTERED.hex(":")))


@contextmanager
def another_address(outside: Interface) -> Iterator[bytes]:
    """The interface's own, changed while the front is at work."""
    told(outside, lambda kernel: kernel.link("set", index=outside.index, address=NEW.hex(":")))
    yield NEW
    told(outside, lambda kernel: kernel.link("set", index=outside.index, address=outside.mac.hex(":")))


def known(outside: Interface) -> set[bytes]:
    """The MAC addresses that the packet program has for its own."""
    with pinned(outside, OUTSIDE) as table:
        record = np.frombuffer(table.lookup(ONLY) or b"", Outside)[0]
    words = [int(record["mac"]), *(int(word) for word in record["others"] if word)]
    return {(word >> MAC_SHIFT).to_bytes(6, "little") for word in words}


@contextmanager
def sending_to(net: Topology, mac: bytes) -> Iterator[None]:
    """The client's frames for the front go there, once the front knows."""
    assert eventually(lambda: mac in known(net.outside), PATIENCE), known(net.outside)
    told(net.near, lambda kernel: neighbours(kernel, "replace", net.near, lladdr=mac.hex(":"), state=PERMANENT))
    yield
    told(net.near, lambda kernel: neighbours(kernel, "del", net.near))


def neighbours(kernel: IPRoute, command: str, near: Interface, **facts: Any) -> None:
    """Change what the client knows of the front."""
    for address in FRONT:
        kernel.neigh(command, family=10 if ":" in address else 2, dst=address, ifindex=near.index, **facts)


@pytest.mark.parametrize("ours", [virtual_router, filter_entry, another_address], ids=lambda ours: ours.__name__)
def test_all_that_are_ours(net: Topology, ours: Callable[[Interface], Any]) -> None:
    """Answered from there, and sent on past the kernel, by each way; when it has gone, it is not ours any more."""
    with ours(net.outside) as mac, sending_to(net, mac):
        for version in (4, 6):
            octets = "Ip6InOctets" if version == 6 else "IpExtInOctets"
            for addresses in ADDRESSES.values():
                before = tcp_events(net.front)[octets]
                with counting(net.outside) as seen, capturing(net.near) as frames:
                    upload(net.client, addresses[version == 6], TALK, SIZE, timeout=PATIENCE)
                    [answer] = frames.wait_for(is_answer)
                assert answer[6:12] == mac
                assert (seen[Reason.answered], seen[Reason.remembered], seen[Reason.not_for_us]) == (1, 1, 0)
                assert tcp_events(net.front)[octets] - before < SIZE / 2
    assert eventually(lambda: known(net.outside) == {net.outside.mac}, PATIENCE), known(net.outside)
    refused(net, [mac])


def is_answer(frame: bytes) -> bool:
    """Whether it is a SYN-ACK."""
    segment = parse(frame)
    return isinstance(segment, Segment) and segment.flags == SYN | ACK


def refused(net: Topology, macs: Sequence[bytes]) -> None:
    """A SYN that is sent to one of these gets no answer of the front's."""
    for version in (4, 6):
        for mac in macs:
            with wired(net) as wire, counting(net.outside) as seen:
                wire.receiver = replace(wire.receiver, mac=mac)
                peer = Peer(wire, version, TALK)
                wire.send(peer.frame(SYN))
                wire.settle()
            assert (seen[Reason.not_for_us], seen[Reason.answered]) == (1, 0)


def test_while_there_is_another_the_old_one_is_nobodys(net: Topology) -> None:
    with another_address(net.outside) as mac, sending_to(net, mac):
        refused(net, [net.outside.mac])
    assert eventually(lambda: known(net.outside) == {net.outside.mac}, PATIENCE)


def test_never_a_group(net: Topology) -> None:
    """Also where the card lets it through."""
    done = run(["bridge", "fdb", "add", GROUP.hex(":"), "dev", net.outside.name, "self"], net.front)
    assert done.returncode == 0, done.stderr
    with filter_entry(net.outside) as mac:
        assert eventually(lambda: mac in known(net.outside), PATIENCE)
        assert known(net.outside) == {net.outside.mac, mac}
        refused(net, [GROUP, ALL_NODES, EVERYBODY])
