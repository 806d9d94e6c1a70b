"""Where the tests play: a topology, `hardtack front` and `hardtack agent` as real processes in it.

SERVER  protected on PORTS only         SECOND  protected on every port
"""

from __future__ import annotations

import json
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_ground import of_the_engine

from handshake.counted import counts
from hardtack.keys import make_key
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect, read_all
from hardtack.lab.counters import tcp_events
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

HTTP, TALK, GREET, UNPROTECTED = 80, 7, 21, 8080  # ports of the servers
SILENT = 9  # protected, and nobody listens
SPARE = tuple(range(9000, 9010))  # protected, for a test's own servers
PORTS = (HTTP, TALK, GREET, SILENT, *SPARE)
RMEM = "4096 131072 6291456"  # Linux's default for long; newer ones have 32 MB, and so a larger window scale than 7
PATIENCE = 120.0  # s that anything may take: no test judges by time, and the machine may have other work
ADDRESSES = {4: SERVER[0], 6: SERVER[1]}
SECOND_ADDRESSES = {4: SECOND[0], 6: SECOND[1]}

CONFIGURATION = """
[front]
interface = "{interface}"
key_file = "{key}"
grace = "0s"
check_hosts = false
{engine}

[[host]]
name = "some-ports"
addresses = {some}
ports = {ports}
handshake = "agent"
via = "{via}"

[[host]]
name = "all-ports"
addresses = {every}
handshake = "agent"
via = "{via}"
"""


@dataclass
class Seen:
    """What front and agent counted while a `Stage.counting` block ran; filled in at its end."""

    front: Counter[Reason] = field(default_factory=Counter)
    agent: Counter[Reason] = field(default_factory=Counter)

    def cookies(self) -> tuple[int, int, int]:
        """SYNs answered by the front; cookies that the agent admitted; and those that were bad."""
        return self.front[Reason.answered], self.agent[Reason.admitted], self.agent[Reason.bad_cookie]


@dataclass(frozen=True)
class Stage:
    """A topology with a front and an agent at work. In a local topology the front's process is the agent's too."""

    net: Topology
    front: Process
    agent: Process

    def counts(self) -> tuple[Counter[Reason], Counter[Reason]]:
        """Since they were attached: the front's, the agent's."""
        if self.net.is_local:
            return counts(self.net.outside), counts(self.net.outside, owner="agent-")
        return counts(self.net.outside), counts(self.net.far, "agent")

    def connect(self, version: int, port: int, **how: Any) -> socket.socket:
        """A client's connection to the server's protected address; `how` as for clients.connect."""
        return connect(self.net.client, ADDRESSES[version], port, timeout=PATIENCE, **how)

    def info(self, connection: socket.socket) -> dict[str, Any]:
        """What the talker's kernel knows of a connection to it; the talker then ends it."""
        connection.sendall(b"info\n")
        facts: dict[str, Any] = json.loads(read_all(connection))
        return facts

    def client_address(self, version: int) -> str:
        """Where clients connect from."""
        return CLIENT[version == 6]

    @contextmanager
    def counting(self) -> Iterator[Seen]:
        """What is counted in the block."""
        seen, before = Seen(), self.counts()
        yield seen
        after = self.counts()
        seen.front, seen.agent = after[0] - before[0], after[1] - before[1]

    @contextmanager
    def events(self) -> Iterator[Counter[str]]:
        """By how much the server kernel's own TCP counters grow in the block (nstat's names)."""
        grown, before = Counter[str](), Counter(tcp_events(self.net.server))
        yield grown
        grown.update(Counter(tcp_events(self.net.server)) - before)


def short_listener(address: str, port: int) -> socket.socket:
    """A listener with room for two connections that nobody has accepted yet."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(PATIENCE)
    made.bind((address, port))
    made.listen(1)
    return made


def write_configuration(net: Topology, folder: Path, ports: Sequence[int] = PORTS) -> Path:
    """A configuration and its key in `folder`; both pairs of addresses of the server are protected."""
    key = folder / "key"
    if not key.exists():
        make_key(key)
    path = folder / "hardtack.toml"
    values = {
        "engine": "\n".join(f'{key} = "{value}"' for key, value in of_the_engine().items()),
        "some": list(SERVER),
        "every": list(SECOND),
        "ports": list(ports),
        "via": "local" if net.is_local else "kernel",
    }
    path.write_text(CONFIGURATION.format(interface=net.outside.name, key=key, **values))
    return path


def front_command(configuration: Path) -> list[object]:
    """`hardtack front`, by the Python that runs the tests."""
    return [sys.executable, "-m", "hardtack", "front", configuration, "-v"]


def agent_command(interface: str, key: Path) -> list[object]:
    """`hardtack agent`, in the form that needs Python only."""
    return [sys.executable, "-m", "hardtack.agent", "--interface", interface, "--key", key, "-v"]


def refusal(command: Sequence[object], inside: Namespace, status: int) -> str:
    """What a command says that ends at once with `status`: one line, no more."""
    done = run(command, inside, timeout=PATIENCE)
    told = done.stderr.decode()
    assert done.returncode == status, told
    assert done.stdout == b"" and told.count("\n") == 1 and told.startswith("hardtack: "), told
    return told


@contextmanager
def staged(local: bool, folder: Path) -> Iterator[Stage]:
    """Front and agent, ready. On leaving, both must end by SIGTERM, say so, and come off."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if local else topology.routed())
        net.server.sysctl("net.ipv4.tcp_rmem", RMEM)
        parts.enter_context(attach(net.near, PASS))  # before the front looks whether it can answer by its driver
        configuration = write_configuration(net, folder)
        agent = None
        if not local:
            agent = parts.enter_context(Process(agent_command(net.far.name, folder / "key"), net.server))
            agent.wait_for("ready", PATIENCE)
        front = parts.enter_context(Process(front_command(configuration), net.front))
        front.wait_for("ready", PATIENCE)
        yield Stage(net, front, agent or front)
        for process in filter(None, (front, agent)):
            assert process.stop() == 0, process.lines
            assert any(" left " in f" {line} " for line in process.lines), process.lines
        detach(net)


def detach(net: Topology) -> None:
    """Take off what is attached to the topology's interfaces, by `hardtack detach`."""
    for interface in dict.fromkeys((net.outside, net.far)):
        command = [sys.executable, "-m", "hardtack", "detach", "--interface", interface.name]
        done = run(command, interface.namespace, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
