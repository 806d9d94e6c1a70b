"""A machine that is a host, and that others are reached through, takes nothing that is theirs.

                     +-- front: a host itself, listens on every address
    client ----------+
                     +-- server: the same, and a guest on a macvlan of its interface has an agent and a listener, too
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from handshake.counted import counts
from handshake.stage import PATIENCE, TALK, agent_command, detach, front_command, write_configuration
from hardtack.lab import topology
from hardtack.lab.addresses import BESIDE, FRONT, INSIDE, SERVER, with_length
from hardtack.lab.attach import attach
from hardtack.lab.clients import server_socket
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

SELF = """
[[host]]
name = "self"
addresses = {itself}
handshake = "agent"
via = "local"
window_scale = 7  # as for the others: else their cookies do not hold here, wherever they are for

[[host]]
name = "guest"
addresses = {guest}
handshake = "agent"
via = "kernel"
"""
HOSTS = {"front": FRONT, "server": SERVER, "guest": BESIDE}
PASSED = {"front": [], "server": ["front"], "guest": ["front", "server"]}  # whose agents see its segments, too
every = pytest.mark.parametrize("host", HOSTS)


@dataclass(frozen=True)
class Town:
    """The network, and a guest on the server."""

    net: Topology
    guest: Interface


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Each of them listens on every address; nothing of ours is at work."""
    with topology.routed() as net, attach(net.near, PASS), ExitStack() as parts:
        guest = macvlan(net.far, net.lab.namespace("guest"))
        for inside in (net.front, net.server, guest.namespace):
            parts.enter_context(talker(inside, ["::"], [TALK]))
        yield Town(net, guest)


def macvlan(lower: Interface, namespace: Namespace) -> Interface:
    """An interface of a guest's, in a namespace of its own, with addresses and routes."""

    def make() -> None:
        with IPRoute() as kernel:
            kernel.link("add", ifname="mv0", kind="macvlan", link=lower.index, macvlan_mode="bridge")
            kernel.link("set", index=kernel.link_lookup(ifname="mv0")[0], net_ns_fd=namespace.name)

    def raise_it() -> int:
        with IPRoute() as kernel:
            index = int(kernel.link_lookup(ifname="mv0")[0])
            kernel.link("set", index=index, state="up")
        return index

    lower.namespace.call(make)
    made = Interface(namespace, "mv0", namespace.call(raise_it), b"")
    made.add_addresses(*with_length(BESIDE, 24, 64))
    for gateway in INSIDE:
        made.add_routes("default", via=gateway)
    return made


@pytest.fixture(scope="module")
def protected(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """An agent on each, the front's in its own process."""
    net, folder = town.net, tmp_path_factory.mktemp("elsewhere")
    configuration = write_configuration(net, folder)
    configuration.write_text(configuration.read_text() + SELF.format(itself=list(FRONT), guest=list(BESIDE)))
    with ExitStack() as parts:
        parts.callback(detach, net)
        for interface in (net.far, town.guest):
            agent = parts.enter_context(Process(agent_command(interface.name, folder / "key"), interface.namespace))
            agent.wait_for("ready", PATIENCE)
        front = parts.enter_context(Process(front_command(configuration), net.front))
        front.wait_for("ready", PATIENCE)
        yield town
    remove = agent_command(town.guest.name, Path())[:-3]
    assert run([*remove, "--detach"], town.guest.namespace).returncode == 0


def served_by(net: Topology, address: str) -> str:
    """The address that the one who answers has."""
    here: str = server_socket(net.client, address, TALK, timeout=PATIENCE)["here"][0]
    return here.removeprefix("::ffff:")


@every
def test_linux_alone(town: Town, host: str, version: int) -> None:
    address = HOSTS[host][version == 6]
    assert served_by(town.net, address) == address


@every
def test_each_admits_its_own(protected: Town, host: str, version: int) -> None:
    net, address = protected.net, HOSTS[host][version == 6]
    before = counted(protected)
    assert served_by(net, address) == address
    grown = {name: now - before[name] for name, now in counted(protected).items()}
    assert [name for name in HOSTS if grown[name][Reason.admitted]] == [host]
    assert [name for name in HOSTS if grown[name][Reason.elsewhere]] == PASSED[host]


def counted(town: Town) -> dict[str, Counter[Reason]]:
    """What each agent has counted."""
    front = counts(town.net.outside, owner="agent-")
    return {"front": front, "server": counts(town.net.far, "agent"), "guest": counts(town.guest, "agent")}
