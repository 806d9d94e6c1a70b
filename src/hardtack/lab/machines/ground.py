"""What a scenario is played on: client, front and host in a guest, front and agent at work, clients that ask for bytes."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardtack.kernel.pins import Folder, Role
from hardtack.keys import make_key
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER, THIRD, with_length
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect, read_all
from hardtack.lab.folder import folder
from hardtack.lab.links import Interface
from hardtack.lab.machines.outcomes import Outcome, Result
from hardtack.lab.process import Process, ProcessFailed
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.talker import pattern
from hardtack.lab.topology import Link, Topology
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import AGENT_COUNTERS, COUNTERS
from hardtack.packet.reasons import Reason

TALK = 7
START = 150.0  # s to be ready: under emulation, importing alone takes several
PATIENCE = 40.0  # s for a client: round trips of 3 s, some of them, on a slow machine
WAYS = {"kernel": SERVER, "direct": SECOND, "mac": THIRD}  # each `via` has addresses of its own
CONFIGURATION = """
[front]
interface = "{interface}"
{inside}
key_file = "{key}"
grace = "0s"
check_hosts = false
connections = 16384
"""
HOST = """
[[host]]
name = "{via}"
addresses = {addresses}
handshake = "agent"
via = "{via}"
{more}
"""


class Refused(Exception):
    """Front or agent will not start; in its own words."""


@dataclass
class Ground:
    """The network, on which interfaces front and agent sit, and which ways to the host are protected."""

    net: Topology
    outside: Interface
    arrival: Interface
    ways: tuple[str, ...]
    folder: Path
    heard: bool = True  # whether the front is told of its `inside` interface
    front: Process | None = None
    agent: Process | None = None
    no_agent: str = ""  # why there is none

    def addresses(self) -> dict[str, str]:
        """What clients ask: "kernel IPv4" -> address."""
        pairs = {"local": SERVER, **WAYS}
        return {f"{way} IPv{6 if ':' in one else 4}": one for way in self.ways for one in pairs[way]}


@contextmanager
def ground(
    street: Link | None = None,
    yard: Link | None = None,
    ways: tuple[str, ...] = ("kernel",),
    outside: str = "",
    arrival: str = "",
    heard: bool = True,
) -> Iterator[Ground]:
    """A network whose links are `street` and `yard`, with a talker and nothing attached.

    `outside` and `arrival` name other interfaces for front and agent than the ones that have the addresses.
    """
    with ExitStack() as parts:
        is_local = ways == ("local",)
        net = parts.enter_context(topology.local(street=street) if is_local else topology.routed(street=street, yard=yard))
        if not is_local:
            net.far.add_addresses(*with_length(THIRD, 24, 64))
        if not street:
            parts.enter_context(attach(net.near, PASS))  # for XDP_TX into a veth
        served = SERVER if is_local else SERVER + SECOND + THIRD
        parts.enter_context(talker(net.server, served, [TALK]))
        here = parts.enter_context(folder("ground"))
        make_key(here / "key")
        named = [other(end, name) for end, name in ((net.outside, outside), (net.far, arrival))]
        yield Ground(net, named[0], named[1], ways, here, heard and not is_local)


def other(end: Interface, name: str) -> Interface:
    """Another interface of the same namespace; the same one if there is no name."""
    return Interface(end.namespace, name, 0, end.mac) if name else end


@contextmanager
def guarded(place: Ground) -> Iterator[Ground]:
    """Agent and front at work, ready. Refused if the front will not start; without agent it may.

    What they have attached outlives them, and goes with the lab.
    """
    with ExitStack() as parts:
        start = [sys.executable, "-P", "-m", "hardtack"]
        if not place.net.is_local:
            agent = [*start, "agent", "--interface", place.arrival.name, "--key", place.folder / "key"]
            place.agent = parts.enter_context(Process(agent, place.net.server))
        place.front = parts.enter_context(Process([*start, "front", configuration(place)], place.net.front))
        if place.agent:
            try:
                ready(place.agent)
            except Refused as refused:
                place.no_agent, place.agent = str(refused), None
        ready(place.front)
        yield place


def ready(process: Process) -> None:
    """Wait until it says so. Refused, with its own line, if it ends instead."""
    try:
        process.wait_for(r"\bready\b", START)
    except ProcessFailed:
        told = [line.removeprefix("hardtack: ") for line in process.lines if line.startswith("hardtack: ")]
        raise (Refused(told[0]) if told else Refused("\n".join(process.lines[-5:]))) from None


def configuration(place: Ground) -> Path:
    """What the front protects: the host's addresses, a `via` each."""
    inside = f'inside = ["{place.net.inside.name}"]' if place.heard else ""
    text = CONFIGURATION.format(interface=place.outside.name, inside=inside, key=place.folder / "key")
    for way in place.ways:
        addresses = str([*WAYS.get(way, SERVER)]).replace("'", '"')
        more = 'vlan = "none"\n' if way in ("direct", "mac") else ""  # wherever it came in: the host has no VLAN
        if way == "mac":
            more += f'mac = "{place.net.far.mac.hex(":")}"\nout = "{place.net.inside.name}"'
        text += HOST.format(via=way, addresses=addresses, more=more)
    path = place.folder / "hardtack.toml"
    path.write_text(text)
    return path


