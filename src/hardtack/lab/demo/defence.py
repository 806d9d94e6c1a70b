"""Hardtack in the demo: the real commands with a real key and configuration, in processes of their own.

What protects outlives these processes. So it is taken off in the end, as an operator would; if the demo does not get that
far, the lab does it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hardtack.keys import make_key
from hardtack.lab.addresses import SERVER
from hardtack.lab.demo.stage import PORT
from hardtack.lab.folder import folder
from hardtack.lab.namespaces import LabError
from hardtack.lab.process import Process, run
from hardtack.lab.topology import Topology

START = 60.0  # s to be ready: that takes less than one, but perhaps on a CPU that the flood keeps busy

CONNECTIONS = 50_000  # room for so many: the filler brings several times as many in a second or two
# No grace period: no connection of a phase outlives it, and while the door is open for those there are, a flood of ACKs
# gets through it, too, as far as the limit on learning goes
CONFIGURATION = """
[front]
interface = "{interface}"
key_file = "{key}"
grace = "0s"
connections = {connections}

[[host]]
name = "web"
addresses = {addresses}
ports = [{port}]
handshake = "agent"
via = "kernel"
"""


@dataclass(frozen=True)
class Defence:
    """A front and an agent at work."""

    front: Process
    agent: Process

    def counted(self) -> dict[str, int]:
        """Reasons and how many frames had each, by the last lines of both; complete once they have ended."""
        words = [word.partition("=") for process in (self.front, self.agent) for word in last_words(process)]
        return {name: int(value) for name, _, value in words if value.isdigit()}


@contextmanager
def defence(net: Topology) -> Iterator[Defence]:
    """`hardtack front` and `hardtack agent`, both ready. The agent is first: somebody must know the front's cookies."""
    with folder("demo") as here:
        key, configuration = here / "key", here / "hardtack.toml"
        make_key(key)
        values = {"interface": net.outside.name, "key": key, "addresses": [*SERVER], "port": PORT}
        text = CONFIGURATION.format(**values, connections=CONNECTIONS)
        configuration.write_text(text.replace("'", '"'))
        command = [sys.executable, "-m", "hardtack"]
        with Process([*command, "agent", "--interface", net.far.name, "--key", key], net.server) as agent:
            agent.wait_for(r"\bready\b", START)
            with Process([*command, "front", configuration], net.front) as front:
                front.wait_for(r"\bready\b", START)
                yield Defence(front, agent)
                for process in (front, agent):
                    if process.returncode is not None:
                        raise LabError(f"{' '.join(process.command)} ended by itself: " + " / ".join(process.lines[-3:]))
        for role in (net.front, net.server):
            run([*command, "detach"], role).check_returncode()


def last_words(process: Process) -> list[str]:
    """Of the line that a front or an agent ends with."""
    told = [line for line in process.lines if " left " in line]
    return told[-1].split() if told else []
