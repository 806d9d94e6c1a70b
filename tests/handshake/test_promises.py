"""Hosts that do not take every option, or have large windows: clients are promised what the host keeps, and no more.

What Linux alone would agree on, is asked at a port that no front protects. All links carry jumbo frames.

SERVER   promised everything
SECOND   routed: a window scale that the agent knows nothing of; local: what this machine takes
PLAINER  for each option an address where it is off
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from naive.cookie import MSS_TABLE
from naive.frames import ACK, PSH

from handshake.raw import Peer, wired
from handshake.stage import (
    PATIENCE,
    TALK,
    UNPROTECTED,
    Stage,
    agent_command,
    detach,
    front_command,
)
from hardtack.keys import make_key
from hardtack.lab import tcp_info, topology
from hardtack.lab.addresses import SECOND, SERVER, with_length
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect, offer, server_socket
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.programs import FRAGS
from hardtack.packet.reasons import Reason

OPTIONS = ("sack", "timestamps", "window_scaling", "ecn")
PLAINER = {name: (f"192.0.2.{21 + at}", f"2001:db8::{21 + at}") for at, name in enumerate(OPTIONS)}
EVERYWHERE = [*SERVER, *SECOND, *(address for pair in PLAINER.values() for address in pair)]
MTU, MSS = 9000, 8940
RMEM, SCALE = "4096 131072 134217728", 12  # what Linux tells, by tcp_rmem
ON = {"ecn": 2}  # Linux's defaults, where they are not 1
HOST = """
[[host]]
name = "{name}"
addresses = {addresses}
ports = [{port}]
handshake = "agent"
via = "{via}"
mss = {mss}
{more}
"""


def configuration(net: Topology, folder: Path) -> Path:
    """A host for each option, where that is off, and one where none is."""
    make_key(folder / "key")
    text = f'[front]\ninterface = "{net.outside.name}"\nkey_file = "{folder / "key"}"\ngrace = "0s"\n'
    scale = "" if net.is_local else f"window_scale = {SCALE}"
    via = "local" if net.is_local else "kernel"
    hosts = {"all": (SERVER, list(OPTIONS))} | {
        name: (pair, [other for other in OPTIONS if other != name]) for name, pair in PLAINER.items()
    }
    for name, (pair, options) in hosts.items():
        more = f"{scale}\noptions = {options}"
        text += HOST.format(name=name, addresses=list(pair), port=TALK, via=via, mss=MSS, more=more)
    more = "" if net.is_local else f"window_scale = {SCALE - 5}"
    text += HOST.format(name="other", addresses=list(SECOND), port=TALK, via=via, mss=MSS, more=more)
    (folder / "hardtack.toml").write_text(text)
    return folder / "hardtack.toml"


@pytest.fixture(scope="module", params=["routed", "local"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Front and agent; by tcp_rmem, windows of this host want a large scale."""
    folder = tmp_path_factory.mktemp("promises")
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if request.param == "local" else topology.routed())
        net.server.sysctl("net.ipv4.tcp_rmem", RMEM)
        for interface in net.interfaces():
            interface.set_mtu(MTU)
        more = tuple(address for pair in PLAINER.values() for address in pair)
        net.far.add_addresses(*with_length(more, 32, 128) if net.is_local else with_length(more, 24, 64))
        parts.enter_context(attach(net.near, replace(PASS, name="pass_frags", flags=FRAGS)))
        path, agent = configuration(net, folder), None
        parts.callback(detach, net)
        if not net.is_local:
            command = [*agent_command(net.far.name, folder / "key"), "--window-scale", SCALE]
            agent = parts.enter_context(Process(command, net.server))
            agent.wait_for(f"window_scale={SCALE}", PATIENCE)
        net.front.sysctl("net.ipv4.tcp_sack", 0)
        front = parts.enter_context(Process(front_command(path), net.front))
        front.wait_for("ready", PATIENCE)
        net.front.sysctl("net.ipv4.tcp_sack", 1)
        parts.enter_context(talker(net.server, EVERYWHERE, [TALK, UNPROTECTED]))
        offer(net.client, ecn=True)
        yield Stage(net, front, agent or front)


def agreed(site: Stage, address: str, port: int) -> dict[str, dict[str, Any]]:
    """What server and client then believe of the same connection."""
    with connect(site.net.client, address, port, timeout=PATIENCE) as connection:
        client, facts = tcp_info.read(connection), site.info(connection)
    names = [*OPTIONS, "send_scale", "receive_scale"]
    theirs = {name: getattr(client, name) for name in names}
    return {"server": {name: facts[name] for name in [*names, "send_mss"]}, "client": theirs}


