"""Prefixes with their values, as sorted arrays: a million take 21 MB and are sorted, merged and compared at once."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Words = npt.NDArray[np.uint64]
WORD, ADDRESS = (1 << 64) - 1, (1 << 128) - 1
BITS = {4: 32, 6: 128}


@dataclass(frozen=True)
class Prefixes:
    """Prefixes of one IP version, sorted by address, shorter ones first; none is there twice.

    `high`, `low`: the address as a number of 128 bits, its first bit the highest (IPv4: the upper 32 of `high`), all behind
    the prefix 0. `length`: bits, u1. `value`: 0 to 2^31 - 1, u4.
    """

    high: Words
    low: Words
    length: npt.NDArray[np.uint8]
    value: npt.NDArray[np.uint32]

    @classmethod
    def sorted(
        cls, high: npt.ArrayLike, low: npt.ArrayLike, length: npt.ArrayLike, value: npt.ArrayLike = ()
    ) -> Self:
        """From arrays in any order; of what is there twice the last counts. Without `value`: each is 1. ValueError."""
        highs, lows = np.asarray(high, np.uint64), np.asarray(low, np.uint64)
        lengths = np.asarray(length, np.uint8)
        values = np.asarray(value, np.uint32) if np.size(value) else np.ones(len(highs), np.uint32)
        if len(values) and values.max() >> 31:
            raise ValueError(f"value {values.max()} of a prefix: 0 to {(1 << 31) - 1}")
        order = np.lexsort((lengths, lows, highs))  # stable
        one = cls(highs[order], lows[order], lengths[order], values[order])
        last = np.ones(len(order), bool)
        last[:-1] = (
            (one.high[1:] != one.high[:-1]) | (one.low[1:] != one.low[:-1]) | (one.length[1:] != one.length[:-1])
        )
        return one if last.all() else one.only(last)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All four, in order."""
        return self.high, self.low, self.length, self.value

    def only(self, which: Any) -> Self:
        """Some of them, in order: as NumPy indexes."""
        return type(self)(*(one[which] for one in self.arrays))

    def over(self, other: Prefixes) -> Self:
        """Both; of a prefix that both have, the value of this one."""
        return self.sorted(*(np.concatenate([theirs, ours]) for ours, theirs in zip(self.arrays, other.arrays, strict=True)))

    def find(self, number: int) -> int:
        """The first prefix whose address is not below this number of 128 bits."""
        if number > ADDRESS:
            return len(self)
        high = np.uint64(number >> 64)
        first, last = int(np.searchsorted(self.high, high, "left")), int(np.searchsorted(self.high, high, "right"))
        return first + int(np.searchsorted(self.low[first:last], np.uint64(number & WORD), "left"))

    def __len__(self) -> int:
        return len(self.high)

    @cached_property
    def _lengths(self) -> list[int]:
        lengths: list[int] = np.unique(self.length)[::-1].tolist()
        return lengths

    def longest(self, number: int) -> int:
        """The value of the longest of them that an address of 128 bits is in; 0 if there is none."""
        for length in self._lengths:
            place, there = self.place_of(number >> (128 - length) << (128 - length), length)
            if there:
                return int(self.value[place])
        return 0

    def inside(self, number: int, length: int) -> Self:
        """All that lie in a prefix, itself among them."""
        first = self.place_of(number, length)[0]
        return self.only(slice(first, self.find(number + (1 << (128 - length)))))

    def place_of(self, number: int, length: int) -> tuple[int, bool]:
        """Where a prefix is, or would be; and whether it is there."""
        place = self.find(number)
        while place < len(self) and self.number(place) == number and self.length[place] < length:
            place += 1
        return place, place < len(self) and self.number(place) == number and int(self.length[place]) == length

    def number(self, place: int) -> int:
        """The address of one, 128 bits."""
        return int(self.high[place]) << 64 | int(self.low[place])

    def with_one(self, number: int, length: int, value: int) -> Self:
        """And one more, or another value of one that is there."""
        place, there = self.place_of(number, length)
        fields = {"high": number >> 64, "low": number & WORD, "length": length, "value": value}
        parts = []
        for name, new in fields.items():
            old = getattr(self, name)
            parts.append(np.concatenate([old[:place], np.array([new], old.dtype), old[place + there :]]))
        return type(self)(*parts)

    def but(self, places: int | list[int]) -> Self:
        """All but those at some places."""
        return type(self)(*(np.delete(one, places) for one in self.arrays))


NO_PREFIXES = Prefixes.sorted([], [], [])


@dataclass(frozen=True)
class Content:
    """What a tree holds: prefixes of both versions."""

    ipv4: Prefixes = NO_PREFIXES
    ipv6: Prefixes = NO_PREFIXES

    def __len__(self) -> int:
        return len(self.ipv4) + len(self.ipv6)

    def over(self, other: Content) -> Content:
        """Both; of a prefix that both have, the value of this one."""
        return Content(*(ours.over(theirs) for ours, theirs in zip(self.versions, other.versions, strict=True)))

    def without(self, networks: Iterable[Network]) -> Content:
        """All but these, which are there."""
        places: list[list[int]] = [[], []]
        for network in networks:
            version = network.version == 6
            places[version].append(self.versions[version].place_of(*number_of(network))[0])
        return Content(*(one.but(some) if some else one for one, some in zip(self.versions, places, strict=True)))

    def from_value(self, least: int) -> Content:
        """Those whose value is not less."""
        return Content(*(one.only(one.value >= least) for one in self.versions))

    def inside(self, network: Network) -> Prefixes:
        """All that lie in a network, itself among them."""
        return self.versions[network.version == 6].inside(*number_of(network))

    def longest(self, address: Address) -> int:
        """The value of the longest prefix that an address is in; 0 if there is none."""
        return self.versions[address.version == 6].longest(int(address) << (128 - BITS[address.version]))

    @property
    def versions(self) -> tuple[Prefixes, Prefixes]:
        """In the order of a root's two words."""
        return self.ipv4, self.ipv6


def content_of(networks: Mapping[Network, int] | Iterable[tuple[Network, int]]) -> Content:
    """From networks and their values; of a network that is there twice the last counts."""
    parts: dict[int, list[tuple[int, int, int, int]]] = {4: [], 6: []}
    for network, value in networks.items() if isinstance(networks, Mapping) else networks:
        parts[network.version].append((*words_of(network), network.prefixlen, value))
    return Content(*(Prefixes.sorted(*zip(*rows, strict=True)) if rows else NO_PREFIXES for rows in parts.values()))


def words_of(network: Network) -> tuple[int, int]:
    """A prefix's address, as Prefixes has it."""
    number = int(network.network_address) << (128 - BITS[network.version])
    return number >> 64, number & WORD


def number_of(network: Network) -> tuple[int, int]:
    """Address, as a number of 128 bits, and length."""
    high, low = words_of(network)
    return high << 64 | low, network.prefixlen
