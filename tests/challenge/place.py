"""A host without an agent, every way to it, and clients: beside the front, and behind a NAT gateway with conntrack.

     home         gateway                     front                            server
    +------+     +-------------+      +--------------------+           +--------------------+
    |   .2 +-----+ .1   strict +------+ outside    inside  +-----------+ far    .10 kernel  |
    +------+     +----------+--+      |                    |           |        .11 direct  |
                 client     |         |            bypass  +-----------+ slip   .12 bypass  |
                +-------+   |  +------+ outside            |           |                    |
                | near  +------+      +--------------------+           |                    |
                +---+---+   |                                          |                    |
                    +-------+--------- back ---------------------------+                    |
                                                                       +--------------------+

The answers of `bypass` go home by other links: the front does not see them, and knows that. `local`: front and host are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fronts.running import Value, configuration, front
from handshake.counted import folder_of, pinned
from handshake.firewall import lay
from handshake.stage import PATIENCE

from hardtack.control.asking import ask
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, SECOND, SERVER, THIRD, with_length
from hardtack.lab.attach import attach
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.topology import Topology
from hardtack.packet.proven_tables import PROVEN_TAGS

GATE, FRONT_THERE = ("203.0.113.2", "2001:db8:2::2"), ("203.0.113.1", "2001:db8:2::1")
HOME, HOME_GATE = ("10.9.0.2", "fd09::2"), ("10.9.0.1", "fd09::1")
WAYS = {"kernel": SERVER, "direct": SECOND, "bypass": THIRD, "local": SERVER}
CHALLENGED: dict[str, Value] = {"handshake": "challenge"}
# A gateway as people have them: nothing that conntrack does not know
STRICT = """
table inet gateway {{
    chain leaving {{ type nat hook postrouting priority srcnat; oifname "{gate}" masquerade; }}
    chain through {{ type filter hook forward priority filter; ct state invalid drop; }}
}}
"""


@dataclass(frozen=True)
class Place:
    """All of it, and the front's process. `gate`, `other`: the link between gateway and front."""

    net: Topology
    gateway: Namespace
    gate: Interface
    other: Interface
    home: Namespace
    slip: Interface
    front: Process
    write: Callable[..., Path]
    folder: Path

    def client(self, name: str) -> tuple[Namespace, Interface]:
        """Whence "beside" or "behind NAT" connects, and the last interface before the front's."""
        return (self.net.client, self.net.near) if name == "beside" else (self.home, self.gate)

    def arrival(self, way: str, name: str) -> Interface:
        """Where this client's SYNs come in to a host."""
        if way == "local":
            return self.net.outside if name == "beside" else self.other
        return self.slip if way == "bypass" else self.net.far

    def forget_sources(self) -> None:
        """Nobody is proven any more."""
        with pinned(self.net.outside, PROVEN_TAGS) as table:
            table.memory()[:] = bytes(len(table.memory()))

    def reload(self, host: dict[str, Value] | None = None, **front: Value) -> None:
        """Have the front at work with more in each host's table, and in its own."""
        self.write(host or {}, **front)
        told = ask(folder_of(self.net.outside), "reload")
        assert told["outcome"] in ("changed", "unchanged"), told


@contextmanager
def placed(folder: Path, local: bool) -> Iterator[Place]:
    """The place, its front at work, and no server yet."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if local else topology.routed())
        lab = net.lab
        gateway, home = lab.namespace("gateway"), lab.namespace("home")
        gate, other = lab.join(gateway, net.front)
        door, yard = lab.join(gateway, home)
        bypass, slip = (net.inside, net.far) if local else lab.join(net.front, net.server)
        for end in (gate, other, door, yard, bypass, slip):
            end.features(gro=True)
        join_gateway(gate, other, door, yard)
        if not local:
            slip.add_addresses(*with_length(THIRD, 32, 128))
            answer_past_the_front(net, gateway)
        for end in (net.near, gate):
            parts.enter_context(attach(end, PASS))
        usual: dict[str, Value] = {"interface": [net.outside.name, other.name], "reload": "manual", "check_hosts": False}
        if not local:
            usual["inside"] = [net.inside.name]

        def write(host: dict[str, Value], **front: Value) -> Path:
            hosts = [{**one, **host} for one in hosts_of(local, bypass, slip)]
            return configuration(folder, net.outside, hosts, **{**usual, **front})

        process = parts.enter_context(front(net.outside, write({})))
        yield Place(net, gateway, gate, other, home, slip, process, write, folder)
        assert process.returncode is None, process.lines


def hosts_of(local: bool, bypass: Interface, slip: Interface) -> list[dict[str, Value]]:
    """One for each way."""
    if local:
        return [{"name": "local", "addresses": SERVER + SECOND, "via": "local", **CHALLENGED}]
    by_mac = {"mac": slip.mac.hex(":"), "out": bypass.name}
    return [
        {"name": "kernel", "addresses": SERVER, "via": "kernel", **CHALLENGED},
        {"name": "direct", "addresses": SECOND, "via": "direct", **CHALLENGED},
        {"name": "bypass", "addresses": THIRD, "via": "mac", **CHALLENGED, **by_mac},
    ]


def join_gateway(gate: Interface, other: Interface, door: Interface, yard: Interface) -> None:
    """Addresses and routes of gateway and home, and the gateway's rules."""
    for end, addresses in ((gate, GATE), (other, FRONT_THERE), (door, HOME_GATE), (yard, HOME)):
        end.add_addresses(*with_length(addresses, 24, 64))
    for end, gateways in ((gate, FRONT_THERE), (yard, HOME_GATE)):
        for via in gateways:
            end.add_routes("default", via=via)
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        gate.namespace.sysctl(key, 1)
    lay(gate.namespace, STRICT.format(gate=gate.name))


def answer_past_the_front(net: Topology, gateway: Namespace) -> None:
    """What THIRD sends goes home by links of its own."""
    for number, (namespace, addresses) in enumerate(((net.client, CLIENT), (gateway, GATE)), start=1):
        back, end = net.lab.join(net.server, namespace)
        back.add_addresses(f"10.8.{number}.1/24", f"fd08:{number}::1/64")
        end.add_addresses(f"10.8.{number}.2/24", f"fd08:{number}::2/64")
        for address, via in zip(addresses, (f"10.8.{number}.2", f"fd08:{number}::2"), strict=True):
            told(net.server, "route", "add", address, "via", via, "table", 100)
    for address in THIRD:
        told(net.server, "-6" if ":" in address else "-4", "rule", "add", "from", address, "lookup", 100)


def told(namespace: Namespace, *words: object) -> None:
    """By iproute2."""
    done = run(["ip", *words], namespace, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


