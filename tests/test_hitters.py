"""Heavy hitters: estimates against exact counts, frames that are no frames, decay, bounded memory."""

from __future__ import annotations

import math
import struct
from collections import Counter
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardtack.control.hitters.heavy import Heaviest
from hardtack.control.hitters.sample import Ends, Sample, ends_of
from hardtack.control.hitters.tally import KINDS, MOST_HOSTS, ROOM, SPAN, Hitters, thinned
from hardtack.packet.reasons import Reason

ETHERNET = bytes(12)
TCP = struct.pack(">HH", 40_000, 443) + bytes(16)


def ipv4(source: str, behind: bytes = TCP, protocol: int = 6, fragment: int = 0, options: bytes = b"") -> bytes:
    """A packet from somewhere."""
    length = 20 + len(options)
    header = bytes([4 << 4 | length // 4, 0]) + struct.pack(">HHHBBH", length + len(behind), 0, fragment, 64, protocol, 0)
    return header + ip_address(source).packed + ip_address("192.0.2.10").packed + options + behind


def ipv6(source: str, behind: bytes = TCP, protocol: int = 6) -> bytes:
    """Likewise."""
    header = struct.pack(">IHBB", 6 << 28, len(behind), protocol, 64)
    return header + ip_address(source).packed + ip_address("2001:db8::10").packed + behind


def framed(packet: bytes, *tags: int) -> bytes:
    """On Ethernet."""
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    return ETHERNET + b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags) + struct.pack(">H", kind) + packet


def sample(
    frame: bytes, weight: float = 1, host: int = 1, reason: int = Reason.stray_ack, *, from_ip: bool = False
) -> Sample:
    """One that was dropped."""
    return Sample(frame, reason, host, len(frame), weight, from_ip)


def ends(frame: bytes, *, from_ip: bool = False) -> Ends | None:
    """What is found in it."""
    return ends_of(sample(frame, from_ip=from_ip))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 50)), max_size=300), st.integers(1, 40))
def test_no_weight_is_too_low_and_none_too_high_by_more_than_its_error(stream: list[tuple[int, int]], room: int) -> None:
    heaviest, exact = Heaviest[int](room), Counter[int]()
    for key, weight in stream:
        heaviest.add(key, weight)
        exact[key] += weight
    found = {one.key: one for one in heaviest.top(room)}
    assert len(found) <= room and heaviest.total == pytest.approx(exact.total())
    for key, one in found.items():
        assert one.weight - one.error <= exact[key] <= one.weight
    for key, weight in exact.items():
        assert key in found or weight <= exact.total() / room
    if len(exact) <= room:
        assert {key: one.weight for key, one in found.items()} == exact


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 50), st.floats(0.5, 1)), max_size=200))
def test_decay_makes_all_of_them_lighter_alike(stream: list[tuple[int, int, float]]) -> None:
    heaviest, exact = Heaviest[int](8), dict[int, float]()
    for key, weight, factor in stream:
        heaviest.add(key, weight)
        exact[key] = exact.get(key, 0) + weight
        heaviest.decay(factor)
        exact = {one: was * factor for one, was in exact.items()}
    for one in heaviest.top(8):
        assert one.weight - one.error - 0.01 <= exact[one.key] <= one.weight + 0.01
    heaviest.decay(1e-12)
    assert (len(heaviest), heaviest.top(8)) == (0, [])


@pytest.mark.parametrize("tags", [(), (100,), (100, 200)])
def test_ends_are_found_behind_whatever_stands_before_them(tags: tuple[int, ...]) -> None:
    four = Ends(ip_address("198.51.100.7").packed, 40_000, 443)
    six = Ends(ip_address("2001:db8:1::2").packed, 40_000, 443)
    for packet in (ipv4("198.51.100.7"), ipv4("198.51.100.7", options=bytes(8)), ipv4("198.51.100.7", protocol=17)):
        assert ends(framed(packet, *tags)) == ends(packet, from_ip=True) == four
    extended = ipv6("2001:db8:1::2", bytes([44, 0]) + bytes(6) + bytes([6, 0, 0, 1]) + bytes(4) + TCP, 0)
    for packet in (ipv6("2001:db8:1::2"), extended):
        assert ends(framed(packet, *tags)) == ends(packet, from_ip=True) == six


def test_there_are_no_ports_where_there_are_none() -> None:
    icmp, later = ipv4("198.51.100.7", protocol=1), ipv4("198.51.100.7", fragment=100)
    six = ipv6("2001:db8::1", bytes([6, 0, 1, 1]) + bytes(4) + TCP, 44)
    cut = ipv4("198.51.100.7", TCP[:3])
    for packet in (icmp, later, six, cut):
        found = ends(framed(packet))
        assert found and (found.source_port, found.destination_port) == (None, None)


