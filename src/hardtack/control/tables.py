"""Configuration -> table entries: pure lowering, bytes in and out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import numpy as np

from hardtack.control.config import Config
from hardtack.packet.layout import PORT_WORDS, Host

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_key(address: Address) -> bytes:
    """The key of `hosts`: 16 bytes, IPv4 mapped (RFC 4291 2.5.5.2)."""
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def host_entry(number: int, mss: int, ports: Iterable[int] | None) -> bytes:
    """The record of a protected address; `ports` None: all of them."""
    record = np.zeros((), Host)
    record["number"], record["mss"] = number, mss
    if ports is None:
        record["ports"][:] = ~np.uint64(0)
    else:
        words = np.zeros(PORT_WORDS, np.uint64)
        for port in ports:
            words[port >> 6] |= np.uint64(1 << (port & 63))
        record["ports"] = words
    return record.tobytes()


def host_entries(config: Config) -> dict[bytes, bytes]:
    """The `hosts` table: one record for every protected address."""
    return {
        address_key(address): host_entry(number, host.mss_for(address), host.ports)
        for number, host in enumerate(config.hosts)
        for address in host.addresses
    }
