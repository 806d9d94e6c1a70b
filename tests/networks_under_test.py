"""Trees of prefixes under test: generated prefixes, addresses in them and beside them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network

from naive.networks import BITS, Address, Prefix

from hardtack.control.networks.prefixes import Content, Network, content_of

VALUES = [0, 1, 2, (1 << 31) - 1]


def network(prefix: Prefix) -> Network:
    version, number, length = prefix
    return IPv4Network((number, length)) if version == 4 else IPv6Network((number, length))


def content(prefixes: Mapping[Prefix, int]) -> Content:
    return content_of({network(prefix): value for prefix, value in prefixes.items()})


def some_prefix(dice: random.Random, near: list[Address]) -> Prefix:
    """Anywhere near one of these addresses: they nest, and meet at all lengths."""
    version, number = dice.choice(near)
    bits = BITS[version]
    length = dice.choice([bits, bits, dice.randint(0, bits), dice.randint(0, bits // 8) * 8])
    number ^= dice.getrandbits(bits) >> dice.randint(0, bits)
    return version, number >> (bits - length) << (bits - length), length


def some_addresses(dice: random.Random, prefixes: Iterable[Prefix], each: int = 3) -> list[Address]:
    """In prefixes and just beside them: first and last addresses, and any."""
    found = []
    for version, number, length in prefixes:
        bits = BITS[version]
        free, last = (1 << (bits - length)) - 1, (1 << bits) - 1
        near = [number, number | free, number | dice.getrandbits(128) & free]
        near += [(number - 1) & last, ((number | free) + 1) & last]
        found += [(version, one) for one in dice.sample(near, each)]
    return found


def nested(dice: random.Random, version: int, count: int) -> dict[Prefix, int]:
    """So many prefixes, all over the place and in each other."""
    near = [(version, dice.getrandbits(BITS[version])) for _ in range(40)]
    found: dict[Prefix, int] = {}
    while len(found) < count:
        found[some_prefix(dice, near)] = dice.choice([*VALUES, dice.getrandbits(31)])
    return found
