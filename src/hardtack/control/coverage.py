"""Longest prefix, slowly: in which of many networks another one lies, and what that means to two sets of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Generic, TypeVar

Network = IPv4Network | IPv6Network
Value = TypeVar("Value")


class Prefixes(Generic[Value]):
    """Networks, and what each stands for."""

    def __init__(self, values: Mapping[Network, Value]) -> None:
        self._values = values
        self._lengths = sorted({(network.version, network.prefixlen) for network in values}, reverse=True)

    def holding(self, network: Network) -> Value | None:
        """The value of the longest prefix that all of `network` has; None if there is none."""
        if network in self._values:
            return self._values[network]
        for version, length in self._lengths:
            if version != network.version or length >= network.prefixlen:
                continue
            if (shorter := network.supernet(new_prefix=length)) in self._values:
                return self._values[shorter]
        return None


def widened(before: Mapping[Network, bytes], after: Mapping[Network, bytes], every: bytes) -> set[Network]:
    """Networks of `after` with an address that has a bit there which it does not have in `before`; by longest prefix.

    `every`: all bits. A network all of whose addresses are in longer prefixes counts, too, though it means nothing.
    """
    if before == after:
        return set()
    changed = [network for network, bits in after.items() if before.get(network) != bits]
    changed += [network for network in before if network not in after]
    old, new, names = Prefixes(before), Prefixes(after), Prefixes(dict(zip(after, after, strict=True)))
    more = (network for network in changed if is_more(new.holding(network), old.holding(network), every))
    return {found for network in more if (found := names.holding(network))}


def inherited(before: Mapping[Network, Value], after: Iterable[Network], default: Value) -> dict[Network, Value]:
    """What all addresses of each network had before, by longest prefix."""
    old = Prefixes(before)
    return {network: default if (found := old.holding(network)) is None else found for network in after}


def is_more(bits: bytes | None, than: bytes | None, every: bytes) -> bool:
    """Whether `bits` has one that the other has not. None has none, b"" has all."""
    if bits is None or bits == than or than == b"":
        return False
    known, wanted = int.from_bytes(than or b"", "little"), int.from_bytes(bits or every, "little")
    return wanted & ~known != 0
