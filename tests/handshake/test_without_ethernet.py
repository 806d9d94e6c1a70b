"""An agent where frames begin with the IP header: behind a tunnel, and (what tc sees then) behind XDP's generic hook."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from lab_ground import eventually
from naive.frames import ACK, PSH
from pyroute2 import IPRoute

from handshake.raw import Peer, Wire, wired
from handshake.stage import (
    ADDRESSES,
    PATIENCE,
    TALK,
    Stage,
    agent_command,
    detach,
    front_command,
    refusal,
    write_configuration,
)
from handshake.tunnels import TAP, TUN, tun, tunnel
from hardtack.compiler.objects import compiled
from hardtack.kernel.links import attach_xdp
from hardtack.kernel.programs import load
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import ask, server_socket
from hardtack.lab.counters import HERE
from hardtack.lab.lab import NAMED_PORTS
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.programs import FRAGS
from hardtack.packet.reasons import Reason

INFINIBAND = 32  # ARPHRD_INFINIBAND
TIMES = 3
SOURCES = count(random.choice(NAMED_PORTS[:-1000]))


@pytest.fixture(scope="module", params=[TUN, TAP], ids=["tunnel", "generic"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Front, agent, a talker."""
    folder = tmp_path_factory.mktemp("tunnel")
    with ExitStack() as parts:
        net = parts.enter_context(tunnelled(parts.enter_context(topology.routed()), request.param))
        if request.param == TAP:
            parts.enter_context(copied(net.far))
        parts.enter_context(attach(net.near, PASS))
        parts.enter_context(talker(net.server, SERVER, [TALK]))
        configuration = write_configuration(net, folder)
        parts.callback(detach, net)
        agent = parts.enter_context(Process(agent_command(net.far.name, folder / "key"), net.server))
        agent.wait_for("ready", PATIENCE)
        front = parts.enter_context(Process(front_command(configuration), net.front))
        front.wait_for("ready", PATIENCE)
        yield Stage(net, front, agent)


@contextmanager
def tunnelled(net: Topology, mode: int) -> Iterator[Topology]:
    """The front reaches the server by a tunnel; what the server answers goes the usual way."""
    with tunnel(net.front, net.server, mode) as (here, there):
        here.add_neighbours(f"{SERVER[0]}/32", f"{SERVER[1]}/128")
        if mode == TAP:
            net.front.call(know, here.index, there.mac)
        yield replace(net, inside=here, far=there)


def know(index: int, mac: bytes) -> None:
    """The server's addresses are there: they are another interface's of it, and IPv6 would not answer for them."""
    with IPRoute() as kernel:
        for address in SERVER:
            kernel.neigh("add", dst=address, lladdr=mac.hex(":"), ifindex=index, state=128)  # NUD_PERMANENT


@contextmanager
def copied(interface: Interface) -> Iterator[None]:
    """Another's program in the generic hook there, which takes frames of several buffers: the kernel copies for it."""
    with (
        load(replace(compiled(PASS), flags=FRAGS), {}) as program,
        interface.namespace.call(attach_xdp, program, interface.index, "generic"),
    ):
        yield


@pytest.fixture
def wire(stage: Stage) -> Iterator[Wire]:
    """The client's link."""
    with wired(stage.net) as made:
        yield made


def test_a_handshake(stage: Stage, version: int) -> None:
    with stage.counting() as seen:
        facts = server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
    assert facts["timestamps"] and facts["sack"] and facts["window_scaling"]
    assert seen.cookies() == (1, 1, 0)


def test_the_ack_is_lost_and_data_comes_first(stage: Stage, wire: Wire, version: int) -> None:
    """The segment comes in again."""
    peer = Peer(wire, version, TALK)
    with stage.counting() as seen:
        peer.syn()
        peer.send(ACK | PSH, b"info\n")
        assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
    assert (seen.agent[Reason.behind], seen.agent[Reason.admitted]) == (1, 1)


def test_the_same_port_many_times(stage: Stage, version: int) -> None:
    """A copy of the segment comes in again, and the segment itself turns into a reset."""
    mine = next(SOURCES)
    with stage.counting() as seen:
        for _ in range(TIMES):
            address = ADDRESSES[version]
            assert len(ask(stage.net.client, address, TALK, b"download 10\n", source_port=mine, timeout=PATIENCE)) == 10
            assert eventually(lambda: not uses(stage.net.client, mine), PATIENCE)
    assert seen.agent[Reason.time_wait_ended] >= TIMES - 1
    assert seen.agent[Reason.time_wait_kept] == seen.agent[Reason.bad_cookie] == 0


def uses(client: Namespace, port: int) -> bool:
    """Whether the client still has a connection of this port: its last ACK is on its way through the tunnel."""
    return any(f":{port:04X} " in client.call((HERE / name).read_text) for name in ("tcp", "tcp6"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Topology, Path]]:
    """A network with nothing at work in it."""
    with topology.local() as net:
        yield net, write_configuration(net, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("role", ["agent", "front"])
def test_where_it_would_see_nothing_it_is_refused(alone: tuple[Topology, Path], role: str) -> None:
    net, configuration = alone
    other = configuration.with_name("infiniband.toml")
    other.write_text(configuration.read_text().replace(net.outside.name, "ib0"))
    command = front_command(other) if role == "front" else agent_command("ib0", configuration.with_name("key"))
    with tun(net.server, "ib0", INFINIBAND):
        said = refusal(command, net.server, 2)
    assert "ib0: its frames begin with neither Ethernet nor IP (ARPHRD_* 32): name an Ethernet or tunnel interface" in said
