"""NAT rules of this network namespace that lead clients to another socket than the one they ask for: DNAT, REDIRECT, TPROXY.

Those of nftables are read, iptables-nft's among them; those of iptables-legacy, a table of its own, are counted.
linux/netfilter/nf_tables.h, nf_tables_compat.h, linux/netfilter_ipv4/ip_tables.h
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardtack.kernel.bpf import libc
from hardtack.kernel.netlink import Attributes, attributes, listed
from hardtack.kernel.nftables import FAMILIES, GET_CHAIN, GET_RULE, dump, ours

OUTPUT = 3  # NF_INET_LOCAL_OUT: what this machine sends itself
META_PROTOCOL, TCP = 16, 6  # NFT_META_L4PROTO
TRANSPORT, PORT_AT, PORT_SIZE = 2, 2, 2  # NFT_PAYLOAD_TRANSPORT_HEADER; of a destination port
EQUAL, LESS, AT_MOST, MORE, AT_LEAST = 0, 2, 3, 4, 5  # NFT_CMP_*
DESTINATION = 1  # NFT_NAT_DNAT
TARGETS = {"DNAT", "REDIRECT", "TPROXY", "NETMAP"}  # of iptables
ANY = (0, 0xFFFF)
GET_INFO, INFO_SIZE, ENTRIES_AT = 64, 84, 76  # IPT_SO_GET_INFO, struct ipt_getinfo, its num_entries
OF_EVERY_TABLE = 5  # entries: a policy for each of nat's hooks, and the end
LEGACY = (
    ("iptables-legacy", "ip_tables_names", socket.AF_INET, socket.IPPROTO_IP),
    ("ip6tables-legacy", "ip6_tables_names", socket.AF_INET6, socket.IPPROTO_IPV6),
)
WORDS = {"redir": "redirect", "nat": "dnat"}  # nft's own, for its expressions


@dataclass(frozen=True)
class NatRule:
    """What it does, in which chain, and to which TCP ports, from the first to the last; ANY also where a set has them."""

    kind: str
    where: str
    ports: tuple[int, int]


def leading_away() -> Iterator[NatRule]:
    """All of nftables. OSError: this kernel has none, or we may not ask."""
    with ours() as kernel:
        outgoing = {(family, facts[1], facts[3]) for family, facts in dump(kernel, GET_CHAIN) if hook(facts) == OUTPUT}
        rules = list(dump(kernel, GET_RULE))
    families = {number: name for name, number in FAMILIES.items()}
    for family, facts in rules:
        if family not in families or (family, facts[1], facts[2]) in outgoing:
            continue
        kind, ports = judged(listed(facts.get(4, b"")))
        if kind:
            where = f"chain {name(facts[2])} of table {families[family]} {name(facts[1])}"
            yield NatRule(kind, where, ports)


def hook(facts: Attributes) -> int | None:
    """Where a base chain hangs; None for another."""
    return number(attributes(facts[4]), 1) if 4 in facts else None


def judged(expressions: Iterator[Attributes]) -> tuple[str, tuple[int, int]]:
    """What a rule does to TCP, "" if nothing of this kind; and the ports."""
    first, last = ANY
    loaded = ""
    for expression in expressions:
        kind, facts = name(expression[1]), attributes(expression.get(2, b""))
        if kind in ("meta", "payload"):
            loaded = what_is_loaded(kind, facts)
        elif kind == "cmp":
            wanted, how = int.from_bytes(attributes(facts[3])[1], "big"), number(facts, 2)
            if loaded == "protocol" and how == EQUAL and wanted != TCP:
                return "", ANY
            if loaded == "port":
                first = max(first, {EQUAL: wanted, AT_LEAST: wanted, MORE: wanted + 1}.get(how, first))
                last = min(last, {EQUAL: wanted, AT_MOST: wanted, LESS: wanted - 1}.get(how, last))
        elif kind == "match" and name(facts[1]) == "tcp":
            first, last = struct.unpack_from("=HH", facts[3], 4)  # xt_tcp.dpts
        elif kind == "match" and name(facts[1]) in ("udp", "icmp", "icmp6", "sctp"):
            return "", ANY
        elif acts(kind, facts):
            return name(facts[1]) if kind == "target" else WORDS.get(kind, kind), (first, last)
    return "", ANY


def what_is_loaded(kind: str, facts: Attributes) -> str:
    """Into a register: "protocol", "port", or something else."""
    if kind == "meta":
        return "protocol" if number(facts, 2) == META_PROTOCOL else ""
    place = tuple(number(facts, key) for key in (2, 3, 4))
    return "port" if place == (TRANSPORT, PORT_AT, PORT_SIZE) else ""


def acts(kind: str, facts: Attributes) -> bool:
    """Whether an expression leads away."""
    if kind == "nat":
        return number(facts, 1) == DESTINATION
    return kind in ("redir", "tproxy") or (kind == "target" and name(facts[1]) in TARGETS)


def legacy_rules() -> Iterator[tuple[str, int]]:
    """The command, and how many NAT rules it has laid here, chains too."""
    for command, names, family, level in LEGACY:
        try:
            there = Path("/proc/thread-self/net", names).read_text().split()
        except OSError:
            continue
        if "nat" in there and (rules := entries(family, level) - OF_EVERY_TABLE) > 0:
            yield command, rules


def entries(family: int, level: int) -> int:
    """Of a nat table that is there; 0 if we may not ask."""
    info = ctypes.create_string_buffer(b"nat", INFO_SIZE)
    size = ctypes.c_uint32(INFO_SIZE)
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        if libc.getsockopt(asked.fileno(), level, GET_INFO, info, ctypes.byref(size)):
            return 0
    return int(struct.unpack_from("=I", info.raw, ENTRIES_AT)[0])


def name(content: bytes) -> str:
    """Of an attribute."""
    return content.rstrip(b"\0").decode(errors="replace")


def number(facts: Attributes, kind: int) -> int:
    """An attribute of 32 bits; -1 if it is not there."""
    return int.from_bytes(facts[kind], "big") if kind in facts else -1
