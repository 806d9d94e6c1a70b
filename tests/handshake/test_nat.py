"""Active NAT rules on a host, for whatever: their hook takes the agent's request for a wrong socket (agent/round_lo.py)."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest
from naive.frames import ACK, PSH

from handshake.firewall import DOCKER, REDIRECT, REFUSING, STRICT, rules, tables
from handshake.raw import Peer, Wire, wired
from handshake.stage import ADDRESSES, GREET, PATIENCE, TALK, Stage, detach, front_command, write_configuration
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import ask, connect, download, server_socket, upload
from hardtack.lab.lab import NAMED_PORTS
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.skipif(not shutil.which("nft"), reason="needs nft")
HOSTS = {"none": "", "redirect": REDIRECT, "docker": DOCKER, "strict": REDIRECT + STRICT}
CROWD = 100
SOURCES = count(random.choice(NAMED_PORTS[:-1000]))
every = pytest.mark.parametrize("host", HOSTS)


@pytest.fixture(scope="module")
def net() -> Iterator[Topology]:
    """For all tests but the last."""
    with host_alone() as made:
        yield made


@contextmanager
def host_alone() -> Iterator[Topology]:
    """A host with its servers, and nothing of ours at work."""
    with topology.local() as made, attach(made.near, PASS), ExitStack() as parts:
        parts.enter_context(talker(made.server, SERVER, [TALK]))
        parts.enter_context(talker(made.server, SERVER, [GREET], greeting="220 hello"))
        yield made


@pytest.fixture(scope="module")
def configuration(net: Topology, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of its front, and the key."""
    return write_configuration(net, tmp_path_factory.mktemp("nat"))


@pytest.fixture(scope="module")
def served(net: Topology, configuration: Path) -> Iterator[Stage]:
    """The same, behind a front of its own."""
    with ExitStack() as parts:
        parts.callback(detach, net)
        front = parts.enter_context(Process(front_command(configuration), net.front))
        front.wait_for("ready", PATIENCE)
        yield Stage(net, front, front)


@pytest.fixture
def wire(served: Stage) -> Iterator[Wire]:
    """The client's link."""
    with wired(served.net) as made:
        yield made


def all_works(net: Topology, version: int) -> None:
    """Whoever speaks first."""
    assert server_socket(net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["sack"]
    with connect(net.client, ADDRESSES[version], GREET, timeout=PATIENCE) as greeted:
        assert greeted.recv(64) == b"220 hello\n"
    download(net.client, ADDRESSES[version], TALK, 300_000, timeout=PATIENCE)
    upload(net.client, ADDRESSES[version], TALK, 300_000, timeout=PATIENCE)


@every
def test_linux_alone(net: Topology, host: str, version: int) -> None:
    with rules(net.server, HOSTS[host]):
        all_works(net, version)


@every
def test_behind_a_front(served: Stage, host: str, version: int) -> None:
    with rules(served.net.server, HOSTS[host]), served.counting() as seen, served.events() as events:
        all_works(served.net, version)
    assert seen.cookies() == (4, 4, 0)
    assert events["TcpOutRsts"] == events["TcpInErrs"] == events["TcpInCsumErrors"] == 0


@every
def test_the_ack_is_lost_and_data_comes_first(served: Stage, wire: Wire, host: str, version: int) -> None:
    peer = Peer(wire, version, TALK)
    with rules(served.net.server, HOSTS[host]):
        peer.syn()
        peer.send(ACK | PSH, b"info\n")
        assert peer.hear_line()["peer"] == [peer.source, peer.source_port]


def test_the_same_port_many_times(served: Stage, version: int) -> None:
    mine = next(SOURCES)
    with rules(served.net.server, REDIRECT), served.counting() as seen:
        for _ in range(3):
            wanted = {"source_port": mine, "timeout": PATIENCE}
            assert len(ask(served.net.client, ADDRESSES[version], TALK, b"download 10\n", **wanted)) == 10
    assert seen.agent[Reason.time_wait_ended] + seen.front[Reason.reopened] >= 2


def test_many_at_once(served: Stage, version: int) -> None:
    with rules(served.net.server, DOCKER):
        opened = [served.connect(version, TALK) for _ in range(CROWD)]
        for connection in opened:
            assert served.info(connection)["peer"][0] == served.client_address(version)
            connection.close()


def test_what_the_firewall_refuses_stays_refused(served: Stage, version: int) -> None:
    """The copy on lo is made behind all filters."""
    with rules(served.net.server, REDIRECT + REFUSING), served.events() as events, served.connect(version, TALK) as made:
        made.settimeout(0.5)
        made.sendall(b"info\n")
        with pytest.raises(TimeoutError):
            made.recv(64)
    assert events["TcpPassiveOpens"] == 0


def test_the_table_stays_and_is_taken_over_and_removed(tmp_path: Path) -> None:
    with host_alone() as net:
        stays_and_goes(net, write_configuration(net, tmp_path))


def stays_and_goes(net: Topology, configuration: Path) -> None:
    """With its process, without it, with the next one; and when all is taken off."""
    name = f"hardtack-{net.outside.name}"
    ours = [f"table ip {name}", f"table ip6 {name}"]

    def started() -> Process:
        process = Process(front_command(configuration), net.front)
        process.wait_for("ready", PATIENCE)
        return process

    with ExitStack() as parts:
        parts.callback(detach, net)
        for _ in range(2):
            with started() as front, rules(net.server, REDIRECT):
                assert set(tables(net.server)) == {*ours, "table inet some"}
                assert front.stop() == 0
                assert set(tables(net.server)) == {*ours, "table inet some"}
                all_works(net, 4)
        with rules(net.server, REDIRECT):  # nobody is there any more to keep it
            assert tables(net.server) == ["table inet some"]
            with pytest.raises(ConnectionResetError):
                server_socket(net.client, ADDRESSES[4], TALK, timeout=PATIENCE)
        with started():
            assert tables(net.server) == ours
    assert tables(net.server) == []
