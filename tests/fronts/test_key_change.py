"""A fleet changes keys: two fronts and an agent, restarted one by one with other files. No client is lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from handshake.stage import HTTP, PATIENCE, agent_command, front_command
from lab_ground import eventually

from fronts.running import Value, configuration, detach, key
from hardtack.lab.addresses import FRONT_TWO, SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.patrol import Patrol, patrolling
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.servers import SMALL, nginx, nginx_program
from hardtack.lab.site import Router, Site, site

pytestmark = pytest.mark.skipif(not nginx_program(), reason="nginx is not installed")
HOSTS: list[dict[str, Value]] = [{"name": "host", "addresses": [*SERVER, *SECOND], "via": "kernel"}]
OLD, NEW = "old-key", "new-key"
FIRST, ONLY_NEW = (OLD, ""), (NEW, "")
# Key and old key, and the order of the machines: each step is safe in any
STEPS = [
    ((OLD, NEW), ("one", "agent", "two")),
    ((NEW, OLD), ("two", "agent", "one")),
    (ONLY_NEW, ("agent", "two", "one")),
]
ENOUGH = 25  # requests that come through before the next machine is restarted


class Fleet:
    """Two fronts and the agent of the host behind both."""

    def __init__(self, place: Site, folder: Path) -> None:
        self._place, self._folder = place, folder
        self._processes: dict[str, Process] = {}

    def start(self, name: str, keys: tuple[str, str]) -> None:
        """One of them with these keys: in the place of the one that is there."""
        if name in self._processes:
            assert self._processes[name].stop() == 0, self._processes[name].lines
        files = [key(self._folder, file) if file else "" for file in keys]
        place = self._place
        if name == "agent":
            more_keys = ["--old-key", files[1]] if files[1] else []
            process = Process([*agent_command(place.far.name, Path(files[0])), *more_keys], place.behind)
        else:
            router: Router = getattr(place, name)
            more = {"old_key_file": files[1]} if files[1] else {}
            settings = configuration(self._folder, router.outside, HOSTS, key_file=files[0], **more)
            process = Process(front_command(settings), router.namespace)
        self._processes[name] = process
        process.wait_for(r"\bready\b", PATIENCE)

    def close(self) -> None:
        """End them all, and take off what they have attached."""
        for process in self._processes.values():
            process.stop()
        for interface in (self._place.one.outside, self._place.two.outside, self._place.far):
            detach(interface)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Site, Fleet]]:
    """At work with the old key; what is for SECOND comes by front two."""
    with ExitStack() as parts:
        place = parts.enter_context(site())
        for gate in place.gates:
            parts.enter_context(attach(gate, PASS))
        parts.enter_context(nginx(place.behind, SERVER + SECOND, [HTTP]))
        for address, gateway in zip(SECOND, FRONT_TWO, strict=True):
            place.near.add_routes(address, via=gateway)
        made = Fleet(place, tmp_path)
        parts.callback(made.close)
        for name in ("agent", "one", "two"):
            made.start(name, FIRST)
        yield place, made


def test_no_client_is_lost_while_a_fleet_changes_keys(fleet: tuple[Site, Fleet]) -> None:
    place, machines = fleet
    places = [(address, HTTP) for address in SERVER + SECOND]
    with patrolling(place.client, places, "/small", SMALL, timeout=PATIENCE, interval=0.2) as patrol:
        assert eventually(lambda: patrol.result().succeeded > ENOUGH, PATIENCE)
        for keys, order in STEPS:
            for name in order:
                machines.start(name, keys)
                wait_for_more(patrol)
    assert not patrol.result().failures
    # Had a step been left out, clients would have been lost: the agent takes no cookie of the old key any more
    machines.start("one", FIRST)
    with patrolling(place.client, places[:1], "/small", SMALL, timeout=2, workers=1) as lost:
        assert eventually(lambda: lost.result().failed > 0, PATIENCE)
    assert not lost.result().succeeded


def wait_for_more(patrol: Patrol) -> None:
    """Until so many clients have come through since now."""
    before = patrol.result().succeeded
    assert eventually(lambda: patrol.result().succeeded > before + ENOUGH or patrol.result().failed > 0, PATIENCE)