def tried(name: str, place: Ground, size: int = 100_000) -> Result:
    """A client fetches `size` bytes by every way and IP version at once: what came of it, and whether Hardtack did it."""
    before = counted(place)
    asked = place.addresses()
    with ThreadPoolExecutor(len(asked)) as pool:
        ends = dict(zip(asked, pool.map(lambda address: fetched(place, address, size), asked.values()), strict=True))
    after = counted(place)
    answered, admitted = (now - then for now, then in zip(after, before, strict=True))
    wanted = len(asked)
    seen = f"answered {answered}, admitted {admitted}"
    if place.no_agent:
        others = {ask: end for ask, end in ends.items() if end not in ("reset", "served")}
        fine = not others and answered >= wanted
        return Result(name, Outcome.answered if fine else Outcome.bad, told(others, f"{seen}; agent: {place.no_agent}"))
    others = {ask: end for ask, end in ends.items() if end != "served"}
    fine = not others and answered >= wanted and admitted >= wanted
    return Result(name, Outcome.good if fine else Outcome.bad, told(others, seen))


def told(others: dict[str, str], seen: str) -> str:
    """What went otherwise, then the counters."""
    return ", ".join([*(f"{ask}: {end}" for ask, end in others.items()), seen])


def fetched(place: Ground, address: str, size: int) -> str:
    """How a connection ended: "served", "reset", or in the error's words."""
    try:
        connection = connect(place.net.client, address, TALK, timeout=PATIENCE)
    except ConnectionResetError:  # just after it was made; a port without a listener refuses
        return "reset"
    except OSError as error:
        return f"no connection ({error})"
    with connection:
        try:
            connection.sendall(f"download {size}\n".encode())
            return "served" if read_all(connection) == pattern(size) else "wrong bytes"
        except ConnectionResetError:
            return "reset"
        except OSError as error:
            return f"connected, then {error}"


def counted(place: Ground) -> tuple[int, int]:
    """SYNs that the front has answered so far, and cookies that the agent has admitted."""
    answered = total(place.outside, "front", "", Reason.answered)
    if place.net.is_local:
        return answered, total(place.outside, "front", "agent-", Reason.admitted)
    return answered, total(place.arrival, "agent", "", Reason.admitted) if place.agent else 0


def total(interface: Interface, role: Role, owner: str, reason: Reason) -> int:
    """A reason's counter, of all hosts."""
    counters = AGENT_COUNTERS if role == "agent" or owner else COUNTERS
    found = Folder(role, interface.name, interface.namespace.identity[1]).open(counters, owner)
    if not found:
        return 0
    with found:
        rows = (frames_of(found.totals(struct.pack("=I", number))) for number in range(found.table.entries))
        return sum(row[reason] for row in rows)


def refused(names: Iterable[str], why: object) -> Iterator[Result]:
    """Each of these as refused."""
    for name in names:
        yield Result(name, Outcome.refused, str(why).splitlines()[0])
