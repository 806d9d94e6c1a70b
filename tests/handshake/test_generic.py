"""Where no driver runs XDP programs: on bridges and macvlans, which have no XDP, and where a veth's would answer nobody.

A veth's driver drops what a program sends back, or keeps it for ever, if the other end has none: so it is at a container's
own interface. There, too, the front goes to the kernel's generic hook. (tests/test_kernel_veth.py has veth alone.)
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fronts.running import counting
from lab_ground import eventually

from handshake.attached import xdp_mode
from handshake.generic import upon
from handshake.ruled import check_rules, with_rules
from handshake.stage import (
    ADDRESSES,
    PATIENCE,
    TALK,
    Stage,
    agent_command,
    detach,
    front_command,
    write_configuration,
)
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import ask, download, ping, server_socket, upload
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

SIZE = 300_000  # bytes
KINDS = [("bridge", "local"), ("bridge", "mac"), ("macvlan", "local"), ("veth", "local"), ("veth", "routed")]
NO_XDP = "the driver of {0} has no native XDP support"
LOST = "the other end of this veth has no XDP program, so frames sent back by XDP_TX are lost"


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Front, agent, a talker; nothing is attached at the client."""
    kind, place = request.param
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if place == "local" else topology.routed())
        net.near.features(gro=False)  # as veths have it
        net = net if kind == "veth" else parts.enter_context(upon(net, kind))
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        assert serves(net)  # without hardtack
        yield parts.enter_context(at_work(net, tmp_path_factory.mktemp(kind), place == "mac"))


@contextmanager
def at_work(net: Topology, folder: Path, straight: bool) -> Iterator[Stage]:
    """Front and agent, until the block ends; `straight`: from the front's program to the host, with a new MAC address."""
    with ExitStack() as parts:
        configuration = write_configuration(net, folder)
        with_rules(configuration)
        if straight:
            via = f'via = "mac"\nmac = "{net.far.mac.hex(":")}"\nout = "{net.inside.name}"'
            configuration.write_text(configuration.read_text().replace('via = "kernel"', via))
        parts.callback(detach, net)
        agent = None
        if not net.is_local:
            agent = parts.enter_context(Process(agent_command(net.far.name, folder / "key"), net.server))
            agent.wait_for("ready", PATIENCE)
        front = parts.enter_context(started(net, configuration))
        yield Stage(net, front, agent or front)


def test_it_says_that_it_is_slow_and_why(stage: Stage) -> None:
    name = stage.net.outside.name
    assert xdp_mode(stage.net.outside) == "generic"
    (slow,) = (line for line in stage.front.lines if " slow " in line)
    assert (NO_XDP.format(name) if name in ("bridge", "macvlan") else LOST) in slow


def test_rules(stage: Stage, version: int) -> None:
    check_rules(stage, version)


def test_handshakes(stage: Stage, version: int) -> None:
    with stage.counting() as seen:
        facts = server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
    assert facts["timestamps"] and facts["sack"] and facts["window_scaling"]
    assert seen.cookies() == (1, 1, 0)


def test_the_ack_comes_with_data(stage: Stage, version: int) -> None:
    """The segment comes in again: a copy of the kernel's would have lost its Ethernet header."""
    with stage.counting() as seen:
        upload(stage.net.client, ADDRESSES[version], TALK, 1000, patient=True, timeout=PATIENCE)
    assert seen.cookies() == (1, 1, 0)
    assert seen.agent[Reason.behind] == 1


def test_transfers(stage: Stage, version: int) -> None:
    """GRO has merged segments into frames that are longer than any MTU: they are left to the kernel."""
    upload(stage.net.client, ADDRESSES[version], TALK, SIZE, timeout=PATIENCE)
    download(stage.net.client, ADDRESSES[version], TALK, SIZE, timeout=PATIENCE)


def test_frames_are_captured_there_too(stage: Stage, version: int) -> None:
    command = [sys.executable, "-m", "hardtack", "capture", "--reason", "answered", "--count", "1"]
    with Process(command, stage.net.front) as capture:
        assert eventually(lambda: captured(stage, version, capture), PATIENCE), capture.lines
    assert any(f"{stage.net.outside.name}" in line and " REPLY answered " in line for line in capture.lines), capture.lines


def captured(stage: Stage, version: int, capture: Process) -> bool:
    """Whether a capture that wants one SYN has ended, after one more."""
    server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
    return capture.returncode == 0


def test_the_other_end_of_a_veth_has_its_program_no_more(tmp_path: Path) -> None:
    """The next start leaves the driver; the one after that takes over what is at work."""
    with topology.local() as net, talker(net.server, SERVER, [TALK]):
        configuration = write_configuration(net, tmp_path)
        with attach(net.near, PASS), started(net, configuration) as front:
            assert (xdp_mode(net.outside), " slow " in "".join(front.lines)) == ("driver", False)
            assert serves(net)
        for _ in range(2):
            with started(net, configuration):
                assert xdp_mode(net.outside) == "generic"
                assert serves(net)
        detach(net)


def test_what_is_far_into_a_frame_is_found(tmp_path: Path) -> None:
    """The kernel makes one buffer of a frame, however long it is; also behind a rule that asks for more than there is."""
    with topology.local() as net:
        net.near.features(gro=False)
        configuration = write_configuration(net, tmp_path)
        rules = f'rules = ["count ip[60000] = 1", "drop udp and ip[20000] = {ord("x")}"]'
        configuration.write_text(f"{configuration.read_text()}\n{rules}\n")
        for interface in (net.near, net.outside):
            interface.set_mtu(65_535)
        with started(net, configuration):
            assert xdp_mode(net.outside) == "generic"
            with counting(net.outside) as seen, net.client.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as line:
                for letter in b"xyx":
                    line.sendto(bytes([letter]) * 30_000, (SECOND[0], 9))
                assert ping(net.client, SECOND[0])  # behind them
        detach(net)
    assert seen[Reason.rule_drop] == 2


@contextmanager
def started(net: Topology, configuration: Path) -> Iterator[Process]:
    """A front, whose programs stay."""
    with Process(front_command(configuration), net.front) as front:
        front.wait_for("ready", PATIENCE)
        yield front


def serves(net: Topology) -> bool:
    """Whether clients get what they ask for, IPv4 and IPv6."""
    return all(len(ask(net.client, there, TALK, b"download 10\n", timeout=PATIENCE)) == 10 for there in SERVER)
