"""Which addresses of networks are wanted: noted by the packet program, read in turn of each host."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import numpy as np
from engines_under_test import Native
from naive import world
from naive.frames import IPv6, Tcp
from naive.state import Host, Prefix, Via, mapped
from naive.world import FOUND6, NET6, NOW, SOUGHT6, WIDER6
from rows.row import first_ack

from hardtack.control.wanted import address_of, in_turn
from hardtack.packet.layout import NOTE_BITS, NOTING_BITS, Net
from hardtack.packet.reasons import Verdict

PART = 1 << NOTE_BITS


def test_hosts_are_served_in_turn() -> None:
    """One that wants very much, and many that want little."""
    noted = np.array([*range(5 * PART, 6 * PART), *(host * PART + host for host in range(10, 60))])
    chosen = in_turn(noted, 100)
    parts = np.bincount(chosen >> NOTE_BITS, minlength=1 << NOTING_BITS)
    assert parts[5] == 50 and (parts[10:60] == 1).all() and parts.sum() == 100
    assert len(in_turn(noted, 1000)) == len(noted) and len({*chosen.tolist()}) == 100


def test_addresses_are_as_they_were_noted() -> None:
    for text in ("192.0.2.1", "2001:db8::1", "::"):
        assert address_of(mapped(ip_address(text).packed)) == ip_address(text)
    assert isinstance(address_of(mapped(b"\1\2\3\4")), IPv4Address)


def test_each_host_has_room_for_its_notes() -> None:
    """Good cookies for very many addresses of one host, then some for another's. Nothing but the notes is written."""
    one, other = Prefix(mapped(ip_address(NET6).packed), 48), Prefix(mapped(ip_address(WIDER6).packed), 48)
    networks = world.NETWORKS | {one: Host(world.WEB_PORTS, 1400, number=21, via=Via.routed)}
    engine = Native(world.state(networks=networks, to_learn=frozenset({one, other})))
    before = engine.tables["nets"].copy()
    assert len(noted_of(engine, one, 1500)) == PART
    assert 30 < len(noted_of(engine, other, 40)) <= 40
    assert (engine.tables["nets"] == before).all()


def noted_of(engine: Native, network: Prefix, count: int) -> set[bytes]:
    """Clients connect to so many addresses of a network: those that are noted of it."""
    for number in range(count):
        address = network.address[:6] + bytes(2) + (number * 0x9E3779B97F4A7C15 % (1 << 64)).to_bytes(8, "big")
        outcome = engine.run(first_ack(IPv6(destination=str(ip_address(address))), Tcp(destination_port=80)), NOW)
        assert outcome.verdict == Verdict.FORWARD, outcome
    return {address for address in engine.noted() if network.holds(address)}


def test_a_way_that_frames_take_is_known_to_be_used() -> None:
    engine = Native()
    used = engine.tables["nets"].view(Net)["used"]
    for address, ways in ((SOUGHT6, 0), (FOUND6, 1), (FOUND6, 1)):
        engine.run(first_ack(IPv6(destination=address), Tcp(destination_port=80)), NOW)
        assert used.sum() == ways
