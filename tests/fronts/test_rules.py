"""A front with rules: each is counted by itself, counters outlive restarts, reloads change rules.

What rules do, on every way to a host: test_rules_on_every_way.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from handshake.counted import pinned
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually

from fronts.datagrams import MANY, delivered
from fronts.running import Value, agent, configuration, counting, front
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import download, upload
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason
from hardtack.packet.rule_tables import RULE_PROGRAMS

DROPPED, LIMITED, PLAIN, TALK_TOO = 9000, 9001, 9002, TALK + 1
COMMON = [f"drop udp and dst port {DROPPED}"]
RULES = [f"limit 1/s udp and dst port {LIMITED}", "pass icmp or icmp6", f"protect tcp and dst port {TALK_TOO}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rules")


@pytest.fixture(scope="module")
def net(folder: Path) -> Iterator[Topology]:
    """Client, front, and the hosts; the front's process is gone when a test begins, what it has attached is at work."""
    with ExitStack() as parts:
        made = parts.enter_context(topology.routed())
        file = settings(folder, made)
        parts.enter_context(attach(made.near, PASS))
        parts.enter_context(talker(made.server, SERVER, [TALK, TALK_TOO]))
        parts.enter_context(agent(made.far, folder))
        with front(made.outside, file):
            pass
        yield made


def settings(folder: Path, net: Topology, *more: str) -> Path:
    """The front's configuration; `more`: rules of the first host."""
    hosts: list[dict[str, Value]] = [
        {"name": "ruled", "addresses": SERVER, "via": "direct", "ports": [TALK], "rules": [*RULES, *more]},
    ]
    return configuration(folder, net.outside, hosts, inside=[net.inside.name], rules=COMMON)


def bare(folder: Path, net: Topology, dry: bool = False) -> Path:
    """The same without any rules; perhaps as a dry run, which is the front's second program alone."""
    hosts: list[dict[str, Value]] = [
        {"name": "ruled", "addresses": SERVER, "via": "direct", "ports": [TALK], "dry_run": dry},
    ]
    return configuration(folder, net.outside, hosts, inside=[net.inside.name])


def reloaded(process: Process, write: Callable[[], object], event: str = "reloaded by=file") -> None:
    """Write another configuration, and wait until it is at work, or refused."""
    since = len(process.lines)
    write()
    process.wait_for(event, PATIENCE, since)


def status(net: Topology) -> Any:
    """What `hardtack status --json` says of the front."""
    done = run([sys.executable, "-m", "hardtack", "status", "--json"], net.front, timeout=PATIENCE)
    (attached,) = json.loads(done.stdout)["attached"]
    return attached


def matched(net: Topology) -> dict[str, tuple[int, int]]:
    """Of each rule: frames, and those beyond its rate."""
    return {rule["rule"]: (rule["frames"], rule["over"]) for rule in status(net)["rules"]}


def sent(net: Topology, address: str, port: int) -> int:
    """How many of MANY datagrams have arrived."""
    return delivered(net.client, net.server, address, port)


def test_what_a_rule_drops_does_not_arrive(net: Topology, version: int) -> None:
    before = matched(net)[COMMON[0]][0]
    with counting(net.outside) as seen:
        assert sent(net, SERVER[version == 6], DROPPED) == 0
        assert sent(net, SERVER[version == 6], PLAIN) == MANY
    assert (seen[Reason.rule_drop], seen[Reason.default_pass]) == (MANY, MANY)
    assert matched(net)[COMMON[0]][0] == before + MANY


def test_a_limit_lets_some_through(net: Topology, version: int) -> None:
    before = matched(net)[RULES[0]]
    with counting(net.outside) as seen:
        arrived = sent(net, SERVER[version == 6], LIMITED)
    after = matched(net)[RULES[0]]
    assert arrived < MANY and seen[Reason.rule_within] == arrived and seen[Reason.rule_limit] == MANY - arrived
    assert (after[0] - before[0], after[1] - before[1]) == (MANY, MANY - arrived)


@pytest.mark.parametrize("port", [TALK, TALK_TOO])
def test_connections_work_behind_rules(net: Topology, version: int, port: int) -> None:
    with counting(net.outside) as seen:
        upload(net.client, SERVER[version == 6], port, 1_000_000, timeout=PATIENCE)
        download(net.client, SERVER[version == 6], port, 1_000_000, timeout=PATIENCE)
    assert (seen[Reason.answered], seen[Reason.remembered]) == (2, 2)


def test_counters_of_rules_go_on_over_restarts(folder: Path, net: Topology) -> None:
    before = matched(net)
    new = "count udp and dst port 9003"
    with front(net.outside, settings(folder, net, new)):
        assert sent(net, SERVER[0], 9003) == MANY
    after = matched(net)
    assert after.pop(new) == (MANY, 0)
    assert {rule: after[rule] >= before[rule] for rule in before} == dict.fromkeys(before, True)
    with front(net.outside, settings(folder, net)):
        pass
    assert eventually(lambda: new not in matched(net))


def test_rules_are_live_by_reload(folder: Path, net: Topology) -> None:
    """A new list of expressions is a program, which the helper loads; another action is a store; what is wrong, nothing."""
    address, port = SERVER[0], 9004
    with front(net.outside, settings(folder, net)) as process:
        reloaded(process, lambda: settings(folder, net, f"drop udp and dst port {port}"))
        assert sent(net, address, port) == 0
        reloaded(process, lambda: settings(folder, net, f"count udp and dst port {port}"))
        assert sent(net, address, port) == MANY
        reloaded(process, lambda: settings(folder, net, f"drop udp and dst prt {port}"), "not-reloaded")
        assert sent(net, address, port) == MANY
        assert matched(net)[f"count udp and dst port {port}"] == (2 * MANY, 0)
        download(net.client, address, TALK, 1_000_000, timeout=PATIENCE)


def test_programs_that_nobody_needs_go(folder: Path, net: Topology) -> None:
    def loaded() -> int:
        with pinned(net.outside, RULE_PROGRAMS) as table:
            return sum(table.lookup(place.to_bytes(4, "little")) is not None for place in range(64))

    with front(net.outside, settings(folder, net)) as process:
        before = loaded()
        for port in range(9100, 9108):
            reloaded(process, partial(settings, folder, net, f"drop udp and dst port {port}"))
        assert before > 0 and loaded() <= before + 1
        assert sent(net, SERVER[0], 9107) == 0


def test_the_first_rules_come_by_reload_too(folder: Path, net: Topology) -> None:
    with front(net.outside, bare(folder, net)) as process:
        assert sent(net, SERVER[0], DROPPED) == MANY
        reloaded(process, lambda: bare(folder, net, dry=True))
        with counting(net.outside) as seen:
            download(net.client, SERVER[0], TALK, 1_000_000, timeout=PATIENCE)
        assert (seen[Reason.answered], seen[Reason.taught], seen[Reason.remembered]) == (1, 1, 0)
        reloaded(process, lambda: settings(folder, net))
        assert sent(net, SERVER[0], DROPPED) == 0
        reloaded(process, lambda: bare(folder, net))
        assert sent(net, SERVER[0], DROPPED) == MANY
    with front(net.outside, settings(folder, net)):
        pass
