"""What is protected as words of tables: each host's record, its ports, whose each network is; and what a change writes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_ground import needs_root

from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.listed import LISTED, all_listed, fill_listed
from hardtack.control.numbers import assigned, new_to, numbered, room_for, table_sizes
from hardtack.control.protected import (
    EVERY_PORT,
    NOTHING,
    Protected,
    bits_of,
    changes,
    columns,
    fill_protected,
    ports_of,
    protect,
)
from hardtack.kernel import maps
from hardtack.packet import layout
from hardtack.packet.layout import HOSTS, NETS, PORTS, Host, Net

FRONT = """
[front]
interface = "eth0"
key_file = "key"
"""
CONFIGURATION = """
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


def configuration(text: str = CONFIGURATION, front: str = "") -> Config:
    """As if it stood in a file."""
    return read(FRONT + front + "\n" + text, Path("/etc/hardtack.toml"))


def numbers_of(config: Config) -> dict[str, int]:
    """Those of a first start."""
    return numbered(host.name for host in config.hosts)


def protected(config: Config) -> Protected:
    """What a first start protects."""
    return protect(config, numbers_of(config))


def records(config: Config) -> npt.NDArray[np.void]:
    """The hosts' records, by number from 1."""
    hosts = protected(config).hosts
    return np.frombuffer(b"".join(hosts[number] for number in sorted(hosts)), Host)


@given(st.lists(st.integers(1, 65535), max_size=20))
def test_ports_are_written_as_they_are_read(ports: list[int]) -> None:
    words = np.frombuffer(bits_of(ports), np.uint64)
    assert {port for port in range(65536) if int(words[port >> 6]) >> (port & 63) & 1} == {*ports}
    assert len(words) == layout.PORT_WORDS and bits_of(None) == b""


def test_a_configuration_becomes_a_record_for_each_host() -> None:
    found = records(configuration())
    assert found["number"].tolist() == [1, 2, 3, 4]
    assert found["mss_4"].tolist() == [1460, 1380, 1460, 1460]
    assert found["mss_6"].tolist() == [1440, 1380, 1440, 1440]
    assert found["via"].tolist() == [layout.KERNEL, layout.ROUTED, layout.KERNEL, layout.SWITCHED]
    assert found["other"].tolist() == [0, 1, 0, 0]
    assert found["tag"].tolist() == [layout.KEEP_TAG, 7, layout.KEEP_TAG, layout.NO_TAG]
    assert found["replies"].tolist() == [640_000, 2, 640_000, 640_000]
    assert found["frames"].tolist() == [5, 2, 5, 5]


def test_each_network_is_somebodys_and_has_a_place() -> None:
    found = protected(configuration())
    addresses = ["192.0.2.10", "2001:db8::10", "198.51.100.25", "198.51.100.26", "2001:db8::7"]
    assert found.owners == dict(zip(map(ip_network, addresses), [1, 1, 2, 3, 4], strict=True))
    assert found.places == dict(zip(map(ip_network, addresses), [1, 2, 3, 4, 5], strict=True))
    assert ports_of(found)[ip_network("192.0.2.10")] == bits_of([80, 443])
    assert ports_of(found)[ip_network("2001:db8::7")] == b""


def test_equal_sets_of_ports_are_stored_once() -> None:
    hosts = "".join(
        f'[[host]]\nname = "h{number}"\naddresses = ["10.0.0.{number}"]\nhandshake = "agent"\nvia = "kernel"\n{ports}\n'
        for number, ports in enumerate(["ports = [80]", "ports = [443]", "", "ports = [80]"])
    )
    found = protected(configuration(hosts))
    assert found.sets == {bits_of([80]): 1, bits_of([443]): 2}
    assert records(configuration(hosts))["ports"].tolist() == [1, 2, layout.ALL_PORTS, 1]
    written = {column.table: column.words for column in columns(found)}
    assert written["ports"].tobytes() == EVERY_PORT + bits_of([80]) + bits_of([443])


@pytest.mark.parametrize(
    ("front", "host", "heard", "one_armed"),
    [
        ("", "", [0, 0, 1, 0], [0] * 4),
        ('inside = ["eth1"]', "", [1] * 4, [0] * 4),
        ("", "out", [0, 0, 1, 0], [0, 0, 0, 1]),
        ('inside = ["eth1"]', "out", [1, 1, 1, 0], [0, 0, 0, 1]),  # its answers may go another way
        ('inside = ["eth2"]', "", [1, 1, 1, 0], [0] * 4),
    ],
)
def test_whose_word_is_heard(front: str, host: str, heard: list[int], one_armed: list[int]) -> None:
    """What `inside` interfaces bring, and what this machine sends itself. A host without `out` is one-armed."""
    text = CONFIGURATION.replace('out = "eth1"\n', "") if host else CONFIGURATION
    found = records(configuration(text, front))
    assert found["heard"].tolist() == heard
    assert found["one_armed"].tolist() == one_armed


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


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_numbers_are_kept_and_shared_by_nobody(wanted: set[int], before: set[int]) -> None:
    """As long as there are enough, a new one has none that somebody has just had."""
    earlier = assigned(sorted(before), {}, 12)
    found = assigned(sorted(wanted), earlier, 12)
    assert found.keys() == wanted and len({*found.values()}) == len(wanted)
    assert all(found[key] == earlier[key] for key in wanted & before)
    if len(wanted | before) <= 12:
        assert not {found[key] for key in wanted - before} & {*earlier.values()}


