"""Hosts that are protected only under attack, with real kernels: when that begins and ends, what reaches them, who notices.

One host has no agent, one has. A flood's own frames that reach the hosts are counted there by nftables, by the addresses
that they are sent from. Nothing here is judged by time: events are waited for.
"""

from __future__ import annotations

import json
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from handshake.counted import counts_by_host, pinned
from handshake.stage import PATIENCE, TALK, front_command
from lab_ground import eventually

from fronts.running import Value, agent, configuration, counting, detach
from hardtack.control.attacks.detector import QUIET
from hardtack.control.attacks.entry import ATTACKS, entries_of
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.arrivals import Arrivals, counting_arrivals
from hardtack.lab.attach import sink
from hardtack.lab.clients import server_socket
from hardtack.lab.flood import Flood, flooding
from hardtack.lab.packets.recipe import Kind, Target
from hardtack.lab.process import Process, run
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed: it counts what reaches the host")

RATE = 20_000  # frames a second
HOSTS = {"plain": SERVER, "agent": SECOND}  # by number, from 1
HOLDS = {"plain": Reason.challenged, "agent": Reason.answered}  # what becomes of a spoofed SYN then
CROWD = 200  # connections at once
FROM = {"syn": "198.18.0.0/16", "strays": "198.19.0.0/16"}  # what floods claim


