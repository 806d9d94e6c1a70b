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
from hardtack.control.numbers import counters_for, new_to, numbered
from hardtack.control.tables import (
    address_key,
    addresses_of,
    device_entries,
    exits_entry,
    host_entries,
    host_entry,
    host_updates,
    next_hop_entry,
    per_ms,
    per_span,
    per_window,
    policy_entry,
)
from hardtack.packet import layout
from hardtack.packet.layout import BUDGETS, COUNTERS, DEVICES, SHARES, Exits, Host, Hosts, NextHop, Policy

CONFIGURATION = """
[front]
interface = "eth0"
key_file = "key"
connections = 2_000_000
replies_per_second = 1_000_000
connections_per_prefix = 500
[[host]]
name = "web"
addresses = ["192.0.2.10", "2001:db8::10"]
ports = [80, 443]
handshake = "agent"
via = "kernel"
[[host]]
name = "mail"
addresses = ["198.51.100.25"]
mss = 1380
handshake = "agent"
via = "direct"
vlan = 7
default = "drop"
replies_per_second = 8
frames_per_connection = 1_001
key_file = "mail.key"
[[host]]
name = "here"
addresses = ["198.51.100.26"]
handshake = "agent"
via = "local"
key_file = "here.key"
[[host]]
name = "there"
addresses = ["2001:db8::7"]
handshake = "agent"
via = "mac"
mac = "52:54:00:12:34:56"
out = "eth1"
vlan = "none"
"""
WAYS = {"kernel": layout.KERNEL, "local": layout.KERNEL, "direct": layout.ROUTED, "mac": layout.SWITCHED}


def configuration(text: str = CONFIGURATION) -> Config:
    """As if it stood in a file."""
    return read(text, Path("/etc/hardtack.toml"))


def entries_of(config: Config) -> dict[bytes, bytes]:
    """The records of a first start."""
    return host_entries(config, numbered(host.name for host in config.hosts))


@given(st.none() | st.lists(st.integers(1, 65535), max_size=20), st.integers(536, 8940), st.integers(1, 1024))
def test_a_host_is_written_as_it_is_read(ports: list[int] | None, mss: int, number: int) -> None:
    record = np.frombuffer(host_entry(number, mss, ports), Host)[0]
    assert (record["mss"], record["number"]) == (mss, number)
    bits = np.unpackbits(record["ports"].view(np.uint8), bitorder="little")
    protected = set(np.flatnonzero(bits).tolist())
    assert protected == (set(range(65536)) if ports is None else set(ports))


def test_a_configuration_becomes_a_record_for_each_address() -> None:
    config = configuration()
    entries = entries_of(config)
    assert [*entries] == [
        bytes.fromhex("00000000000000000000ffffc000020a"),
        bytes.fromhex("20010db8000000000000000000000010"),
        bytes.fromhex("00000000000000000000ffffc6336419"),
        bytes.fromhex("00000000000000000000ffffc633641a"),
        bytes.fromhex("20010db8000000000000000000000007"),
    ]
    assert [address_key(address) for _, address in addresses_of(config)] == [*entries]
    records = [np.frombuffer(entry, Host)[0] for entry in entries.values()]
    assert [int(record["number"]) for record in records] == [1, 1, 2, 3, 4]
    assert [int(record["mss"]) for record in records] == [1460, 1440, 1380, 1460, 1440]
    assert [int(record["via"]) for record in records] == [WAYS[host.via] for host, _ in addresses_of(config)]
    assert [int(record["other"]) for record in records] == [0, 0, 1, 0, 0]
    assert [int(record["tag"]) for record in records] == [layout.KEEP_TAG] * 2 + [7, layout.KEEP_TAG, layout.NO_TAG]
    assert [int(record["replies"]) for record in records] == [640_000] * 2 + [2] + [640_000] * 2
    assert [int(record["frames"]) for record in records] == [5, 5, 2, 5, 5]


