"""Configuration -> table entries: pure lowering, bytes in and out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import numpy as np

from hardtack.packet.layout import KEY_SLOTS, PORT_WORDS, Clock, Host, Keys

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


def keys_entry(schedule: Iterable[tuple[int, bytes]]) -> bytes:
    """The `keys` table for (epoch, 16 bytes) pairs; slots without one hold an epoch that cannot come."""
    record = np.zeros((), Keys)
    record["slots"]["epoch"] = ~np.uint64(0)
    for epoch, key in schedule:
        slot = record["slots"][epoch % KEY_SLOTS]
        slot["epoch"] = epoch
        slot["low"], slot["high"] = np.frombuffer(key, "<u8")
    return record.tobytes()


def clock_entry(offset_ns: int) -> bytes:
    """The `clock` table: what to add to the coarse clock to get unix time."""
    record = np.zeros((), Clock)
    record["offset_ns"] = np.uint64(offset_ns % (1 << 64))
    return record.tobytes()
