"""What a front takes over from the one before it: who was protected, whose connections they are, when grace begins."""

from __future__ import annotations

import time
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hardtack.control import succession
from hardtack.control.config import Config
from hardtack.control.connections import ConnectionTable
from hardtack.control.succession import Before, protected, renumber, widened
from hardtack.control.tables import address_key, host_entries, host_updates
from hardtack.engines.xdp import CONNECTIONS
from hardtack.packet.layout import Connection

SOMETIME = 70_000  # monotonic ms: of a grace period that is over, if this machine has been up for longer


def config(*hosts: tuple[list[str], list[int] | None], grace: str = "30s") -> Config:
    """Hosts of so many addresses and ports."""
    written: list[dict[str, Any]] = [
        {"name": f"host{number}", "addresses": addresses, "handshake": "agent", "via": "kernel"}
        | ({"ports": ports} if ports else {})
        for number, (addresses, ports) in enumerate(hosts)
    ]
    front = {"interface": "eth0", "key_file": "key", "grace": grace}
    return Config.model_validate({"front": front, "host": written})


def left_by(earlier: Config) -> Before:
    """What a front of this configuration leaves."""
    values = {table: value for table, _, value in host_updates(host_entries(earlier))}
    names = [host.name for host in earlier.hosts]
    return Before(names, protected(values["index"], values["hosts"]), SOMETIME)


WEB = config((["192.0.2.10", "2001:db8::10"], [80, 443]), (["192.0.2.11"], None))


def test_who_was_protected_is_read_from_the_tables() -> None:
    entries = host_entries(WEB)
    assert left_by(WEB).protected.keys() == entries.keys()
    assert not widened(left_by(WEB), entries)
    assert protected(None, None) == {}


@pytest.mark.parametrize(
    ("now", "more"),
    [
        (config((["192.0.2.10"], [80])), False),
        (config((["192.0.2.11"], [22]), (["2001:db8::10"], [443])), False),
        (config((["192.0.2.10"], [80, 8080])), True),
        (config((["192.0.2.10"], None)), True),
        (config((["192.0.2.12"], [80])), True),
        (config((["::c000:20a"], [80])), True),  # ::192.0.2.10 is not 192.0.2.10
    ],
)
def test_more_than_before(now: Config, more: bool) -> None:
    assert widened(left_by(WEB), host_entries(now)) == more


@pytest.mark.parametrize(
    ("now", "adopted", "goes_on", "kept"),
    [
        (WEB, CONNECTIONS, True, True),
        (WEB, CONNECTIONS, False, False),  # something has passed by the programs
        (WEB, ("counters",), True, False),  # the connections are lost, or moved
        (config((["192.0.2.99"], None)), CONNECTIONS, True, False),
    ],
)
def test_when_grace_begins(now: Config, adopted: tuple[str, ...], goes_on: bool, kept: bool) -> None:
    front: Any = SimpleNamespace(adopted=set(adopted))
    began = time.monotonic()
    until = succession.grace_until(now, left_by(WEB), front, host_entries(now), goes_on)
    assert (until == SOMETIME) == kept
    if not kept:  # by the clock that nobody sets
        assert began <= until / 1000 - 30 + 0.001 <= time.monotonic() + 0.001


def test_a_grace_period_of_no_length_never_begins() -> None:
    now = config((["192.0.2.99"], None), grace="0s")
    front: Any = SimpleNamespace(adopted=set())
    assert succession.grace_until(now, left_by(WEB), front, host_entries(now), goes_on=False) == 0


def test_connections_go_with_their_hosts() -> None:
    """Each carries the number of the host that its address has now."""
    others = config((["192.0.2.11"], None), (["2001:db8::10"], None), (["198.51.100.7"], None))
    ends = ["192.0.2.10", "2001:db8::10", "192.0.2.11", "::c000:20b"]
    rows = np.zeros(4 * 50, Connection)
    for number, row in enumerate(rows):
        key = np.frombuffer(address_key(ip_address(ends[number % 4])), np.uint64)
        row["destination_high"], row["destination_low"] = key
        row["source_low"], row["ports"], row["host"] = number << 32 | 0xFFFF0000, number, 1 + number % 2
    table = ConnectionTable.new(1000)
    assert table.fill(rows, SOMETIME) == len(rows)
    renumber(table, host_entries(others))
    found = {int(row["ports"]): int(row["host"]) for row in table.live()}
    assert found == {number: (0, 2, 1, 0)[number % 4] for number in range(len(rows))}
