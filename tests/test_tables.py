"""From configuration to table entries: what is written is what was meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.exits import Exit
from hardtack.control.rates import per_ms, per_span, per_window
from hardtack.control.tables import (
    device_entries,
    exits_entry,
    next_hop_entry,
    policy_entry,
)
from hardtack.packet import layout
from hardtack.packet.layout import DEVICES, Exits, Policy

CONFIGURATION = """
[front]
interface = "eth0"
key_file = "key"
connections = 2_000_000
replies_per_second = 1_000_000
connections_per_prefix = 500
[[host]]
name = "web"
addresses = ["192.0.2.10"]
handshake = "agent"
via = "kernel"
"""


def configuration(text: str = CONFIGURATION) -> Config:
    """As if it stood in a file."""
    return read(text, Path("/etc/hardtack.toml"))


@pytest.mark.parametrize(
    ("rate", "window"), [(1, 1), (7, 1), (8, 2), (1000, 128), (1001, 129), (5_000_000, 640_000), (10**9, 128_000_000)]
)
def test_a_rate_becomes_so_many_in_a_window(rate: int, window: int) -> None:
    assert per_window(rate) == window
    assert per_span(rate) >= rate * 1.024 > per_span(rate) - 1
    assert per_ms(rate) * 1000 >= rate > (per_ms(rate) - 1) * 1000


def test_what_holds_for_all_hosts() -> None:
    record = np.frombuffer(policy_entry(configuration(), 70_020_000), Policy)[0]
    assert record["grace_until"] == 70_020_000
    assert record["replies"] == 128_000
    assert record["learned"] == record["taught"] == 2_560  # 20,000 in a second
    assert (record["prefix_replies"], record["prefix_connections"]) == (1024, 512)


def test_small_tables_are_not_taught_faster_than_they_forget() -> None:
    record = np.frombuffer(policy_entry(configuration(CONFIGURATION.replace("2_000_000", "10_000")), 0), Policy)[0]
    assert record["learned"] == record["taught"] == 128  # a tenth of the table in a second


def test_exits_are_written_as_a_frame_has_them() -> None:
    """MAC addresses as words whose first byte in memory is the first on the wire."""
    exits = [
        Exit("eth0", 2, bytes.fromhex("020000000001"), 1500),
        Exit("eth1", 300, bytes.fromhex("52540012abcd"), 9000, scatters=True),
    ]
    slots = np.frombuffer(exits_entry(exits), Exits)[0]["slots"]
    assert [slot["mac"].tobytes()[:6].hex() for slot in slots[:2]] == ["020000000001", "52540012abcd"]
    assert [int(slot["mac"]) >> 48 for slot in slots] == [0] * len(slots)
    assert [int(slot["mtu"]) for slot in slots] == [1500, 9000] + [0] * (layout.MOST_EXITS - 2)
    assert [int(slot["scatters"]) for slot in slots] == [0, 1] + [0] * (layout.MOST_EXITS - 2)
    assert [*device_entries(exits)] == [(b"\0\0\0\0", b"\2\0\0\0"), (b"\1\0\0\0", b"\x2c\1\0\0")]
    assert (DEVICES.key_size, DEVICES.value_size) == (4, 4)


@given(st.binary(min_size=6, max_size=6), st.integers(0, layout.MOST_EXITS - 1))
def test_a_next_hop_is_written_as_it_is_read(mac: bytes, place: int) -> None:
    word = int.from_bytes(next_hop_entry(mac, place), "little")
    assert (word & (1 << 48) - 1).to_bytes(6, "little") == mac and word >> 48 == place
