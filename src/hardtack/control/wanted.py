"""Addresses that frames have come for and nobody knows the way to, as packet/out/wanted.py has noted them."""

from __future__ import annotations

import secrets
from ipaddress import IPv4Address, IPv6Address

import numpy as np
import numpy.typing as npt

from hardtack.control.configuration.values import Address
from hardtack.kernel.maps import Map
from hardtack.packet.layout import NOTE_BITS, NOTED, Wanted

MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2


class Notes:
    """The table `wanted`, to be read every second."""

    def __init__(self, wanted: Map) -> None:
        table = np.frombuffer(wanted.memory(), Wanted)
        self._notes = table["notes"][0]
        table["factors"][0] = [secrets.randbits(64) for _ in table["factors"][0]]
        self._random = np.random.default_rng()

    def take(self, most: int) -> list[Address]:
        """Up to `most` addresses, in turn of each host; they may be noted again. The others stay noted."""
        noted = np.flatnonzero(self._notes["state"] & np.uint64(NOTED))
        if not len(noted):
            return []
        chosen = in_turn(self._random.permutation(noted), most)
        words = np.stack([self._notes["high"][chosen], self._notes["low"][chosen]], 1)
        self._notes["state"][chosen] = 0
        return [address_of(one.tobytes()) for one in words]

    def clear(self) -> None:
        """Whatever is noted may be so no more."""
        self._notes["state"] = 0


def in_turn(noted: npt.NDArray[np.intp], most: int) -> npt.NDArray[np.intp]:
    """Up to `most` of them: of each part of the table, which is a host's, one; then of each another one; and so on."""
    part = noted >> NOTE_BITS
    order = np.argsort(part, kind="stable")
    rank = np.empty(len(noted), np.intp)
    rank[order] = np.arange(len(noted)) - np.searchsorted(part[order], part[order])
    return noted[np.argsort(rank, kind="stable")[:most]]


def address_of(packed: bytes) -> Address:
    """An address as the tables have it: 16 bytes, IPv4 mapped."""
    return IPv4Address(packed[12:]) if packed.startswith(MAPPED) else IPv6Address(packed)
