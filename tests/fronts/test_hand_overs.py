"""Hand-overs that fail: found at the start and while the front is at work, told with their cause, and seen to work again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually

from fronts.running import Value, agent, configuration, counting, detach, front, key
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER, THIRD, with_length
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

OTHER_KEY = "another-key"
EVERY_WAY = (*SERVER, *SECOND, *THIRD)


@pytest.fixture(scope="module")
def net() -> Iterator[Topology]:
    """A topology with a talker, and nothing attached yet."""
    with topology.routed() as made:
        made.far.add_addresses(*with_length(THIRD, 24, 64))
        made.far.add_addresses("192.0.2.13/24")
        with attach(made.near, PASS), talker(made.server, EVERY_WAY, [TALK]):
            yield made


@dataclass(frozen=True)
class Fault:
    """What is wrong: settings, or the agent's key, "" for no agent; what is told of it."""

    kind: str
    cause: str
    key: str = "key"
    settings: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def there(self, net: Topology, folder: Path) -> Iterator[None]:
        """It is so within the block; there is an agent only there."""
        place = net.server if "tcp_timestamps" in str(self.settings) else net.front
        with ExitStack() as parts:
            if self.key:
                key(folder, self.key)
                process = parts.enter_context(agent(net.far, folder, self.key))
                parts.callback(detach, net.far)
                parts.callback(process.stop)
            for name, value in self.settings.items():
                place.sysctl(name, value)
                parts.callback(place.sysctl, name, 1 - value)
            yield


RESET = "no agent is running there, its key or window scale differs"
FAULTS = {
    "no-agent": Fault("reset", RESET, ""),
    "another-key": Fault("reset", RESET, OTHER_KEY),
    "no-timestamps": Fault("reset", "net.ipv4.tcp_timestamps = 0", settings={"net.ipv4.tcp_timestamps": 0}),
    "no-forwarding": Fault("silence", "net.ipv4.ip_forward is 0", settings={"net.ipv4.ip_forward": 0}),
}
faults = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


def web(net: Topology, folder: Path, *, check: bool = False, heard: bool = True, **more: Value) -> Path:
    """The configuration of a front with one host; `heard`: by an inside interface."""
    host: dict[str, Value] = {"name": "web", "addresses": SERVER, "ports": [TALK], "via": "kernel", **more}
    inside: dict[str, Value] = {"inside": [net.inside.name]} if heard else {}
    return configuration(folder, net.outside, [host], check_hosts=check, **inside)


