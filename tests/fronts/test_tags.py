"""VLAN tags on the way to a host: kept, rewritten, added or taken off. Both kernels here know nothing of VLANs."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
from handshake.raw import ALL_OPTIONS, Peer, Wire, tag_showing_socket, wired, with_tag
from handshake.stage import TALK
from naive.frames import ACK, PROVIDER, PSH, SYN, VLAN

from fronts.running import Value, agent, configuration, counting, front
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER, THIRD, with_length
from hardtack.lab.attach import attach
from hardtack.lab.clients import ping
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

HOSTS_VLAN = 200
PRIORITY = 0x6000
TAG = (VLAN, PRIORITY | 5)
Tags = Sequence[tuple[int, int]]
SEEN, UNSEEN = 21_000, 21_001  # ports of clients whom rules drop
RULES = [f"drop tcp and src port {UNSEEN}", f"drop vlan 5 and tcp and src port {SEEN}"]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Three hosts, which are one: SERVER's frames get a tag, SECOND's lose theirs, THIRD's keep it."""
    folder = tmp_path_factory.mktemp("tags")
    with ExitStack() as parts:
        made = parts.enter_context(topology.routed())
        made.far.add_addresses(*with_length(THIRD, 24, 64))
        parts.enter_context(attach(made.near, PASS))
        parts.enter_context(talker(made.server, SERVER + SECOND + THIRD, [TALK]))
        mac = made.far.mac.hex(":")
        hosts: list[dict[str, Value]] = [
            {"name": "tagged", "addresses": SERVER, "via": "mac", "mac": mac, "out": made.inside.name, "vlan": HOSTS_VLAN},
            {"name": "bare", "addresses": SECOND, "via": "direct", "vlan": "none"},
            {"name": "kept", "addresses": THIRD, "via": "direct", "rules": RULES},
        ]
        settings = configuration(folder, made.outside, hosts, inside=[made.inside.name])
        parts.enter_context(agent(made.far, folder))
        parts.enter_context(front(made.outside, settings))
        for address in SECOND + THIRD:  # whoever is to be found by ARP has been found
            assert ping(made.client, address)
        yield made


@pytest.fixture
def wire(net: Topology) -> Iterator[Wire]:
    """The client's link."""
    with wired(net) as made:
        yield made


def arrived(net: Topology, peer: Peer) -> bytes:
    """The client's ACK and question, as they come to the host's interface, from the tags on."""
    peer.syn()
    question = b"echo\n%d" % peer.source_port
    with net.server.call(tag_showing_socket, net.far.name) as packets:
        peer.send(ACK | PSH, question)
        while not (frame := with_tag(packets)).endswith(question):
            continue
    assert frame[:12] == net.far.mac + net.inside.mac
    return frame[12:]


def written(tags: Tags, version: int) -> bytes:
    """Tags and Ethernet type, as in a frame."""
    return b"".join(struct.pack("!HH", *tag) for tag in tags) + (b"\x08\x00" if version == 4 else b"\x86\xdd")


@pytest.mark.parametrize(
    ("addresses", "tags", "expected"),
    [
        (THIRD, [], []),
        (THIRD, [TAG], [TAG]),
        (THIRD, [(PROVIDER, 7), TAG], [(PROVIDER, 7), TAG]),
        (SERVER, [], [(VLAN, HOSTS_VLAN)]),
        (SERVER, [TAG], [(VLAN, PRIORITY | HOSTS_VLAN)]),
        (SERVER, [(PROVIDER, PRIORITY | 7), (VLAN, 5)], [(VLAN, PRIORITY | HOSTS_VLAN)]),
        (SECOND, [], []),
        (SECOND, [TAG], []),
        (SECOND, [(PROVIDER, 7), TAG], []),
    ],
    ids=[f"{what}, {before}" for what in ("kept", "rewritten", "taken off") for before in ("none", "one", "two")],
)
def test_tags(net: Topology, wire: Wire, version: int, addresses: tuple[str, str], tags: Tags, expected: Tags) -> None:
    peer = Peer(wire, version, TALK, to=addresses[version == 6], tags=tags)
    assert arrived(net, peer).startswith(written(expected, version) + (b"\x45" if version == 4 else b"\x60"))
    peer.leave()


def test_a_host_outside_of_all_vlans_serves_clients_inside_of_one(net: Topology, wire: Wire, version: int) -> None:
    peer = Peer(wire, version, TALK, to=SECOND[version == 6], tags=[TAG])
    peer.syn()
    peer.send(ACK)
    assert peer.ask()["peer"] == [peer.source, peer.source_port]
    peer.leave()


@pytest.mark.parametrize("tags", [[], [TAG], [(PROVIDER, 7), TAG]], ids=["none", "one", "two"])
def test_a_rule_means_the_same_with_tags_and_without(net: Topology, wire: Wire, version: int, tags: Tags) -> None:
    """But for one that asks for a tag: that sees the frame as it is, from the outermost on."""
    unseen, seen = (
        Peer(wire, version, TALK, to=THIRD[version == 6], tags=tags, source_port=port) for port in (UNSEEN, SEEN)
    )
    with counting(net.outside) as counted:
        for peer in (unseen, seen):
            wire.send(peer.frame(SYN, carried=ALL_OPTIONS))
        assert ping(net.client, THIRD[version == 6])  # behind them
    assert counted[Reason.rule_drop] == 1 + (tags == [TAG])
    assert counted[Reason.answered] == (tags != [TAG])
