"""Hardtack in the demo: the real commands with a real key and configuration, in processes of their own.

What protects outlives these processes. So it is taken off in the end, as an operator would; if the demo does not get that
far, the lab does it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from hardtack.keys import make_key
from hardtack.lab.addresses import SERVER
from hardtack.lab.demo.stage import PORT
from hardtack.lab.folder import folder
from hardtack.lab.namespaces import LabError
from hardtack.lab.process import Process, run
from hardtack.lab.topology import Topology

Handshake = Literal["agent", "challenge"]

START = 60.0  # s to be ready: that takes less than one, but perhaps on a CPU that the flood keeps busy

CONNECTIONS = 50_000  # room for so many: the filler brings several times as many in a second or two
# No grace period: no connection of a phase outlives it, and while the door is open for those there are, a flood of ACKs
# gets through it, too, as far as the limit on learning goes
# All clients are one address here, as behind a large NAT
CONFIGURATION = """
[front]
interface = "{interface}"
key_file = "{key}"
grace = "0s"
connections = {connections}
syns_per_source = 4_000

[[host]]
name = "web"
addresses = {addresses}
ports = [{port}]
handshake = "{handshake}"
via = "kernel"
"""


@dataclass(frozen=True)
class Defence:
    """A front at work, and an agent if the handshake is the agent's."""

    front: Process
    agent: Process | None

    @property
    def processes(self) -> list[Process]:
        """Both, or one."""
        return [one for one in (self.front, self.agent) if one]

    def counted(self) -> dict[str, int]:
        """Reasons and how many frames had each, by the last lines of both; complete once they have ended."""
        words = [word.partition("=") for process in self.processes for word in last_words(process)]
        return {name: int(value) for name, _, value in words if value.isdigit()}


@contextmanager
def defence(net: Topology, handshake: Handshake) -> Iterator[Defence]:
    """`hardtack front` and, if need be, `hardtack agent`, ready. First the agent: somebody must know the front's cookies."""
    with folder("demo") as here, ExitStack() as parts:
        key, configuration = here / "key", here / "hardtack.toml"
        make_key(key)
        values = {"interface": net.outside.name, "key": key, "addresses": [*SERVER], "port": PORT, "handshake": handshake}
        text = CONFIGURATION.format(**values, connections=CONNECTIONS)
        configuration.write_text(text.replace("'", '"'))
        command = [sys.executable, "-m", "hardtack"]
        agent = None
        if handshake == "agent":
            agent = parts.enter_context(
                Process([*command, "agent", "--interface", net.far.name, "--key", key], net.server)
            )
            agent.wait_for(r"\bready\b", START)
        front = parts.enter_context(Process([*command, "front", configuration], net.front))
        front.wait_for(r"\bready\b", START)
        here_now = Defence(front, agent)
        yield here_now
        for process in here_now.processes:
            if process.returncode is not None:
                raise LabError(f"{' '.join(process.command)} ended by itself: " + " / ".join(process.lines[-3:]))
        parts.close()
        for role in (net.front, net.server) if agent else (net.front,):
            run([*command, "detach"], role).check_returncode()


def last_words(process: Process) -> list[str]:
    """Of the line that a front or an agent ends with."""
    told = [line for line in process.lines if " left " in line]
    return told[-1].split() if told else []
