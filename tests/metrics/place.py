"""Where metrics are tested: a front and an agent, and beside the front the servers that its metrics go to.

web        SERVER, with a rule          limited     SECOND's IPv4 address: 100 SYN-ACKs in a second
sometimes  SECOND's IPv6 address: protected only under attack, from 1,000 SYNs in a second on
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fronts.running import Value, configuration, detach
from handshake.counted import counts_by_host, pinned
from handshake.stage import PATIENCE as STARTING
from handshake.stage import PORTS, SILENT, TALK, agent_command, front_command

from hardtack.control.metrics.families import NOBODY
from hardtack.kernel import batches
from hardtack.kernel.maps import possible_cpus
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import sink
from hardtack.lab.clients import upload
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Kind, Target
from hardtack.lab.process import Process
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.layout import COUNTERS
from hardtack.packet.reasons import FRONT_REASONS, Reason
from metrics.servers import PATIENCE, Influx, Prometheus, node_exporter, prometheus, victoria

HOSTS = ("web", "limited", "sometimes")
TOKEN = "a-token-of-InfluxDB-2"
RULES = Path(__file__).parents[2] / "etc" / "prometheus" / "hardtack.rules.yml"
LISTEN, EACH_SECOND = 'prometheus = "127.0.0.1:9790"\n', 'interval = "1s"\n'
FRAMES, RATE = 20_000, 20_000  # of a flood, and in a second

Counted = dict[tuple[str, str], int]  # by host and reason


@dataclass
class Place:
    """All of it. `textfile`: the agent's."""

    net: Topology
    folder: Path
    agent: Process
    prometheus: Prometheus
    victoria: Prometheus
    influx: Influx
    textfile: Path

    @contextmanager
    def front(self, metrics: str) -> Iterator[Process]:
        """The front, with this in [metrics] besides; what it has attached stays, and the next takes it over."""
        path = configuration(self.folder, self.net.outside, hosts(), inside=[self.net.inside.name])
        path.write_text(f"{path.read_text()}[metrics]\n{LISTEN}{EACH_SECOND if metrics else ''}{metrics}\n")
        with Process(front_command(path), self.net.front) as process:
            process.wait_for("ready", STARTING)
            yield process
            assert process.returncode is None, process.lines

    @contextmanager
    def flooded(self, address: str, port: int, kind: Kind = "syn", count: int = FRAMES) -> Iterator[None]:
        """A bounded flood, which ends with the block."""
        target = Target(address, port, self.net.near.mac, self.net.outside.mac)
        with flooding(self.net.near, target, seconds=PATIENCE, kind=kind, count=count, rate=RATE) as flood:
            yield
            flood.wait(PATIENCE)

    def flood(self, address: str, port: int, kind: Kind = "syn") -> None:
        """From beginning to end."""
        with self.flooded(address, port, kind):
            pass

    def attack(self) -> None:
        """One of ACKs, and on two hosts of SYNs; and an honest client."""
        self.flood(SERVER[0], SILENT, "ack")
        self.flood(SECOND[0], TALK)
        self.flood(SECOND[1], TALK)
        upload(self.net.client, SERVER[0], TALK, 10_000, timeout=STARTING)

    def counted(self) -> Counted:
        """What the packet programs have counted, of frames; zeros left out."""
        rows = dict(zip((NOBODY, *HOSTS), counts_by_host(self.net.outside), strict=False))
        return {(host, reason.name): count for host, row in rows.items() for reason, count in row.items() if count}

    def by_cpu(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Frames and bytes by host, CPU and reason; zeros left out."""
        with pinned(self.net.outside, COUNTERS) as table:
            words = np.frombuffer(b"".join(part for _, part in batches.entries(table)), np.uint64)
        tallies = words.reshape(table.table.entries, possible_cpus(), FRONT_REASONS, 2)
        return {
            (host, str(cpu), reason.name): (int(tallies[row, cpu, reason, 0]), int(tallies[row, cpu, reason, 1]))
            for row, host in enumerate((NOBODY, *HOSTS))
            for cpu in range(possible_cpus())
            for reason in Reason
            if reason < FRONT_REASONS and tallies[row, cpu, reason, 0]
        }


def hosts() -> list[dict[str, Value]]:
    """As the configuration has them."""
    rules = [f"count tcp and dst port {SILENT}"]
    return [
        {"name": "web", "addresses": SERVER, "ports": PORTS, "via": "kernel", "rules": rules},
        {"name": "limited", "addresses": SECOND[:1], "via": "kernel", "replies_per_second": 100},
        {"name": "sometimes", "addresses": SECOND[1:], "via": "kernel", "protect_when": "under-attack", "attack_syns": 1000},
    ]


@contextmanager
def placed(folder: Path, textfiles: Path) -> Iterator[Place]:
    """Everything but the front, at work. `textfiles`: a folder that the agent's user may write to."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed())
        parts.enter_context(sink(net.near))
        configuration(folder, net.outside, hosts())  # and with it the key
        textfile = textfiles / "agent.prom"
        command = [*agent_command(net.far.name, folder / "key"), "--metrics-textfile", textfile]
        agent = parts.enter_context(Process(command, net.server))
        agent.wait_for("ready", STARTING)
        parts.enter_context(talker(net.server, (*SERVER, *SECOND), [TALK]))
        parts.enter_context(node_exporter(net.front, textfiles))
        influx = Influx(net.front, folder)
        influx.start()
        parts.callback(influx.stop)
        for database in ("db", "udp"):
            influx.create(database)
        others = parts.enter_context(victoria(net.front, folder, TOKEN))
        asked = parts.enter_context(prometheus(net.front, folder, RULES))
        yield Place(net, folder, agent, asked, others, influx, textfile)
        agent.stop()
        for end in (net.outside, net.far):
            detach(end)