@dataclass
class Ground:
    """A front at work, by its file, and where its news is looked for."""

    net: Topology
    file: Path
    front: Process
    since: int = 0

    def waits_for(self, event: str) -> str:
        """The next such line of the front's, while honest clients go on, none of whose requests fails."""
        end = time.monotonic() + PATIENCE
        while not any(f" {event} " in f"{line} " for line in self.front.lines[self.since :]):
            assert time.monotonic() < end, self.front.lines
            self.ask()
        line = next(line for line in self.front.lines[self.since :] if f" {event} " in f"{line} ")
        self.since = self.front.lines.index(line, self.since) + 1
        return line

    def ask(self) -> None:
        """An honest request to each host, IPv4 and IPv6."""
        for address in (*SERVER, *SECOND):
            assert server_socket(self.net.client, address, TALK, timeout=PATIENCE)["sack"]

    def seen(self, name: str, reason: Reason) -> int:
        """What a host's frames have come to so far."""
        return counts_by_host(self.net.outside)[[*HOSTS].index(name) + 1][reason]

    def unfinished(self, name: str) -> int:
        """SYNs that have gone on to a host for nothing, so far."""
        return self.seen(name, Reason.opened) - self.seen(name, Reason.established)

    def until(self, name: str, reason: Reason, more: int) -> None:
        """So many more frames have come to that."""
        wanted = self.seen(name, reason) + more
        assert eventually(lambda: self.seen(name, reason) >= wanted, PATIENCE), self.front.lines

    def hardtack(self, *command: str) -> tuple[int, str, str]:
        """Exit status and both outputs."""
        done = run([sys.executable, "-m", "hardtack", *command], self.net.front, timeout=PATIENCE)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def status(self, name: str) -> dict[str, Any]:
        """What `hardtack status` says of a host's attacks."""
        (front,) = json.loads(self.hardtack("status", "--json")[1])["attached"]
        found = front["attacks"][name]
        assert isinstance(found, dict)
        return found

    @contextmanager
    def flooded(self, name: str, kind: Kind = "syn") -> Iterator[tuple[Flood, Arrivals]]:
        """A flood on a host, which ends with the block. Strays are in nobody's name that a SYN was sent in."""
        sources = FROM["syn" if kind == "syn" else "strays"]
        target = Target(HOSTS[name][0], TALK, self.net.near.mac, self.net.outside.mac)
        with (
            counting_arrivals(self.net.server, [sources]) as arrivals,
            flooding(self.net.near, target, kind=kind, seconds=PATIENCE, rate=RATE, sources=sources) as flood,
        ):
            yield flood, arrivals
            flood.stop()

    def nothing_arrives(self, name: str, arrivals: Arrivals) -> None:
        """Of a flood that goes on, once what had gone on before is half open no more; with honest requests meanwhile."""
        assert eventually(lambda: self.arrive(name, arrivals) == 0, PATIENCE)
        self.ask()
        with counting(self.net.outside) as seen:
            arrived = self.arrive(name, arrivals)
        assert arrived == 0, seen

    def arrive(self, name: str, arrivals: Arrivals) -> int:
        """How many of its frames do, while half a second's of its SYNs are refused."""
        before = arrivals.count()
        self.until(name, HOLDS[name], RATE // 2)
        return arrivals.count() - before

    def end_quiet(self, name: str) -> None:
        """As if a minute had gone by without a sign of an attack: it is over, as soon as somebody looks."""

        def over() -> bool:
            with pinned(self.net.outside, ATTACKS) as table:
                entry = entries_of(table)[[*HOSTS].index(name) + 1 :][:1]
                entry["seen"] -= QUIET
                return not entry["since"][0]

        assert eventually(over, PATIENCE)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One front for all; what hosts say comes in by `inside`."""
    folder = tmp_path_factory.mktemp("attacked")
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed())
        parts.enter_context(sink(net.near))
        net.server.sysctl("net.core.somaxconn", 4096)
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        file = configuration(folder, net.outside, hosts(), inside=[net.inside.name])
        parts.enter_context(agent(net.far, folder))
        at = Ground(net, file, parts.enter_context(Process(front_command(file), net.front)))
        at.front.wait_for("ready", PATIENCE)
        yield at
        at.front.stop()
        detach(net.outside)


def hosts(**more: Value) -> list[dict[str, Value]]:
    """Both, with `more` in each."""
    how: dict[str, Value] = {"via": "kernel", "protect_when": "under-attack", **more}
    handshakes = {"plain": "challenge", "agent": "agent"}
    return [
        {"name": name, "addresses": addresses, "handshake": handshakes[name], **how} for name, addresses in HOSTS.items()
    ]


@pytest.fixture(autouse=True)
def calm(ground: Ground) -> Iterator[None]:
    """After each test, as if a minute had gone by."""
    yield
    for name in HOSTS:
        ground.end_quiet(name)
    ground.since = len(ground.front.lines)


def test_in_calm_hosts_answer_by_themselves(ground: Ground) -> None:
    before = {name: ground.seen(name, Reason.opened) for name in HOSTS}
    for _ in range(10):
        ground.ask()
    for name in HOSTS:
        assert ground.seen(name, Reason.opened) >= before[name] + 20
        assert ground.seen(name, HOLDS[name]) == 0
        told = ground.status(name)
        assert (told["protected"], told["override"], told["since"], told["why"]) == (False, "auto", None, [])


@pytest.mark.parametrize("name", HOSTS)
def test_a_flood_switches_it_on_and_its_end_off(ground: Ground, name: str) -> None:
    """Its own host only. No honest request is lost, at either switch."""
    (other,) = HOSTS.keys() - {name}
    before = ground.seen(other, HOLDS[other])
    with ground.flooded(name) as (_, arrivals):
        line = ground.waits_for("under-attack")
        assert f"host={name} " in line and "why=unfinished" in line
        ground.nothing_arrives(name, arrivals)
        assert arrivals.count() > 0, "until then it was as with pass"
        told = ground.status(name)
        assert told["protected"] and told["since"] and told["peak"]["unfinished"] > RATE / 10
        assert not ground.status(other)["since"] and ground.seen(other, HOLDS[other]) == before
    ground.ask()
    ground.end_quiet(name)
    line = ground.waits_for("attack-over")
    assert f"host={name} " in line and "seconds=" in line and "peak_unfinished=" in line
    before = ground.seen(name, HOLDS[name])
    ground.ask()
    assert ground.seen(name, HOLDS[name]) == before and not ground.status(name)["protected"]


@pytest.mark.parametrize("kind", ["ack", "rst", "fin", "data"])
def test_strays_switch_it_on(ground: Ground, kind: Kind) -> None:
    with ground.flooded("plain", kind) as (_, arrivals):
        assert "why=strays" in ground.waits_for("under-attack")
        assert arrivals.count() == 0


def test_a_crowd_of_honest_clients_is_served(ground: Ground) -> None:
    """All at once, again and again, where there was hardly anybody."""
    for _ in range(3):
        ground.ask()
    for address in (SERVER[0], SECOND[0]):
        for _ in range(5):
            ground.net.client.call(crowd(address))
    assert not any("under-attack" in line for line in ground.front.lines[ground.since :])


def crowd(address: str) -> Callable[[], None]:
    """So many connections at once, each of which is spoken to."""

    def come() -> None:
        with ExitStack() as parts:
            lines = {line.fileno(): line for line in (parts.enter_context(socket.socket()) for _ in range(CROWD))}
            waiting = select.poll()
            for line in lines.values():
                line.setblocking(False)
                line.connect_ex((address, TALK))
                waiting.register(line, select.POLLOUT)
            while lines:
                ready = waiting.poll(PATIENCE * 1000)
                assert ready, f"{len(lines)} were refused"
                for fd, _ in ready:
                    waiting.unregister(fd)
                    assert lines[fd].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                    lines.pop(fd).sendall(b"info\n")

    return come


def test_whoever_says_so_switches_it(ground: Ground) -> None:
    """Through restart and reload, in calm and under attack."""
    assert ground.hardtack("protect", "plain", "on")[:2] == (
        0, f"{ground.net.outside.name}: plain: no attack; by hardtack protect plain on: protected\n"
    )  # fmt: skip
    before = ground.seen("agent", Reason.answered)
    ground.ask()
    assert ground.seen("plain", Reason.challenged) > 0 and ground.seen("agent", Reason.answered) == before
    restarted(ground)
    assert ground.status("plain")["override"] == "on" and ground.status("plain")["protected"]
    reloaded(ground, syns_per_second=500_000)
    assert ground.status("plain")["override"] == "on" and ground.status("plain")["protected"]
    with ground.flooded("plain") as (_, arrivals):
        assert "set=on" in ground.waits_for("under-attack")
        assert ground.hardtack("protect", "plain", "off")[0] == 0
        ground.until("plain", Reason.opened, 1000)
        assert not ground.status("plain")["protected"] and ground.status("plain")["since"]
        assert "under attack since" in ground.hardtack("protect")[1]
        assert ground.hardtack("protect", "plain", "auto")[0] == 0
        ground.nothing_arrives("plain", arrivals)
    reloaded(ground)


def test_a_front_that_dies_leaves_it_on_and_the_next_one_goes_on(ground: Ground) -> None:
    with ground.flooded("plain") as (_, arrivals):
        ground.waits_for("under-attack")
        ground.nothing_arrives("plain", arrivals)
        ground.front.stop(signal.SIGKILL)
        ground.nothing_arrives("plain", arrivals)
        told = ground.status("plain")
        assert told["protected"] and told["since"]
        status, _, said = ground.hardtack("protect", "plain", "off")
        assert status == 1 and "no process is running" in said and "hardtack front CONFIG" in said
        assert "plain: under attack since" in ground.hardtack("protect")[1], "that takes none"
        before = ground.unfinished("plain")
        restarted(ground)
        ground.nothing_arrives("plain", arrivals)
        assert ground.unfinished("plain") == before, "not one, also while it started"
        assert ground.status("plain")["since"] == told["since"]
        reloaded(ground, syns_per_second=400_000)
        ground.nothing_arrives("plain", arrivals)
        assert ground.unfinished("plain") == before
    reloaded(ground)


def restarted(ground: Ground) -> None:
    """Another process in the place of the one before."""
    ground.front.stop()
    ground.front = Process(front_command(ground.file), ground.net.front)
    ground.since = 0
    ground.front.wait_for("ready", PATIENCE)


def reloaded(ground: Ground, **more: Value) -> None:
    """With `more` in each host."""
    since = len(ground.front.lines)
    configuration(ground.file.parent, ground.net.outside, hosts(**more), inside=[ground.net.inside.name])
    ground.front.wait_for("reloaded", PATIENCE, since)


def test_what_cannot_be_switched_is_told(ground: Ground) -> None:
    status, _, said = ground.hardtack("protect", "nobody", "on")
    assert status == 1 and 'no host "nobody" here; there are agent, plain' in said
    reloaded(ground, protect_when="always")
    status, _, said = ground.hardtack("protect", "plain", "off")
    assert status == 1 and 'host "plain" is always protected; to switch it, write protect_when = "under-attack"' in said
    before = ground.seen("plain", Reason.opened)
    ground.ask()
    assert ground.hardtack("protect") == (0, "", "")
    reloaded(ground)
    assert not ground.status("plain")["protected"]
    assert ground.seen("plain", Reason.opened) >= before
    for words in (("plain",), ("plain", "maybe")):
        assert ground.hardtack("protect", *words)[0] == 2
