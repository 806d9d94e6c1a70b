"""Hosts without agents, set up once for all tests of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product

import pytest

from challenge.place import WAYS, Place, placed
from challenge.services import SERVICES, serving
from challenge.tapped import Tap, tapped
from hardtack.lab.links import Interface

ROOT = os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root or nft, every test of this folder is skipped, and says why."""
    for item in items:
        if "challenge" in item.path.parts and not (ROOT and shutil.which("nft")):
            item.add_marker(pytest.mark.skip(reason="needs root and nft: makes network namespaces, loads BPF programs"))


@dataclass(frozen=True)
class Watched:
    """A place with all its services; what passes its interfaces."""

    place: Place
    taps: dict[str, Tap]

    def tap(self, interface: Interface) -> Tap:
        """What passes there."""
        return self.taps[interface.name]


@contextmanager
def watched(folder: object, local: bool) -> Iterator[Watched]:
    """All of it."""
    with ExitStack() as parts:
        place = parts.enter_context(placed(folder, local))  # type: ignore[arg-type]
        parts.enter_context(serving(place.net))
        for way in ("local",) if local else ("kernel", "direct", "bypass"):  # neighbours know each other from here on
            for client, address in product((place.net.client, place.home), WAYS[way]):
                SERVICES["plain"].converse(client, address)
        ends = {place.net.near, place.gate, place.other, place.net.far, place.slip}
        yield Watched(place, {end.name: parts.enter_context(tapped(end)) for end in ends})


@pytest.fixture(scope="package", params=["behind", "here"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Hosts behind the front; or the front is the host."""
    with watched(tmp_path_factory.mktemp(request.param), request.param == "here") as made:
        yield made


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def version(request: pytest.FixtureRequest) -> int:
    """IP version."""
    return int(request.param)
