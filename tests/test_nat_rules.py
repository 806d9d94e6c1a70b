"""NAT rules that lead protected ports away are found, and told with what works."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from handshake.firewall import DOCKER, REDIRECT
from kernel_ground import needs_root, veth_pair

from hardtack.diagnosis.finding import Site
from hardtack.diagnosis.nat import REMEDY, nat_before_the_socket, told
from hardtack.kernel.nat_rules import ANY, LEGACY, NatRule, entries, leading_away, legacy_rules

pytestmark = [needs_root, pytest.mark.skipif(not shutil.which("nft"), reason="needs nft")]
EVERY_KIND = """
table inet x {
    set p { type inet_service; flags interval; elements = { 80, 443, 1000-2000 }; }
    chain before {
        type nat hook prerouting priority -90;
        tcp dport @p redirect to :1
        tcp dport { 7, 21 } dnat ip to 1.2.3.4
        ip daddr 10.0.0.0/8 tcp dport 5-9 redirect
        meta l4proto tcp dnat ip to 1.1.1.1
        udp dport 53 redirect to :54
        tcp dport 23 accept
    }
    chain out { type nat hook output priority -100; tcp dport 81 redirect; }
    chain behind { type nat hook postrouting priority 100; tcp dport 83 masquerade; snat ip to 192.0.2.1; }
    chain proxied { type filter hook prerouting priority -150; tcp dport 82 tproxy ip to :99; }
}
"""
BEFORE = "chain before of table inet x"


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    """One without rules."""
    with veth_pair():
        yield


def lay(text: str) -> None:
    """By nft, in this thread's namespace."""
    subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True)


def test_every_kind() -> None:
    lay(EVERY_KIND)
    assert list(leading_away()) == [
        NatRule("redirect", BEFORE, ANY),
        NatRule("dnat", BEFORE, ANY),
        NatRule("redirect", BEFORE, (5, 9)),
        NatRule("dnat", BEFORE, ANY),
        NatRule("tproxy", "chain proxied of table inet x", (82, 82)),
    ]


def test_docker() -> None:
    lay(DOCKER)
    found = [str(finding) for finding in nat_before_the_socket(Site("agent", "left"))]
    chains = (f"chain DOCKER of table {family} nat" for family in ("ip", "ip6"))
    assert not [*nat_before_the_socket(Site("front", "lo", cookies=False))]
    assert found == [f"dnat in {chain} redirects TCP port 8088 to another socket: {REMEDY}" for chain in chains]


def test_only_what_is_protected() -> None:
    lay(REDIRECT)
    for role in ("front", "agent"):
        assert [finding.name for finding in nat_before_the_socket(Site(role, "left", frozenset({80, 9999})))] == ["nat"]
        assert not list(nat_before_the_socket(Site(role, "left", frozenset({80}))))
    assert not list(nat_before_the_socket(Site("inside", "left")))


def test_nothing_there() -> None:
    assert not list(nat_before_the_socket(Site("agent", "left")))
    for _, _, family, level in LEGACY:
        assert entries(family, level) in (0, 5), "asking makes the table, where the kernel has any"
    assert not list(legacy_rules())


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        ([(80, 80)], "TCP port 80"),
        ([(443, 443), (5, 9), (443, 443)], "TCP ports 5-9, 443"),
        ([(port, port) for port in range(1, 12)], "TCP ports 1, 2, 3, 4, 5, 6, 7, 8 and 3 more"),
        ([(80, 80), ANY], "any TCP port, or a set of ports,"),
    ],
)
def test_how_ports_are_told(ports: list[tuple[int, int]], text: str) -> None:
    assert told(ports) == text
