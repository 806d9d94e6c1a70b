"""A front where frames begin with the IP header: clients, or hosts, are behind a tunnel."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from handshake.ruled import check_rules, with_rules
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
from handshake.tunnels import tunnel
from hardtack.cli.checkup import mode
from hardtack.kernel.interfaces import find
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import ask, download, server_socket, upload
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

SIZE = 300_000  # bytes
HOST = (*(f"{address}/32" for address in (SERVER[0], SECOND[0])), *(f"{address}/128" for address in (SERVER[1], SECOND[1])))


@pytest.fixture(scope="module", params=["local", "routed", "inside"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Front, agent, a talker: clients come by a tunnel to the host's front, to a router's; or hosts are behind one."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if request.param == "local" else topology.routed())
        net = parts.enter_context(behind(net) if request.param == "inside" else before(net))
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        for address in SERVER:  # without hardtack
            assert len(ask(net.client, address, TALK, b"download 10\n", timeout=PATIENCE)) == 10
        configuration = write_configuration(net, folder)
        with_rules(configuration)
        if request.param == "inside":
            parts.enter_context(attach(net.near, PASS))
            text = configuration.read_text().replace("[front]", f'[front]\ninside = ["{net.inside.name}"]')
            configuration.write_text(text)
        parts.callback(detach, net)
        agent = None
        if not net.is_local:
            agent = parts.enter_context(Process(agent_command(net.far.name, folder / "key"), net.server))
            agent.wait_for("ready", PATIENCE)
        front = parts.enter_context(Process(front_command(configuration), net.front))
        front.wait_for("ready", PATIENCE)
        yield Stage(net, front, agent or front)


@contextmanager
def before(net: Topology) -> Iterator[Topology]:
    """Clients and front, by a tunnel from one to the other."""
    with tunnel(net.client, net.front) as (near, outside):
        near.add_neighbours(*HOST)
        outside.add_neighbours(f"{CLIENT[0]}/32", f"{CLIENT[1]}/128")
        made = replace(net, near=near, outside=outside)
        yield replace(made, inside=outside, far=outside) if net.is_local else made


@contextmanager
def behind(net: Topology) -> Iterator[Topology]:
    """Front and hosts, by a tunnel from one to the other."""
    with tunnel(net.front, net.server) as (inside, far):
        inside.add_neighbours(*HOST)
        far.add_neighbours(f"{CLIENT[0]}/32", f"{CLIENT[1]}/128")
        yield replace(net, inside=inside, far=far)


def test_rules(stage: Stage, version: int) -> None:
    check_rules(stage, version)


def test_handshakes(stage: Stage, version: int) -> None:
    with stage.counting() as seen:
        facts = server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
    assert facts["timestamps"] and facts["sack"] and facts["window_scaling"]
    assert seen.cookies() == (1, 1, 0)
    assert seen.front[Reason.remembered] == 1
    assert seen.front[Reason.connection] and seen.front[Reason.outbound], "both directions are seen"


def test_the_ack_comes_with_data(stage: Stage, version: int) -> None:
    """The segment comes in again, and is judged once."""
    with stage.counting() as seen:
        upload(stage.net.client, ADDRESSES[version], TALK, 1000, patient=True, timeout=PATIENCE)
    assert seen.cookies() == (1, 1, 0)
    assert (seen.agent[Reason.behind], seen.front[Reason.remembered]) == (1, 1)


def test_transfers(stage: Stage, version: int) -> None:
    upload(stage.net.client, ADDRESSES[version], TALK, SIZE, timeout=PATIENCE)
    download(stage.net.client, ADDRESSES[version], TALK, SIZE, timeout=PATIENCE)


def test_status_and_doctor_say_how(stage: Stage) -> None:
    done = run([sys.executable, "-m", "hardtack", "status", "--json"], stage.net.front, timeout=PATIENCE)
    (front, *_) = json.loads(done.stdout)["attached"]
    outside, inside = (stage.net.front.call(find, interface.name) for interface in (stage.net.outside, stage.net.inside))
    assert front["modes"] == {outside.name: "driver" if outside.ethernet else "tcx"}
    assert "tcx instead: its frames have no Ethernet header" in mode(inside if outside.ethernet else outside)


def test_via_direct_is_refused_there(tmp_path: Path) -> None:
    with topology.routed() as made, before(made) as net:
        configuration = write_configuration(net, tmp_path)
        configuration.write_text(configuration.read_text().replace("kernel", "direct"))
        said = refusal(front_command(configuration), net.front, 2)
    assert 'tunb is not an Ethernet interface: write via = "kernel" for host "some-ports"' in said