def failing(net: Topology) -> dict[str, dict[str, object]]:
    """What `hardtack status` says of hosts whose hand-overs fail."""
    done = run([sys.executable, "-m", "hardtack", "status", "--json", "-i", net.outside.name], net.front, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["attached"]
    found: dict[str, dict[str, object]] = one["failures"]
    return found


def is_served(net: Topology, timeout: float = PATIENCE) -> bool:
    """Whether a client connects, and is answered."""
    try:
        with connect(net.client, SERVER[0], TALK, timeout=timeout) as connection:
            connection.sendall(b"info\n")
            return connection.recv(64) != b""
    except OSError:
        return False


def answers_itself(net: Topology, fault: Fault) -> bool:
    """Whether the host serves clients by its own handshake. One in 128 is tried as ever."""
    return any(is_served(net, PATIENCE if fault.kind == "reset" else 1) for _ in range(3))


def come(net: Topology, process: Process, event: str, since: int = 0) -> str:
    """Clients come, one after another, until the front says this."""

    def told() -> list[str]:
        return [line for line in process.lines[since:] if f" {event} " in line]

    assert eventually(lambda: bool(told() or (is_served(net, 1) and told())), PATIENCE), process.lines
    return told()[0]


@faults
def test_it_is_found_at_the_start(net: Topology, tmp_path: Path, fault: Fault) -> None:
    with fault.there(net, tmp_path), front(net.outside, web(net, tmp_path, check=True, on_failure="pass")) as process:
        (line,) = (line for line in process.lines if " hand-over-fails " in line)
        assert f"WARNING hand-over-fails host=web kind={fault.kind} passing=true" in line and fault.cause in line, line
        assert failing(net)["web"]["passing"] is True
        assert answers_itself(net, fault) == (fault.kind == "reset")
        process.stop()
    detach(net.outside)


def on_every_way(net: Topology) -> list[dict[str, Value]]:
    """A host for each IP version and way that does not end here."""
    switch: dict[str, Value] = {"mac": net.far.mac.hex(":"), "out": net.inside.name}
    ways: dict[str, dict[str, Value]] = {"kernel": {}, "direct": {}, "mac": switch}
    addresses = iter(EVERY_WAY)
    return [
        {"name": f"{via}-{version}", "addresses": [next(addresses)], "ports": [9, TALK], "via": via, **more}
        for via, more in ways.items()
        for version in (4, 6)
    ]


@pytest.mark.parametrize("agents", [True, False], ids=["agent", "no-agent"])
def test_hosts_are_asked_on_every_way(net: Topology, tmp_path: Path, agents: bool) -> None:
    """Nobody answers for the last one; of two nothing is known, one of which is a network."""
    odd: list[dict[str, Value]] = [
        {"name": "closed", "addresses": ["192.0.2.13"], "ports": [9], "via": "kernel"},
        {"name": "network", "addresses": ["192.0.2.128/25"], "via": "kernel"},
        {"name": "nobody", "addresses": ["192.0.2.99"], "via": "kernel"},
    ]
    hosts = on_every_way(net)
    settings = configuration(tmp_path, net.outside, [*hosts, *odd], check_hosts=True, inside=[net.inside.name])
    with Fault("", "", "key" if agents else "").there(net, tmp_path), front(net.outside, settings) as process:
        told = {name: one["kind"] for name, one in failing(net).items()}
        assert told == {"nobody": "silence"} | ({} if agents else {host["name"]: "reset" for host in hosts}), process.lines
        assert [line for line in process.lines if " not-checked hosts=closed why=" in line]
        process.stop()
    detach(net.outside)


def test_a_host_that_is_protected_under_attack_is_asked_too(net: Topology, tmp_path: Path) -> None:
    """It answers its clients by itself in any case; that it could not be protected is known before the attack."""
    with front(net.outside, web(net, tmp_path, check=True, protect_when="under-attack")) as process:
        assert [line for line in process.lines if "hand-over-fails host=web kind=reset passing=true" in line], process.lines
        assert is_served(net)
        process.stop()
    detach(net.outside)


def test_hosts_that_are_well_are_not_told_of(net: Topology, tmp_path: Path) -> None:
    """Whoever has no agent, and needs none; and whoever has one."""
    settings = web(net, tmp_path, check=True, handshake="pass")
    with front(net.outside, settings) as process:
        assert not [line for line in process.lines if "hand-over" in line or "not-checked" in line], process.lines
        process.stop()
    settings = web(net, tmp_path, check=True)
    with Fault("", "").there(net, tmp_path), front(net.outside, settings) as process:
        assert not [line for line in process.lines if "hand-over" in line or "not-checked" in line], process.lines
        process.stop()
    detach(net.outside)


@faults
def test_it_is_found_at_work_and_so_is_the_repair(net: Topology, tmp_path: Path, fault: Fault) -> None:
    """With on_failure = "pass" clients connect again, by the host's own handshake, until hand-overs are seen to work."""
    good = Fault("", "")
    with front(net.outside, web(net, tmp_path, on_failure="pass")) as process:
        with good.there(net, tmp_path):
            assert all(is_served(net) for _ in range(5))
        with fault.there(net, tmp_path):
            line = come(net, process, "hand-over-fails")
            assert f"WARNING hand-over-fails host=web kind={fault.kind} passing=true" in line and fault.cause in line, line
            assert failing(net)["web"]["kind"] == fault.kind
            assert answers_itself(net, fault) == (fault.kind == "reset")
        with good.there(net, tmp_path):
            come(net, process, "hand-over-works")
            assert failing(net) == {}
            with counting(net.outside) as seen:
                assert all(is_served(net) for _ in range(5))
            assert (seen[Reason.remembered], seen[Reason.opened]) == (5, 0)
        process.stop()
    detach(net.outside)


def test_by_default_it_goes_on_protecting(net: Topology, tmp_path: Path) -> None:
    settings = web(net, tmp_path, heard=False)  # what the host sends is seen where it leaves
    with front(net.outside, settings) as process:
        with Fault("", "").there(net, tmp_path):
            assert all(is_served(net) for _ in range(5))
        line = come(net, process, "hand-over-fails")
        assert "kind=reset passing=false" in line and failing(net)["web"]["passing"] is False
        assert not is_served(net)
        with Fault("", "").there(net, tmp_path):
            come(net, process, "hand-over-works")
        process.stop()
    detach(net.outside)
