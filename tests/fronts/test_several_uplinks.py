"""A front with two uplinks, with real kernels: connections change side, answers go where they were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import pytest
from handshake.counted import pinned
from handshake.raw import Peer, Wire, wired
from handshake.stage import ADDRESSES, PATIENCE, TALK
from lab_ground import eventually
from naive.frames import ACK, PSH, SYN, Ethernet, IPv4, IPv6, Tcp, frame
from naive.parse import Segment, parse

from fronts.running import counting, front
from fronts.two_uplinks import (
    ARM,
    BY_KERNEL,
    CLIENT_THERE,
    STRAIGHT,
    Ground,
    answers_by_both,
    opened,
    speak,
    told,
    two_uplinks,
)
from hardtack.image import ONLY
from hardtack.lab.addresses import BESIDE, CLIENT
from hardtack.lab.capture import capturing
from hardtack.lab.clients import download, upload
from hardtack.packet.layout import MAC_SHIFT, OUTSIDE, Outside
from hardtack.packet.reasons import Reason

SIZE = 300_000
STRAYS = (Reason.stray_ack, Reason.stray_data, Reason.stray_syn_ack, Reason.implausible)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A front at work on both."""
    with two_uplinks(tmp_path_factory.mktemp("uplinks")) as made, front(made.first.outside, made.settings()):
        yield made


@pytest.mark.parametrize("addresses", [BY_KERNEL, STRAIGHT], ids=["kernel", "direct"])
def test_a_connection_changes_side(ground: Ground, addresses: dict[int, str], version: int) -> None:
    """From segment to segment, and its host's answers all go by the first."""
    with counting(ground.first.outside) as seen, opened(ground, addresses[version]) as session:
        for side in (ground.second, ground.first) * 10:
            ground.send_by(side)
            speak(session)
    assert (seen[Reason.answered], seen[Reason.remembered]) == (1, 1)
    assert seen[Reason.connection] >= 20 and not any(seen[reason] for reason in STRAYS)


@pytest.mark.parametrize("addresses", [BY_KERNEL, STRAIGHT], ids=["kernel", "direct"])
def test_transfers_by_the_second(ground: Ground, addresses: dict[int, str], version: int) -> None:
    """Also from the address that the client has there, to which answers leave by the second."""
    ground.send_by(ground.second)
    try:
        with counting(ground.first.outside) as seen:
            for source in (CLIENT, CLIENT_THERE):
                for transfer in (upload, download):
                    transfer(
                        ground.first.client, addresses[version], TALK, SIZE, source=source[version == 6], timeout=PATIENCE
                    )
    finally:
        ground.send_by(ground.first)
    assert (seen[Reason.answered], seen[Reason.remembered]) == (4, 4)
    assert seen[Reason.outbound] > 0 and not any(seen[reason] for reason in STRAYS)


def test_a_syn_is_answered_where_it_came_in_and_its_ack_may_come_elsewhere(ground: Ground, version: int) -> None:
    with wired(ground.first) as one, wired(ground.second) as two, counting(ground.first.outside) as seen:
        for first, then in ((one, two), (two, one)):
            peer = Peer(first, version, TALK)
            peer.syn()
            peer.wire = then
            peer.send(ACK)
            peer.send(ACK | PSH, b"info\n")
            peer.wire = one  # where the flood's addresses are
            assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
            peer.leave()
    assert (seen[Reason.answered], seen[Reason.remembered]) == (2, 2)


def ask_for(wire: Wire, mac: bytes, version: int) -> Peer:
    """A SYN for a MAC address."""
    before, wire.receiver = wire.receiver, replace(wire.receiver, mac=mac)
    peer = Peer(wire, version, TALK)
    wire.send(peer.frame(SYN))
    wire.receiver = before
    return peer


def test_what_is_for_the_other_uplinks_mac_address_is_not_ours_here(ground: Ground, version: int) -> None:
    """A switch has flooded it, and it came in there, too: one answers."""
    with wired(ground.first) as one, wired(ground.second) as two, counting(ground.first.outside) as seen:
        peers = [ask_for(wire, mac, version) for mac in macs(ground) for wire in (one, two)]
        one.settle()
        assert [len(peer.heard()) for peer in peers] == [1, 0, 0, 1]
    assert (seen[Reason.answered], seen[Reason.not_for_us]) == (2, 2)


