"""Finding the protected network that a frame is for: the tree as control writes it, as eBPF and native code read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive.frames import IPv4, IPv6, Tcp, frame
from parts.engines import TARGETS, Part, part

from hardtack.control.coverage import Network, Prefixes
from hardtack.control.networks.trees import Trees
from hardtack.control.protected import Protected, bits_of, columns, content, led_to
from hardtack.packet.layout import HOST_ROOT, NETWORKS, Host

Address = IPv4Address | IPv6Address
MANY = 1024
ROOTS4, ROOT6 = (10 << 24, 198 << 24 | 18 << 16), 0x2001_0DB8 << 96  # where random networks are
PORT = 443
addresses4 = st.integers(1, 2**32 - 2).map(IPv4Address)
addresses6 = st.integers(1, 2**128 - 1).map(IPv6Address).filter(lambda address: address.ipv4_mapped is None)
sets = st.sets(addresses4 | addresses6, max_size=40)
# Neighbours, as networks have them: the worst that a hash meets in practice
NETWORK4 = [IPv4Address("198.51.0.0") + number for number in range(MANY)]
NETWORK6 = [IPv6Address("2001:db8::") + number for number in range(MANY)]
NETWORKS6 = [IPv6Address("2001:db8:1::1") + (number << 64) for number in range(MANY)]
MIXED: list[Address] = [*NETWORK4[:300], *NETWORK6[:300], *NETWORKS6[:424]]
NEIGHBOURS: dict[str, Sequence[Address]] = {"IPv4": NETWORK4, "IPv6": NETWORK6, "IPv6 networks": NETWORKS6, "mixed": MIXED}
OTHERS = [
    ip_address(text) for text in ("0.0.0.0", "255.255.255.255", "::", "ffff:" * 7 + "ffff", "::c633:0001", "198.50.0.1")
]


@pytest.fixture(scope="module", params=TARGETS)
def finding(request: pytest.FixtureRequest) -> Iterator[Part]:
    with part("host", request.param) as found:
        yield found


def write(finding: Part, addresses: Iterable[Address]) -> Trees:
    """Protect these: each with a number, an MSS and a port of its own, next to PORT."""
    numbers: dict[Network, int] = {ip_network(address): n for n, address in enumerate(addresses, 1)}
    sets = {bits_of((PORT, 1000 + n)): n for n in numbers.values()}
    return fill(finding, Protected({n: record(n) for n in numbers.values()}, sets, numbers, numbers))


def fill(finding: Part, protected: Protected) -> Trees:
    """As `hardtack front` does it. The tree's memory is not the table's: it has yet to be written there."""
    for table, first, step, words, _ in columns(protected):
        whole = np.zeros(step * len(words), np.uint64)
        whole[first::step] = words
        finding.write(table, whole.tobytes())
    trees = Trees(np.zeros(NETWORKS.value_size // 8, np.uint64), lambda: None)
    assert trees.new(content(protected)) == HOST_ROOT
    finding.write("networks", trees.memory.table.tobytes())
    return trees


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


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_thousand_neighbours_are_all_found(finding: Part, name: str) -> None:
    addresses: list[Address] = [*NEIGHBOURS[name]]
    assert len(addresses) == MANY
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


def test_what_was_found_is_found_no_more_once_the_tree_has_changed(finding: Part) -> None:
    ours: list[Address] = [IPv4Address("192.0.2.10"), IPv6Address("2001:db8::10"), IPv4Address("192.0.2.11")]
    trees = write(finding, ours)
    assert [found(finding, one)[0] for one in ours * 2] == [1, 2, 3] * 2
    for value in (3, 0, 1, 2):
        for one in ours[:2]:
            trees.set(HOST_ROOT, ip_network(one), led_to(value, value))
        finding.write("networks", trees.memory.table.tobytes())
        assert [(found(finding, one) or [0])[0] for one in (*ours, *ours)] == [value, value, 3] * 2


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


def slow(networks: Iterable[Network], address: Address) -> Network:
    """The longest of these that an address is in, by looking at all of them; there is one."""
    around = [network for network in networks if network.version == address.version and address in network]
    return max(around, key=lambda network: network.prefixlen)


def some_networks(random: Random, count: int) -> list[Network]:
    """Different ones, of both IP versions, that lie in each other often."""
    found: dict[Network, None] = {}
    while len(found) < count:
        if random.random() < 0.5:
            found[IPv4Network((random.choice(ROOTS4) + random.getrandbits(20), random.randint(8, 32)), strict=False)] = None
        else:
            bits = random.getrandbits(16) << 80 | random.getrandbits(random.choice((4, 60)))
            found[IPv6Network((ROOT6 + bits, random.randint(20, 128)), strict=False)] = None
    return [*found]


def test_the_longest_of_ten_thousand_prefixes_counts(finding: Part) -> None:
    """Ten thousand random networks of a thousand hosts, some of them excluded; addresses in them, at their edges, beside."""
    random = Random(9)
    everything = some_networks(random, 10_000)
    excluded, owned = {*everything[:500]}, everything[500:]
    hosts = {network: 1 + n % 1000 for n, network in enumerate(owned)}
    places = {network: n for n, network in enumerate(owned, 1)}
    sets = {bits_of((PORT, 1000 + n)): n for n in range(1, 1001)}
    protected = Protected({n: record(n) for n in range(1, 1001)}, sets, places, hosts, frozenset(excluded))
    fill(finding, protected)
    twin = Prefixes({**hosts, **dict.fromkeys(excluded, 0)})
    for network in random.sample(everything, 1500):
        edges = (int(network[0]), int(network[-1]), int(network[0]) - 1, int(network[-1]) + 1)
        for number in (*edges, random.randint(*edges[:2])):
            if 0 < number < 1 << network.max_prefixlen:
                address = type(network[0])(number)
                expected = twin.holding(ip_network(address)) or 0
                assert (found(finding, address) or [0])[0] == expected, address
    for network in random.sample(everything, 25):  # the twin itself, by looking at all of them
        assert (twin.holding(ip_network(network[0])) or 0) == hosts.get(slow(everything, network[0]), 0)
