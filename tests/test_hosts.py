"""Finding the protected address that a frame is for: the index as control writes it, as eBPF and native code read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from naive.frames import IPv4, IPv6, Tcp, frame
from parts.engines import TARGETS, Part, part

from hardtack.control.protected import Protected, bits_of, columns
from hardtack.control.tables import TooManyAddresses, address_key, addresses_in, index_entry, place_of
from hardtack.mistake import Mistake
from hardtack.packet.layout import MOST_HOST_ADDRESSES, NO_PLACE, PROBES, Host, Index

Address = IPv4Address | IPv6Address
PORT = 443
addresses4 = st.integers(1, 2**32 - 2).map(IPv4Address)
addresses6 = st.integers(1, 2**128 - 1).map(IPv6Address).filter(lambda address: address.ipv4_mapped is None)
sets = st.sets(addresses4 | addresses6, max_size=40)
# Neighbours, as networks have them: the worst that a hash meets in practice
NETWORK4 = [IPv4Address("198.51.0.0") + number for number in range(MOST_HOST_ADDRESSES)]
NETWORK6 = [IPv6Address("2001:db8::") + number for number in range(MOST_HOST_ADDRESSES)]
NETWORKS6 = [IPv6Address("2001:db8:1::1") + (number << 64) for number in range(MOST_HOST_ADDRESSES)]
MIXED: list[Address] = [*NETWORK4[:300], *NETWORK6[:300], *NETWORKS6[:424]]
NETWORKS: dict[str, Sequence[Address]] = {"IPv4": NETWORK4, "IPv6": NETWORK6, "IPv6 networks": NETWORKS6, "mixed": MIXED}
OTHERS = [
    ip_address(text) for text in ("0.0.0.0", "255.255.255.255", "::", "ffff:" * 7 + "ffff", "::c633:0001", "198.50.0.1")
]


def looked_up(written: bytes, address: bytes) -> int | None:
    """The place that an index has for an address; the twin of packet/state/hosts.py."""
    index = np.frombuffer(written, Index)[0]
    high, low = map(int, np.frombuffer(address, "<u8"))
    first = place_of(high, low, int(index["factor"]))
    for slot in index["slots"][first : first + PROBES]:
        if (int(slot["high"]), int(slot["low"])) == (high, low):
            return int(slot["place"]) if slot["place"] != NO_PLACE else None
    return None


@pytest.fixture(scope="module", params=TARGETS)
def finding(request: pytest.FixtureRequest) -> Iterator[Part]:
    with part("host", request.param) as found:
        yield found


def write(finding: Part, addresses: list[Address]) -> None:
    """Protect these: each with a number, an MSS and a port of its own, next to PORT."""
    sets = {bits_of((PORT, 1000 + n)): n for n in range(1, len(addresses) + 1)}
    networks = {ip_network(address): n for n, address in enumerate(addresses, 1)}
    protected = Protected({n: record(n) for n in networks.values()}, sets, networks, networks)
    for table, first, step, words, _ in columns(protected):
        whole = np.zeros(step * len(words), np.uint64)
        whole[first::step] = words
        finding.write(table, whole.tobytes())
    finding.write("index", index_entry(addresses_in(networks)))


def record(number: int) -> bytes:
    """A host's, with an MSS and a set of ports of its own."""
    host = np.zeros((), Host)
    host["number"], host["ports"], host["mss_4"] = number, number, 1000 + number
    return host.tobytes()


def found(finding: Part, address: Address, port: int = PORT) -> list[int]:
    """Number, MSS and whether the port is protected; nothing for an address that is not."""
    tcp = Tcp(destination_port=port)
    ip = IPv4(destination=str(address)) if address.version == 4 else IPv6(destination=str(address))
    return finding.words(frame(ip, tcp), 3)


@given(sets)
@example(set())
@settings(deadline=None, max_examples=50)
def test_an_index_holds_its_addresses_and_no_others(addresses: set[Address]) -> None:
    several = [*addresses]
    written = index_entry({address_key(address): place for place, address in enumerate(several, 1)})
    assert len(written) == Index.itemsize
    for number, address in enumerate(several, 1):
        assert looked_up(written, address_key(address)) == number
    for address in {*OTHERS, *NETWORK4[:20]} - addresses:
        assert looked_up(written, address_key(address)) is None


@pytest.mark.parametrize("name", NETWORKS)
def test_a_thousand_neighbours_are_all_found(finding: Part, name: str) -> None:
    addresses: list[Address] = [*NETWORKS[name]]
    assert len(addresses) == MOST_HOST_ADDRESSES
    write(finding, addresses)
    for number, address in enumerate(addresses, 1):
        assert found(finding, address) == [number, 1000 + number, 1]
        assert found(finding, address, 1000 + number) == [number, 1000 + number, 1]
        assert found(finding, address, 80) == [number, 1000 + number, 0]
    for address in {*OTHERS, *NETWORK4, *NETWORK6, *NETWORKS6} - {*addresses}:
        assert found(finding, address) == [], address


def test_an_address_one_bit_off_is_another(finding: Part) -> None:
    ours: list[Address] = [IPv4Address("192.0.2.10"), IPv6Address("2001:db8::10")]
    write(finding, ours)
    for bit in range(32):
        assert found(finding, IPv4Address(int(ours[0]) ^ 1 << bit)) == []
    for bit in range(128):
        assert found(finding, IPv6Address(int(ours[1]) ^ 1 << bit)) == []
    assert found(finding, ours[0])[0] == 1 and found(finding, ours[1])[0] == 2


def test_generated_sets_are_found(finding: Part) -> None:
    @given(sets, sets)
    @settings(deadline=None, derandomize=True, database=None, max_examples=60)
    def each(addresses: set[Address], others: set[Address]) -> None:
        several = [*addresses]
        write(finding, several)
        for number, address in enumerate(several, 1):
            assert found(finding, address)[:2] == [number, 1000 + number]
        for address in others - addresses:
            assert found(finding, address) == []

    each()


def test_nothing_is_found_where_nothing_is_written(finding: Part) -> None:
    write(finding, [])
    for address in (*OTHERS, *NETWORK4[:10], *NETWORK6[:10]):
        assert found(finding, address) == []


def test_too_many_addresses_are_a_mistake_told_in_a_line() -> None:
    keys = [address_key(address) for address in (*NETWORK4, IPv4Address("192.0.2.1"))]
    with pytest.raises(TooManyAddresses, match=str(MOST_HOST_ADDRESSES)) as refused:
        index_entry(dict.fromkeys(keys, 1))
    assert isinstance(refused.value, Mistake) and "\n" not in str(refused.value)