def test_there_are_numbers_for_as_many_hosts_as_there_may_be() -> None:
    """Even if all of them are others than before; the tables that are by number have room for them, and for some more."""
    everybody = [f"host{number}" for number in range(layout.MOST_HOSTS)]
    numbers = numbered(everybody, [f"old{number}" for number in range(layout.MOST_HOSTS)])
    assert {*numbers.values()} == {*range(1, layout.MOST_HOSTS + 1)}
    sizes = table_sizes(numbers, {})
    assert sizes["counters"] == sizes["names"] == layout.MOST_HOSTS + 1
    assert sizes["budgets"] == sizes["shares"] == layout.BUDGETS_EACH * sizes["counters"]
    assert [room_for(highest) for highest in (0, 50, 52, 10_000)] == [64, 64, 128, 16_384]


def test_key_sets_are_those_of_the_key_files() -> None:
    """The agent takes set 0."""
    config = configuration()
    assert [file.name for file in config.key_files] == ["here.key", "key", "mail.key"]
    assert records(config)["keys"].tolist() == [1, 2, 0, 1]


def written(parts: Mapping[str, npt.NDArray[np.uint64]], before: Protected, after: Protected) -> None:
    """Change tables, as memory."""
    for table, places, words in changes(before, after):
        parts[table][places] = words


networks = st.sampled_from([ip_network(f"10.0.{number}.0/24") for number in range(6)])
worlds = st.dictionaries(networks, st.tuples(st.integers(1, 4), st.sampled_from([b"", bits_of([80]), bits_of([443])])))


@given(st.lists(worlds, max_size=4))
def test_a_change_writes_what_differs_and_comes_to_the_same(steps: list[dict[object, tuple[int, bytes]]]) -> None:
    """By words, from one set of hosts, networks and ports to the next. Nobody's place or number but his own is touched."""
    parts = {name: np.zeros(4000 * 8, np.uint64) for name in ("hosts", "ports", "nets")}
    before = NOTHING
    for step in steps:
        after = made_of(step, before)
        written(parts, before, after)
        assert not [*changes(after, after)]
        records, nets = parts["hosts"].view(Host), parts["nets"].view(Net)
        for network, (number, _) in step.items():
            place = after.places[network]  # type: ignore[index]
            assert nets[place]["host"] == number
            start = int(records[number]["ports"]) * layout.PORT_WORDS
            assert parts["ports"][start : start + layout.PORT_WORDS].tobytes() == (ports_at(step, number) or EVERY_PORT)
        before = after


def ports_at(step: Mapping[object, tuple[int, bytes]], number: int) -> bytes:
    """A host has one set, whatever several of its networks say: that of the first."""
    return next(ports for owner, ports in step.values() if owner == number)


def made_of(step: Mapping[object, tuple[int, bytes]], before: Protected) -> Protected:
    """As `protect` makes it."""
    hosts = {}
    sets = assigned((ports_at(step, number) for number, _ in step.values() if ports_at(step, number)), before.sets)
    for number in dict.fromkeys(number for number, _ in step.values()):
        record, ports = np.zeros((), Host), ports_at(step, number)
        record["number"], record["ports"] = number, sets[ports] if ports else layout.ALL_PORTS
        hosts[number] = record.tobytes()
    owners = {network: number for network, (number, _) in step.items()}
    return Protected(hosts, sets, assigned(owners, before.places), owners)  # type: ignore[arg-type]


@needs_root
def test_tables_in_the_kernel_are_changed_while_others_read() -> None:
    """By mapped memory. Which networks there are is read back from a table of its own."""
    first = protected(configuration())
    now = configuration(CONFIGURATION.replace("192.0.2.10", "192.0.2.99").replace("[80, 443]", "[8080]"))
    second = protect(now, numbers_of(now), earlier=first)
    with ExitStack() as parts:
        kinds = (HOSTS, NETS, replace(PORTS, entries=4 * layout.PORT_WORDS))
        tables = {kind.name: parts.enter_context(maps.create(kind)) for kind in kinds}
        told = parts.enter_context(maps.create(LISTED))
        for before, after in ((NOTHING, first), (first, second)):
            fill_protected(tables, after, before)
            fill_listed(told, after, before)
            assert all_listed(told) == {place: network for network, place in after.places.items()}
            for network, place in after.places.items():
                assert np.frombuffer(tables["nets"].memory(), Net)[place]["host"] == after.owners[network]
        assert second.places[ip_network("192.0.2.99")] not in first.places.values()