@pytest.mark.parametrize(
    ("front", "host", "heard", "one_armed"),
    [
        ("", "", [0, 0, 0, 1, 0], [0] * 5),
        ('inside = ["eth1"]', "", [1] * 5, [0] * 5),
        ("", "out", [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]),
        ('inside = ["eth1"]', "out", [1, 1, 1, 1, 0], [0, 0, 0, 0, 1]),  # its answers may go another way
        ('inside = ["eth2"]', "", [1, 1, 1, 1, 0], [0] * 5),
    ],
)
def test_whose_word_is_heard(front: str, host: str, heard: list[int], one_armed: list[int]) -> None:
    """What `inside` interfaces bring, and what this machine sends itself. A host without `out` is one-armed."""
    text = CONFIGURATION.replace("[front]", f"[front]\n{front}")
    entries = entries_of(configuration(text.replace('out = "eth1"\n', "") if host else text))
    records = [np.frombuffer(entry, Host)[0] for entry in entries.values()]
    assert [int(record["heard"]) for record in records] == heard
    assert [int(record["one_armed"]) for record in records] == one_armed


@pytest.mark.parametrize(
    ("earlier", "numbers", "new"),
    [
        ([], {"a": 1, "b": 2}, [1, 2]),
        (["b", "a"], {"a": 2, "b": 1}, []),
        (["x", "b"], {"a": 3, "b": 2}, [3]),  # x's is left alone: its front may still be at work
        (["", "b", "x"], {"a": 1, "b": 2}, [1]),
    ],
)
def test_a_host_keeps_its_number(earlier: list[str], numbers: dict[str, int], new: list[int]) -> None:
    assert numbered(["a", "b"], earlier) == numbers
    assert new_to(numbers, earlier) == new


def test_numbers_are_enough_for_as_many_hosts_as_there_may_be() -> None:
    """Each with one address; even if all of them are others than before."""
    everybody = [f"host{number}" for number in range(layout.MOST_HOST_ADDRESSES)]
    numbers = numbered(everybody, [f"old{number}" for number in range(layout.MOST_HOST_ADDRESSES)])
    assert {*numbers.values()} == {*range(1, layout.MOST_HOST_ADDRESSES + 1)}
    assert counters_for(numbers) > layout.MOST_HOST_ADDRESSES
    assert counters_for(numbered(everybody[:15])) == counters_for(numbered(everybody[:1])) == 16
    assert counters_for(numbered(everybody[:16])) == 32


def test_key_sets_are_those_of_the_key_files() -> None:
    """The agent takes set 0."""
    config = configuration()
    sets = [int(np.frombuffer(entry, Host)[0]["keys"]) for entry in entries_of(config).values()]
    assert [path.name for path in config.key_files] == ["here.key", "key", "mail.key"]
    assert sets == [1, 1, 2, 0, 1]


def test_a_record_knows_its_place() -> None:
    entries = entries_of(configuration())
    written = {table: value for table, _, value in host_updates(entries)}
    records = np.frombuffer(written["hosts"], Hosts)[0]["records"]
    assert [int(record["place"]) for record in records[: len(entries)]] == [*range(len(entries))]
    for record, entry in zip(records, entries.values(), strict=False):
        expected = np.frombuffer(entry, Host)[0].copy()
        expected["place"] = record["place"]
        assert record == expected


def test_every_number_of_a_host_has_a_budget() -> None:
    """Budget 0 is everybody's; behind those of the hosts that of the grace period, what each host may teach, and be told."""
    assert layout.LEARNING == layout.MOST_HOST_ADDRESSES + 1
    assert layout.QUOTED == layout.TAUGHT + layout.MOST_HOST_ADDRESSES
    assert BUDGETS.entries == layout.QUOTED + layout.MOST_HOST_ADDRESSES + 1 == SHARES.entries
    assert COUNTERS.entries >= 1


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
    word = int(np.frombuffer(next_hop_entry(mac, place), NextHop)[0]["word"])
    assert (word & (1 << 48) - 1).to_bytes(6, "little") == mac and word >> 48 == place
