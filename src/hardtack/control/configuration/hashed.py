"""Networks that know their hash: they are keys of many tables, and the standard library works it out anew each time."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

REMEMBERED = 1 << 18  # texts


class Hashed4(IPv4Network):
    """Equal to any other that is the same network."""

    def __init__(self, address: Any, strict: bool = True) -> None:
        super().__init__(address, strict)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash


class Hashed6(IPv6Network):
    """Likewise."""

    def __init__(self, address: Any, strict: bool = True) -> None:
        super().__init__(address, strict)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash


Hashed = Hashed4 | Hashed6


def hashed(target: IPv4Address | IPv6Address | IPv4Network | IPv6Network) -> Hashed:
    """The same, as a network; an address is one, too."""
    return Hashed4(target) if target.version == 4 else Hashed6(target)


@lru_cache(REMEMBERED)
def in_text(text: str) -> Hashed | None:
    """The address or network that is written so; None if it is none."""
    try:
        return Hashed6(text) if ":" in text else Hashed4(text)
    except ValueError:
        return None
