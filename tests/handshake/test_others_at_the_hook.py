"""Other programs at the hook where the agent is: of strangers, who let nobody run behind them, and a second agent."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from lab_ground import eventually
from naive.frames import ACK, FIN, PSH
from pyroute2 import IPRoute

from handshake.counted import pinned
from handshake.raw import Peer, Wire
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
from hardtack.agent.image import agent_image
from hardtack.agent.watch import MANY
from hardtack.image import Image
from hardtack.kernel import links, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.links import Link
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import server_socket
from hardtack.lab.links import Interface
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.layout import CLOCK, KEYS
from hardtack.packet.reasons import Reason

TCX_PASS = 0  # to the network stack, past all that are behind


def stranger(interface: Interface, flags: int = 0) -> Link:
    """Somebody's program at ingress that ends the chain."""
    place = interface.index, links.DIRECTIONS["ingress"], flags, "stranger"
    with programs.load(Image("stranger", "tcx", returning(TCX_PASS), (), (), (), ""), {}) as program:
        return interface.namespace.call(links.attach, program, *place)


@contextmanager
def second_agent(stage: Stage) -> Iterator[Datapath]:
    """The same program, with the same keys, put there by force."""
    far = stage.net.far
    with ExitStack() as parts:
        role = "front" if stage.net.is_local else "agent"
        shared = {table.name: parts.enter_context(pinned(far, table, role)) for table in (KEYS, CLOCK)}  # type: ignore[arg-type]
        made = parts.enter_context(Datapath(agent_image(), shared))
        parts.enter_context(far.namespace.call(links.attach_tcx, made.program, far.index))
        yield made


@pytest.mark.parametrize("flags", [ACK | PSH, ACK | PSH | FIN], ids=["data", "data and FIN"])
def test_two_agents_send_nothing_round_and_round(stage: Stage, wire: Wire, version: int, flags: int) -> None:
    with second_agent(stage), stage.counting() as seen:
        peer = Peer(wire, version, TALK)
        peer.syn()
        wire.send(peer.frame(flags, b"info\n"))
        assert peer.hear_line()["peer"] == [peer.source, peer.source_port]
    assert seen.agent[Reason.behind] <= 1


def served(net: Topology, version: int) -> bool:
    """Whether a client is, and not reset."""
    try:
        return bool(server_socket(net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["peer"])
    except ConnectionResetError:
        return False


def warned(process: Process, net: Topology) -> bool:
    """Whether it has; if not, more packets for the host."""
    with net.client.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(MANY // 10):
            sender.sendto(b"?", (SERVER[0], 9))
    return any(" WARNING " in line for line in process.lines)


@pytest.fixture(scope="module")
def routed() -> Iterator[Topology]:
    """A talker behind a front, and nothing attached yet."""
    with topology.routed() as net, attach(net.near, PASS), talker(net.server, SERVER, [TALK]):
        yield net


def test_the_agent_is_first_warns_when_it_is_not_and_is_first_again(routed: Topology, tmp_path: Path) -> None:
    net, configuration = routed, write_configuration(routed, tmp_path)
    command = agent_command(net.far.name, tmp_path / "key")
    with stranger(net.far), Process(command, net.server) as agent, Process(front_command(configuration), net.front) as front:
        for process in (agent, front):
            process.wait_for(r"\bready\b", PATIENCE)
        assert served(net, 4) and served(net, 6)
        with stranger(net.far, links.FIRST):
            assert not served(net, 4), "else this shows nothing"
            assert eventually(lambda: warned(agent, net), PATIENCE)
            line = agent.wait_for(r" WARNING finding name=unseen ", PATIENCE)
            assert f"frames passed {net.far.name}, but hardtack's program agent saw none of them" in line
            agent.stop()
            with Process(command, net.server) as again:
                assert "adopted=true" in again.wait_for(r"\bready\b", PATIENCE)
                assert served(net, 4) and served(net, 6)
                again.stop()
        front.stop()
    detach(net)


def test_a_second_agent_is_refused_after_its_interface_was_renamed(routed: Topology, tmp_path: Path) -> None:
    net = routed
    write_configuration(net, tmp_path)
    with Process(agent_command(net.far.name, tmp_path / "key"), net.server) as agent:
        agent.wait_for(r"\bready\b", PATIENCE)
        rename(net.far, "renamed")
        told = refusal(agent_command("renamed", tmp_path / "key"), net.server, status=1)
        assert "hardtack's agent is already on renamed (ingress)" in told
        assert f"the agent of {net.far.name} attached it; stop it, then hardtack agent --detach" in told
        rename(net.far, net.far.name)
        agent.stop()
    take_off(net.far)


def rename(interface: Interface, name: str) -> None:
    """Up as it is."""

    def give() -> None:
        with IPRoute() as kernel:
            kernel.link("set", index=interface.index, ifname=name)

    interface.namespace.call(give)


def take_off(interface: Interface) -> None:
    """All that is attached there."""
    done = run([sys.executable, "-m", "hardtack", "detach", "--interface", interface.name], interface.namespace)
    assert done.returncode == 0, done.stderr


def test_a_front_that_is_the_host_and_an_agent_beside_it(tmp_path: Path) -> None:
    """Whoever comes second is refused, and takes nothing off."""
    with topology.local() as net, attach(net.near, PASS), talker(net.server, SERVER, [TALK]):
        front = front_command(write_configuration(net, tmp_path))
        agent = agent_command(net.far.name, tmp_path / "key")
        for first, second, whose in (
            (agent, front, f"the agent of {net.far.name} attached it; stop it, then hardtack agent --detach"),
            (front, agent, f"the front of {net.far.name} attached it, and one is enough"),
        ):
            with Process(first, net.server) as process:
                process.wait_for(r"\bready\b", PATIENCE)
                assert whose in refusal_of(second, net)
                assert process.stop() == 0
            if first is front:
                assert served(net, 4) and served(net, 6)
            take_off(net.far)


def refusal_of(command: Sequence[object], net: Topology) -> str:
    """The one line that is no log line."""
    done = run([word for word in command if word != "-v"], net.server, timeout=PATIENCE)
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.decode().splitlines() if line.startswith("hardtack: ")]
    return line
