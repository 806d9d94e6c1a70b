"""Whole handshakes by the af_xdp engine: real clients, cookies, and an agent that makes sockets of them, also right here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from af_xdp_ground import Ground, ground, tallies
from fronts.running import agent
from handshake.stage import RMEM
from kernel_ground import needs_root

from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.bench.front import MASTER

pytestmark = needs_root


@pytest.fixture(scope="module", params=["routed", "local"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder: Path = tmp_path_factory.mktemp("keys")
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_text(MASTER.hex() + "\n")
    with ExitStack() as parts:
        made = parts.enter_context(ground(local=request.param == "local"))
        made.net.server.sysctl("net.ipv4.tcp_rmem", RMEM)
        parts.enter_context(agent(made.net.far, folder))
        yield made


def test_a_cookie_becomes_a_socket(place: Ground) -> None:
    """The SYN is answered in user space; the ACK goes to the agent: as it is by a TAP device, or straight to its host."""
    hosts = [SERVER[0]] if place.net.is_local else [SERVER[0], SECOND[0]]
    with place.engine() as engine:
        for number, host in enumerate(hosts, 1):
            assert place.connected(host)
            found = tallies(engine)
            assert found["replied"] == number and not found["not_passed"]
        assert found["passed"] >= 1
