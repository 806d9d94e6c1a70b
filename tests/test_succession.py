"""What a front takes over from the one before it: who was protected, whose connections they are, when grace begins."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from kernel_ground import needs_root

from hardtack.control import succession
from hardtack.control.configuration.schema import Config
from hardtack.control.connections import ConnectionTable
from hardtack.control.coverage import inherited, widened
from hardtack.control.graces import wider
from hardtack.control.listed import LISTED, fill_listed
from hardtack.control.numbers import numbered
from hardtack.control.pinned import key_of
from hardtack.control.plan import Facts, planned, replanned
from hardtack.control.protected import EVERY_PORT, Protected, fill_protected, ports_of, protect
from hardtack.control.rule_texts import Written, digest_of
from hardtack.control.succession import Before, bring_counters, disown, protected
from hardtack.engines.xdp import CONNECTIONS
from hardtack.kernel import maps
from hardtack.kernel.tcp import Speech
from hardtack.packet.layout import COUNTERS, HOSTS, NETS, PORT_WORDS, PORTS, Connection

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


def protected_by(config: Config) -> Protected:
    """What a first start protects."""
    return protect(config, numbered(host.name for host in config.hosts))


def left_by(earlier: Config) -> Before:
    """What a front of this configuration leaves."""
    names = [host.name for host in earlier.hosts]
    return Before(names, ports_of(protected_by(earlier)), SOMETIME, {})


WEB = config((["192.0.2.10", "2001:db8::10"], [80, 443]), (["192.0.2.11"], None))


def excluding(*excluded: str, **more: Any) -> Config:
    """A host with a network of which so much is not protected."""
    host = {"name": "host0", "addresses": ["198.51.100.0/24"], "exclude": excluded, "handshake": "agent", "via": "kernel"}
    return Config.model_validate({"front": {"interface": "eth0", "key_file": "key"}, "host": [host | more]})


@needs_root
def test_who_was_protected_is_read_from_the_tables() -> None:
    kinds = (HOSTS, NETS, LISTED, replace(PORTS, entries=4 * PORT_WORDS))
    with ExitStack() as parts:
        tables = {kind.name: parts.enter_context(maps.create(kind)) for kind in kinds}
        fill_protected(tables, protected_by(WEB))
        fill_listed(tables[LISTED.name], protected_by(WEB))
        assert protected(tables) == left_by(WEB).protected
        other = excluding("198.51.100.1", "198.51.100.128/25")
        fill_protected(tables, protected_by(other), protected_by(WEB))
        fill_listed(tables[LISTED.name], protected_by(other), protected_by(WEB))
        assert protected(tables) == left_by(other).protected
        assert protected({name: table for name, table in tables.items() if name != "hosts"}) == {}


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
    assert bool(widened(left_by(WEB).protected, ports_of(protected_by(now)), EVERY_PORT)) == more


@pytest.mark.parametrize(
    ("before", "now", "more"),
    [
        (["198.51.100.1"], ["198.51.100.1"], False),
        (["198.51.100.1"], ["198.51.100.0/25"], False),
        (["198.51.100.1"], [], True),
        (["198.51.100.0/25"], ["198.51.100.1"], True),
        ([], ["198.51.100.1"], False),
    ],
)
def test_what_is_excluded_no_more_has_grace_by_reload_and_restart(before: list[str], now: list[str], more: bool) -> None:
    was, will = (planned(excluding(*some), Facts(Speech()), {}) for some in (before, now))
    assert wider(was, will) == ({ip_network("198.51.100.0/24")} if more else set())
    front: Any = SimpleNamespace(adopted=set(CONNECTIONS))
    until = succession.grace_until(will.config, left_by(was.config), front, will.protected, goes_on=True)
    assert (until != SOMETIME) == more


@pytest.mark.parametrize(
    ("before", "now", "more"),
    [
        ({"rules": ["pass tcp and src net 10.0.0.0/8"]}, {}, True),
        ({"rules": ["pass tcp and src net 10.0.0.0/8", "drop udp"]}, {"rules": ["pass tcp and src net 10.0.0.0/8"]}, False),
        ({"rules": ["drop tcp and src net 10.0.0.0/8"]}, {}, False),
        ({"protect": "tcp and dst port 80"}, {"protect": "tcp and dst port 22"}, True),
        ({"protect": "tcp and dst port 80"}, {"protect": "tcp and dst port 80", "rules": ["drop udp"]}, False),
        ({}, {"protect": "tcp"}, True),
    ],
)
def test_what_rules_kept_out_has_grace_by_reload_and_restart(
    before: dict[str, Any], now: dict[str, Any], more: bool
) -> None:
    was = planned(excluding(**{"ports": [80]} | before if "protect" not in before else before), Facts(Speech()), {})
    will = replanned(excluding(**{"ports": [80]} | now if "protect" not in now else now), {}, was)
    assert bool(wider(was, will)) == more
    texts = {number: Written(1, digest_of(text), text) for (_, text), number in was.seats.rules.numbers.items()}
    earlier = Before(["host0"], ports_of(was.protected), SOMETIME, texts)
    front: Any = SimpleNamespace(adopted=set(CONNECTIONS))
    again = planned(will.config, Facts(Speech()), {}, earlier.hosts, texts)
    numbers = again.seats.rules.numbers.values()
    until = succession.grace_until(again.config, earlier, front, again.protected, True, numbers)
    assert (until != SOMETIME) == more


ONCE = {"192.0.2.0/24": b"\1", "192.0.2.8/32": b"", "2001:db8::/32": b"\3"}  # ports as bits; b"": all


@pytest.mark.parametrize(
    ("after", "wider"),
    [
        ({"192.0.2.0/24": b"\3"}, {"192.0.2.0/24"}),
        ({"192.0.2.0/25": b"\1"}, set()),
        ({"192.0.2.0/25": b"\2", "192.0.2.8/32": b"\3"}, {"192.0.2.0/25"}),
        ({"192.0.3.0/24": b"\1", "2001:db8::/48": b"\7"}, {"192.0.3.0/24", "2001:db8::/48"}),
        ({"192.0.0.0/16": b"\1"}, {"192.0.0.0/16"}),
        ({"192.0.2.0/24": b"\1", "2001:db8::/33": b"\3"}, set()),
    ],
)
def test_whose_addresses_have_more(after: dict[str, bytes], wider: set[str]) -> None:
    before, now = ({ip_network(text): ports for text, ports in those.items()} for those in (ONCE, after))
    assert widened(before, now, b"\xff") == set(map(ip_network, wider))


def test_a_network_has_what_its_addresses_had_before() -> None:
    ends = {ip_network("192.0.2.0/24"): 7, ip_network("192.0.2.8/32"): 9}
    after = [ip_network(text) for text in ("192.0.2.0/25", "192.0.2.8/32", "192.0.0.0/16", "2001:db8::/32")]
    assert inherited(ends, after, 0) == dict(zip(after, (7, 9, 0, 0), strict=True))


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
    until = succession.grace_until(now, left_by(WEB), front, protected_by(now), goes_on)
    assert (until == SOMETIME) == kept
    if not kept:  # by the clock that nobody sets
        assert began <= until / 1000 - 30 + 0.001 <= time.monotonic() + 0.001


def test_a_grace_period_of_no_length_never_begins() -> None:
    now = config((["192.0.2.99"], None), grace="0s")
    front: Any = SimpleNamespace(adopted=set())
    assert succession.grace_until(now, left_by(WEB), front, protected_by(now), goes_on=False) == 0


def test_connections_of_a_host_that_is_no_more_are_nobodys() -> None:
    """Its number is given to another one. All others' stay whose they are."""
    rows = np.zeros(200, Connection)
    number = np.arange(len(rows), dtype=np.uint64)
    rows["source_low"], rows["ports"], rows["host"] = number << np.uint64(32) | np.uint64(0xFFFF0000), number, number % 4
    table = ConnectionTable.new(1000)
    assert table.fill(rows, SOMETIME) == len(rows)
    disown(table, [2, 9])
    found = {int(row["ports"]): int(row["host"]) for row in table.live()}
    assert found == {number: (0, 1, 0, 3)[number % 4] for number in range(len(rows))}


@needs_root
def test_counters_go_on_in_a_table_of_another_size_and_a_new_hosts_begin_at_0() -> None:
    with maps.create(replace(COUNTERS, entries=4)) as old, maps.create(replace(COUNTERS, entries=16)) as new:
        counted = [np.arange(128, dtype="u8") + 1000 * cpu for cpu in range(maps.possible_cpus())]
        for number in range(4):
            old.update_all(key_of(number), [(each + 100_000 * number).tobytes() for each in counted])
        bring_counters(cast(Any, SimpleNamespace(tables={"counters": new}, old={"counters": old})), "counters", [2, 9])
        for number in (0, 1, 3):
            assert new.lookup_all(key_of(number)) == old.lookup_all(key_of(number))
        assert not any(new.totals(key_of(2)) + new.totals(key_of(9)))