def macs(ground: Ground) -> tuple[bytes, bytes]:
    """The uplinks' own."""
    return ground.first.outside.mac, ground.second.outside.mac


@contextmanager
def one_mac_address(ground: Ground) -> Iterator[None]:
    """Both uplinks have that of the first, as the slaves of a bond have."""
    second = ground.second.outside
    told(second, lambda kernel: kernel.link("set", index=second.index, address=ground.first.outside.mac.hex(":")))
    assert eventually(lambda: ours(ground) == {ground.first.outside.mac: 0b110}, PATIENCE), ours(ground)
    yield
    told(second, lambda kernel: kernel.link("set", index=second.index, address=second.mac.hex(":")))
    assert eventually(lambda: ours(ground) == dict(zip(macs(ground), (0b010, 0b100), strict=True)), PATIENCE)


def ours(ground: Ground) -> dict[bytes, int]:
    """The MAC addresses that the program knows, and bits of the uplinks where they are."""
    with pinned(ground.first.outside, OUTSIDE) as table:
        words = np.frombuffer(table.lookup(ONLY) or b"", Outside)[0]["others"]
    return {(int(word) >> MAC_SHIFT).to_bytes(6, "little"): int(word) & 0xFFFF for word in words if word}


def test_slaves_of_a_bond_have_one_mac_address(ground: Ground, version: int) -> None:
    with one_mac_address(ground), wired(ground.first) as one, wired(ground.second) as two:
        peers = [ask_for(wire, ground.first.outside.mac, version) for wire in (one, two)]
        for peer in peers:
            assert peer.hear().segment.flags == SYN | ACK
        assert ground.second.outside.mac not in ours(ground)


def test_one_armed_answers_go_out_where_they_came_in(ground: Ground, version: int) -> None:
    """The client's ACK is sent on by the uplink that it came in by, from this uplink's MAC address."""
    for side in (ground.first, ground.second):
        with wired(side) as wire:
            peer = Peer(wire, version, TALK, to=BESIDE[version == 6])
            peer.syn()
            given = peer.frame(ACK)
            wire.send(given)
            sent_on = wire.wait_for(lambda data: data[:6] == ARM)
        assert sent_on == ARM + side.outside.mac + given[12:]


def test_a_stranger_in_a_hosts_name_teaches_nothing(ground: Ground, version: int) -> None:
    """It comes in by one uplink and the kernel sends it out of the other; what the host sends by itself does teach."""
    with wired(ground.first) as home, wired(ground.second) as wire, counting(ground.first.outside) as seen:
        peer = Peer(home, version, TALK)
        segment = Tcp(TALK, peer.source_port, flags=SYN | ACK)
        source = ADDRESSES[version]
        ip = IPv4(source, peer.source) if version == 4 else IPv6(source, peer.source)
        wire.send(frame(ip, segment, Ethernet(wire.sender.mac, wire.receiver.mac)))
        assert peer.hear().flags == SYN | ACK
    assert (seen[Reason.outbound_forged], seen[Reason.taught]) == (1, 0)


def test_answers_may_leave_by_both(ground: Ground, version: int) -> None:
    """Linux chooses one of two ways for each connection."""
    answers_by_both(ground)
    with (
        counting(ground.first.outside) as seen,
        capturing(ground.first.near) as one,
        capturing(ground.second.near) as two,
        ExitStack() as sessions,
    ):
        for _ in range(20):
            sessions.enter_context(opened(ground, BY_KERNEL[version]))
        assert min(len(from_server(capture.frames)) for capture in (one, two)) > 0
    assert (seen[Reason.remembered], seen[Reason.outbound] > 0) == (20, True)
    assert not any(seen[reason] for reason in STRAYS)


def from_server(frames: list[bytes]) -> list[Segment]:
    """Those with data."""
    found = [segment for data in frames if isinstance(segment := parse(data), Segment)]
    return [segment for segment in found if segment.source_port == TALK and segment.flags & PSH]
