"""The difference of two plans, and what of it takes a restart: values in, values out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_plan import MACHINE, MASTER, configured, plan_of

from hardtack.control.changes import MOST_SHOWN, changes, restarts
from hardtack.control.configuration.schema import KeyFiles
from hardtack.control.exits import Exit
from hardtack.control.graces import wider
from hardtack.control.plan import Plan, planned, replanned
from hardtack.keys import Masters
from hardtack.packet.layout import Host as Record

Hosts = list[dict[str, Any]]
HERE = replace(MACHINE, exits=(Exit("eth0", 2, bytes(6), 1500), Exit("eth1", 3, bytes(6), 1500)))
MANY = [f"198.51.100.{number}" for number in range(1, 10)]


def then(now: Plan, hosts: Hosts, **front: Any) -> Plan:
    """What a reload plans."""
    config = configured(*hosts, **front)
    return replanned(config, {file: now.masters.get(file, MASTER) for file in config.key_files}, now)


@pytest.mark.parametrize(
    ("hosts", "front", "told"),
    [
        ([{}, {}], {}, []),
        ([{}], {}, ["host host2 removed"]),
        ([{}, {}, {}], {}, ["host host3 added: addresses 192.0.2.3"]),
        ([{"name": "x"}, {}], {}, ["host x added: addresses 192.0.2.1", "host host1 removed"]),
        ([{"ports": [22, 80]}, {}], {}, ["host host1 changed: ports (default) -> 22, 80"]),
        ([{"addresses": ["192.0.2.9", "192.0.2.1"]}, {}], {}, ["host host1 changed: addresses +192.0.2.9"]),
        ([{"addresses": ["192.0.2.0/28"], "exclude": ["192.0.2.7"]}, {}], {},
         ["host host1 changed: addresses +192.0.2.0/28 -192.0.2.1; exclude +192.0.2.7"]),
        ([{"addresses": ["192.0.2.9"], "mss": 1000}, {}], {},
         ["host host1 changed: addresses +192.0.2.9 -192.0.2.1; mss (default) -> 1000"]),
        ([{"addresses": ["192.0.2.1", *MANY]}, {}], {},
         [f"host host1 changed: addresses +{','.join(MANY[:MOST_SHOWN])},+{len(MANY) - MOST_SHOWN}"]),
        ([{}, {}], {"grace": "1m", "replies_per_second": 9},
         ["[front] grace changed: 30s -> 1m", "[front] replies_per_second changed: 20_000_000 -> 9"]),
        ([{"handshake": "pass"}, {"handshake": "challenge", "protect_when": "under-attack", "syns_per_second": 9}], {},
         ["host host1 changed: handshake agent -> pass", "host host2 changed: handshake agent -> challenge; "
          "protect_when always -> under-attack; syns_per_second (default) -> 9"]),
        ([{}, {}], {"source_lifetime": "1m", "syns_per_source": 9, "check_hosts": False},
         ["[front] source_lifetime changed: 10m -> 1m", "[front] syns_per_source changed: 100 -> 9",
          "[front] check_hosts changed: true -> false"]),
        ([{}, {"dry_run": True}], {}, ["host host2 changed: dry_run false -> true"]),
        ([{}, {"key_file": "/other"}], {}, ["host host2 changed: key_file (default) -> /other"]),
    ],
)  # fmt: skip
def test_what_is_different(hosts: Hosts, front: dict[str, Any], told: list[str]) -> None:
    now = plan_of({}, {})
    after = then(now, hosts, **front)
    assert [str(change) for change in changes(now, after)] == told
    assert restarts(now, after) == []
    assert (changes(after, then(after, hosts, **front)), changes(now, then(now, [{}, {}]))) == ([], [])


def test_what_is_excluded_alone_is_a_difference() -> None:
    network = {"addresses": ["192.0.2.0/28"]}
    now = plan_of(network | {"exclude": ["192.0.2.7"]})
    assert [str(one) for one in changes(now, then(now, [network]))] == ["host host1 changed: exclude -192.0.2.7"]
    other = network | {"exclude": ["192.0.2.8"]}
    assert [str(one) for one in changes(now, then(now, [other]))] == ["host host1 changed: exclude +192.0.2.8 -192.0.2.7"]


def test_the_order_of_hosts_is_no_difference() -> None:
    now = plan_of({}, {"name": "b"})
    config = configured({"name": "b", "addresses": ["192.0.2.2"]}, {"name": "host1", "addresses": ["192.0.2.1"]})
    after = replanned(config, now.masters, now)
    assert changes(now, after) == [] and after.protected == now.protected and after.seats == now.seats


@pytest.mark.parametrize(
    ("hosts", "front", "why"),
    [
        ([{}], {"interface": "eth7"}, "[front] interface: +eth7 -eth0: "),
        ([{}], {"inside": ["eth1"]}, "[front] inside: +eth1: "),
        ([{}], {"connections": 5000}, "[front] connections: 1_000_000 -> 5_000: "),
        ([{}], {"sources": 5000}, "[front] sources: 1_000_000 -> 5_000: "),
        ([{}, {"via": "local"}], {}, 'host host2: handshake = "agent" with via = "local": '),
        ([{}, {"via": "mac", "mac": "02:00:00:00:00:01", "out": "eth9"}], {}, "host host2: out = eth9: "),
        ([{} for _ in range(70)], {}, "70 hosts: "),
    ],
)
def test_what_takes_a_restart(hosts: Hosts, front: dict[str, Any], why: str) -> None:
    now = planned(configured({}), HERE, {Path("key"): MASTER})
    (only,) = restarts(now, then(now, hosts, **front))
    assert only.startswith(why)


def test_a_program_or_a_key_that_is_not_there_takes_one_too() -> None:
    inside = planned(configured({}, inside=["eth1"]), HERE, {Path("key"): MASTER})
    (only,) = restarts(inside, then(inside, [{}, {"via": "mac", "mac": "02:00:00:00:00:01"}], inside=["eth1"]))
    assert only.startswith("learning from traffic sent on eth0")
    local = planned(configured({"via": "local"}), HERE, {Path("key"): MASTER})
    (only,) = restarts(local, then(local, [{"via": "local", "key_file": "/other"}]))
    assert only == "the agent here: key file key -> /other"
    assert not restarts(local, then(local, [{"via": "local"}, {"key_file": "/other"}]))


@pytest.mark.parametrize("handshake", ["pass", "challenge"])
def test_another_handshake_is_another_word_in_a_table(handshake: str) -> None:
    """Nothing is protected from more: whoever is connected is known. An agent here can only be attached at a start."""
    now, other = plan_of({}), [{"handshake": handshake}]
    assert not restarts(now, then(now, other)) and not wider(now, then(now, other))
    assert not wider(then(now, other), now)
    here = planned(configured({"via": "local"}), HERE, {Path("key"): MASTER})
    without = then(here, [{"via": "local", "handshake": handshake}])
    assert not restarts(here, without) and (here.promised, without.promised) == (MACHINE.speech.scale, None)
    assert not restarts(without, then(without, [{"via": "local"}]))  # it is attached still
    bare = planned(configured({"via": "local", "handshake": handshake}), HERE, {Path("key"): MASTER})
    (only,) = restarts(bare, then(bare, [{"via": "local"}]))
    assert only == 'host host1: handshake = "agent" with via = "local": the agent is attached when a front starts'


def test_an_agent_whose_keys_were_given_up_takes_a_restart() -> None:
    """Where another set of keys has come in the first place meanwhile."""
    here = planned(configured({"via": "local", "key_file": "/a"}, {}), HERE, {Path("/a"): MASTER, Path("key"): MASTER})
    without = then(here, [{"via": "local", "handshake": "pass"}, {}])
    assert without.seats.key_files[0] is None and not restarts(here, without)
    assert not restarts(without, then(without, [{"via": "local", "key_file": "/a"}, {}]))
    other = then(without, [{"via": "local", "handshake": "pass"}, {"key_file": "/b"}])
    (only,) = restarts(other, then(other, [{"via": "local", "key_file": "/a"}, {"key_file": "/b"}]))
    assert only == "the agent here: hosts with another key use its key set"


def test_whoever_stays_keeps_his_place() -> None:
    """Numbers, also of hosts that are put back later; places of addresses; sets of keys."""
    now = plan_of({"key_file": "/a"}, {"key_file": "/b"}, {"key_file": "/c"})
    without = then(now, [{"key_file": "/a"}, {"name": "host3", "addresses": ["192.0.2.3"], "key_file": "/c"}])
    assert without.seats.numbers == {"host1": 1, "host3": 3} and without.seats.names[:3] == ["host1", "host2", "host3"]
    assert without.seats.key_files[:3] == [KeyFiles(Path("/a")), None, KeyFiles(Path("/c"))]
    assert {*without.protected.places.values()} == {1, 3}
    more = then(without, [{"key_file": "/a"}, {"name": "new", "key_file": "/d"}, {"key_file": "/c"}])
    assert more.seats.numbers == {"host1": 1, "new": 4, "host3": 3}
    assert more.seats.key_files[:3] == [KeyFiles(Path(one)) for one in ("/a", "/d", "/c")]
    back = then(more, [{"key_file": "/a"}, {"key_file": "/b"}, {"key_file": "/c"}])
    assert back.seats.numbers == now.seats.numbers


def test_whoever_has_other_keys_has_another_set() -> None:
    """So that no set changes under a frame; one that is left is taken by the next reload at the earliest."""
    now = plan_of({}, key_file="/a")
    both = then(now, [{}], key_file="/a", old_key_file="/b")
    assert both.seats.key_files[:3] == [None, KeyFiles(Path("/a"), Path("/b")), None]
    assert both.key_sets[1] == Masters(MASTER, MASTER)
    swapped = then(both, [{}], key_file="/b", old_key_file="/a")
    assert swapped.seats.key_files[:3] == [KeyFiles(Path("/b"), Path("/a")), None, None]
    assert [number_of_keys(plan) for plan in (now, both, swapped)] == [0, 1, 0]
    assert [change.name for change in changes(both, swapped)] == ["key_file", "old_key_file"]
    local = plan_of({"via": "local"}, key_file="/a")
    found = restarts(local, then(local, [{"via": "local"}], key_file="/a", old_key_file="/b"))
    assert found == ["the agent here: key file /a -> /a and /b"]


def number_of_keys(plan: Plan) -> int:
    """Of the one host."""
    return int(np.frombuffer(plan.protected.hosts[1], Record)["keys"][0])


def test_more_sets_of_keys_than_there_is_room_for_take_a_restart() -> None:
    now = plan_of(*({"key_file": f"/{number}"} for number in range(10)))
    assert now.seats.sizes["keys"] == len(now.seats.key_files) == 32
    few = then(now, [{"key_file": f"/{number}"} for number in range(32)])
    assert not restarts(now, few)
    many = then(now, [{"key_file": f"/{number}"} for number in range(33)])
    assert restarts(now, many) == ["33 key sets: the table was created for at most 32, including earlier ones"]


def test_a_number_is_given_away_only_where_there_is_no_other() -> None:
    now = plan_of({})
    room = now.seats.sizes["counters"] - 1
    for turn in range(room + 3):
        now = then(now, [{}, {"name": f"turn{turn}"}])
        assert now.seats.numbers == {"host1": 1, f"turn{turn}": 2 + turn if turn < room - 1 else 2}
        assert not restarts(now, now) and len(now.seats.names) <= room


def test_another_key_in_a_file_is_told_and_never_shown() -> None:
    now = plan_of({})
    after = replanned(now.config, {Path("key"): b"\x07" * 32}, now)
    assert [str(change) for change in changes(now, after)] == ["key key changed"]
    assert after.key_sets[0] == Masters(b"\x07" * 32) and "\\x07\\x07" not in repr(after)