@given(st.binary(max_size=120), st.booleans())
def test_whatever_comes_is_counted(frame: bytes, from_ip: bool) -> None:
    hitters = Hitters(0)
    hitters.take([sample(frame, from_ip=from_ip)], 1)
    assert hitters.taken == 1
    assert hitters.malformed == (ends(frame, from_ip=from_ip) is None)
    assert bool(hitters.top("source", 1)) != bool(hitters.malformed)


def test_every_prefix_of_a_frame_is_a_frame_or_malformed() -> None:
    for whole in (framed(ipv4("198.51.100.7"), 5), framed(ipv6("2001:db8::1"), 5, 6)):
        found = [ends(whole[:length]) for length in range(len(whole) + 1)]
        assert found[0] is None and found[-1] is not None and found[-1].source_port == 40_000


def test_rates_and_shares_of_a_steady_stream() -> None:
    """100 samples a second that stand for 10 frames each: three quarters from one source."""
    hitters = Hitters(0)
    frames = [framed(ipv4("198.51.100.7"))] * 75 + [framed(ipv6("2001:db8:1:2::3"))] * 25
    for second in range(1, 61):
        hitters.take([sample(frame, 10) for frame in frames], second)
    first, second_ = hitters.top("source", 5)
    assert (first.key, second_.key) == ("198.51.100.7", "2001:db8:1:2::3")
    assert first.rate == pytest.approx(750, rel=0.1) and second_.rate == pytest.approx(250, rel=0.1)
    assert first.share == pytest.approx(0.75) and second_.share == pytest.approx(0.25)
    assert [one.key for one in hitters.top("prefix", 5)] == ["198.51.100.0/24", "2001:db8:1::/48"]
    (subnet,) = hitters.top("subnet", 5)
    assert subnet.key == "2001:db8:1:2::/64" and subnet.share == pytest.approx(0.25)
    for kind, port in (("source port", "40000"), ("destination port", "443")):
        (only,) = hitters.top(kind, 5)  # type: ignore[arg-type]
        assert only.key == port and only.share == pytest.approx(1)


def test_what_is_over_is_forgotten() -> None:
    hitters = Hitters(0)
    hitters.take([sample(framed(ipv4("198.51.100.7")), 1000)], 1)
    hitters.take([sample(framed(ipv4("198.51.100.8")), 1000)], 1 + SPAN)
    new, old = hitters.top("source", 2)
    assert (new.key, old.key) == ("198.51.100.8", "198.51.100.7")
    assert old.share == pytest.approx(1 / (1 + math.e), rel=0.01)
    hitters.take([], 1000)
    assert hitters.top("source", 2) == []
    hitters.take([sample(framed(ipv4("198.51.100.9")), 5)], 2000)
    assert [one.key for one in hitters.top("source", 2)] == ["198.51.100.9"]


def test_only_what_is_dropped_counts() -> None:
    hitters = Hitters(0)
    frame = framed(ipv4("198.51.100.7"))
    hitters.take([sample(frame, reason=Reason.connection), sample(frame, reason=5000), sample(frame)], 1)
    assert (hitters.taken, hitters.passed_over) == (1, 2)


def test_hosts_have_their_own_and_memory_is_bounded() -> None:
    hitters = Hitters(0)
    for number in range(1, 5 * MOST_HOSTS):
        packets = [ipv4(f"10.{number % 256}.{n >> 8}.{n & 255}") for n in range(ROOM * 2 if number < 3 else 2)]
        hitters.take([sample(framed(packet), host=number, weight=1 + n) for n, packet in enumerate(packets)], number / 100)
    assert len(hitters.hosts) <= MOST_HOSTS
    assert hitters.top("source", 5, host=60_000) == []
    for host in hitters.hosts:
        assert all(len(hitters.top(kind, 10 * ROOM, host)) <= ROOM for kind in KINDS)
    assert len(hitters.top("source", 10 * ROOM)) == ROOM
    last = hitters.top("source", 1, hitters.hosts[-1])[0]
    assert last.key.startswith(f"10.{hitters.hosts[-1] % 256}.")


def test_too_many_samples_are_thinned_and_stand_for_all() -> None:
    samples = [sample(framed(ipv4("198.51.100.7")), 2, host=number) for number in range(1000)]
    assert thinned(samples, 1000) == samples
    few = thinned(iter(samples), 300)
    assert [one.host for one in few] == [*range(0, 1000, 4)] and sum(one.weight for one in few) == 2000