@pytest.mark.parametrize("off", ["", *OPTIONS])
def test_what_is_off_is_not_promised(site: Stage, version: int, off: str) -> None:
    address = (PLAINER[off] if off else SERVER)[version == 6]
    if off:
        site.net.server.sysctl(f"net.ipv4.tcp_{off}", 0)
    try:
        alone = agreed(site, address, UNPROTECTED)
        with site.counting() as seen:
            together = agreed(site, address, TALK)
    finally:
        if off:
            site.net.server.sysctl(f"net.ipv4.tcp_{off}", ON.get(off, 1))
    assert seen.cookies() == (1, 1, 0)
    server = together["server"]
    assert {name for name in OPTIONS if not server[name]} == {"": set(), "timestamps": {off, "ecn"}}.get(off, {off})
    if off == "timestamps":  # without them there is no room for ECN in a cookie, and less for the MSS
        alone["server"]["ecn"] = alone["client"]["ecn"] = False
        alone["server"]["send_mss"] = {4: 1460, 6: 8940}[version]
    assert together == alone
    if off != "window_scaling":
        assert server["receive_scale"] == SCALE
    if off != "timestamps":
        assert server["send_mss"] == {4: 8960, 6: 8940}[version] - 12, "jumbo frames, less timestamps"


@pytest.mark.parametrize("mss", [536, 1023, 1024, 1240, 1359, 1360, 1380, 1420, 1452, 1453, 1460, 4047, 4048, 8856, 8960])
def test_no_segment_is_longer_than_the_client_takes(site: Stage, version: int, mss: int) -> None:
    """Of the values that a cookie tells apart, with timestamps the nearest below. Jumbo frames, too."""
    less = 20 * (version == 6)
    with wired(site.net) as wire:
        peer = Peer(wire, version, TALK, (SERVER[version == 6]))
        offered = bytes([2, 4]) + (mss - less).to_bytes(2, "big") + bytes.fromhex("0402080a0000000100000000")
        peer.syn(offered)
        peer.send(ACK)
        sent = peer.ask()["send_mss"] + 12
        peer.leave()
    values = [value for four in MSS_TABLE[version] for value in four]
    assert sent == max([value for value in values if value <= mss - less], default=values[0])


def test_an_mss_that_no_cookie_keeps(site: Stage, version: int) -> None:
    """bpf_sk_assign_tcp_reqsk takes none below 536, for IPv6 1220. Linux holds to windows that are smaller, all the same."""
    carried = bytes([2, 4]) + (128).to_bytes(2, "big")
    with wired(site.net) as wire:
        roomy, tiny = (Peer(wire, version, TALK, SERVER[version == 6]) for _ in range(2))
        roomy.syn(carried)
        roomy.send(ACK)
        assert roomy.ask()["send_mss"] == {4: 536, 6: 1220}[version]
        tiny.window = 300
        tiny.syn(carried)
        tiny.send(ACK)
        tiny.send(ACK | PSH, b"download 3000\n")
        assert len(tiny.hear(lambda heard: bool(heard.payload)).payload) == tiny.window
        for peer in (roomy, tiny):
            peer.leave()


@pytest.mark.parametrize("site", ["routed"], indirect=True)
def test_another_scale_than_the_agents_admits_nobody(site: Stage, version: int) -> None:
    """Else both sides would go on, each with another idea of every window."""
    with site.counting() as seen, pytest.raises(ConnectionResetError):
        server_socket(site.net.client, SECOND[version == 6], TALK, timeout=PATIENCE)
    assert (seen.front[Reason.answered], seen.agent[Reason.admitted]) == (1, 0)
    assert seen.agent[Reason.bad_cookie] >= 1


@pytest.mark.parametrize("site", ["local"], indirect=True)
def test_what_is_off_on_this_machine_is_known(site: Stage, version: int) -> None:
    """Its front has looked when it started: SACK was off then."""
    with site.counting() as seen:
        facts = agreed(site, SECOND[version == 6], TALK)
    assert seen.cookies() == (1, 1, 0)
    assert facts["server"] == agreed(site, SECOND[version == 6], UNPROTECTED)["server"] | {"sack": False}
    told = [line for line in site.front.lines if " finding " in line and "tcp_sack" in line]
    assert len(told) == 1 and 'options = ["timestamps", "window_scaling", "ecn"]' in told[0].replace("\\", ""), told
