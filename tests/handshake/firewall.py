"""Rule sets that hosts have, laid by nft."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import run

# One rule for another port
REDIRECT = """
table inet some {
    chain before { type nat hook prerouting priority dstnat; tcp dport 9999 redirect to :8080; }
}
"""
# What dockerd lays for a container that publishes a port, 8088 (docker 24, iptables-nft), and for IPv6
DOCKER = """
table ip nat {
    chain DOCKER { iifname != "docker0" tcp dport 8088 dnat to 172.17.0.2:80; }
    chain PREROUTING { type nat hook prerouting priority dstnat; fib daddr type local jump DOCKER; }
    chain OUTPUT { type nat hook output priority -100; ip daddr != 127.0.0.0/8 fib daddr type local jump DOCKER; }
    chain POSTROUTING {
        type nat hook postrouting priority srcnat; oifname != "docker0" ip saddr 172.17.0.0/16 masquerade;
    }
}
table ip filter {
    chain FORWARD { type filter hook forward priority filter; policy drop; }
}
table ip6 nat {
    chain DOCKER { iifname != "docker0" tcp dport 8088 dnat to [fd00::2]:80; }
    chain PREROUTING { type nat hook prerouting priority dstnat; fib daddr type local jump DOCKER; }
    chain OUTPUT { type nat hook output priority -100; fib daddr type local jump DOCKER; }
}
"""
# Nothing but what is new at these ports, and what belongs to it, either way
STRICT = """
table inet strict {
    chain incoming {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        ct state invalid drop
        meta l4proto ipv6-icmp accept
        tcp dport { 7, 21 } ct state new accept
    }
    chain outgoing {
        type filter hook output priority filter; policy drop;
        oif lo accept
        ct state established,related accept
        meta l4proto ipv6-icmp accept
    }
}
"""
REFUSING = """
table inet refusing {
    chain incoming { type filter hook input priority filter; tcp dport 7 drop; }
}
"""


@contextmanager
def rules(namespace: Namespace, text: str) -> Iterator[None]:
    """These rules, and no others that may be removed, for a while."""
    lay(namespace, text)
    try:
        yield
    finally:
        lay(namespace, "")


def lay(namespace: Namespace, text: str) -> None:
    """As `systemctl reload nftables` does, whose file usually begins so."""
    with tempfile.NamedTemporaryFile("w", suffix=".nft") as file:
        file.write(f"flush ruleset\n{text}\n")
        file.flush()
        done = run(["nft", "-f", file.name], namespace)
    assert done.returncode == 0, done.stderr


def tables(namespace: Namespace) -> list[str]:
    """Those there are."""
    done = run(["nft", "list", "tables"], namespace)
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.decode().splitlines())
