"""The stages, set up once for all tests of handshakes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from handshake.former import Host
from handshake.raw import Wire, wired
from handshake.stage import GREET, HTTP, TALK, UNPROTECTED, Stage, staged
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.clients import offer
from hardtack.lab.servers import nginx, talker

ROOT = os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root, every test of this folder is skipped, and says why."""
    for item in items:
        if not ROOT and "handshake" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason="needs root: makes network namespaces, loads BPF programs"))


@pytest.fixture(scope="session", params=["routed", "local"])
def whole_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Front, agent and servers: nginx, a talker, a talker that speaks first."""
    with ExitStack() as parts:
        stage = parts.enter_context(staged(request.param == "local", tmp_path_factory.mktemp(request.param)))
        everywhere = (*SERVER, *SECOND)
        parts.enter_context(nginx(stage.net.server, everywhere, [HTTP, UNPROTECTED]))
        parts.enter_context(talker(stage.net.server, everywhere, [TALK]))
        parts.enter_context(talker(stage.net.server, everywhere, [GREET], greeting="220 hello"))
        yield stage


@pytest.fixture
def stage(whole_stage: Stage) -> Iterator[Stage]:
    """The stage, its clients offering what Linux does by default."""
    offer(whole_stage.net.client)
    yield whole_stage
    for process in (whole_stage.front, whole_stage.agent):
        assert process.returncode is None, process.lines


@pytest.fixture
def wire(stage: Stage) -> Iterator[Wire]:
    """The client's link, to send frames made by hand."""
    with wired(stage.net) as made:
        yield made


@pytest.fixture
def host(stage: Stage, wire: Wire, version: int) -> Iterator[Host]:
    """A server whose connections are the test's to move."""
    with ExitStack() as parts:
        yield Host(stage.net, wire, version, parts)


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def version(request: pytest.FixtureRequest) -> int:
    """IP version."""
    return int(request.param)
