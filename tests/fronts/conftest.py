"""What the tests of whole fronts share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fronts.town import Town, town

ROOT = os.geteuid() == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root, every test of this folder is skipped, and says why."""
    for item in items:
        if not ROOT and "fronts" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason="needs root: makes network namespaces, loads BPF programs"))


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def version(request: pytest.FixtureRequest) -> int:
    """IP version."""
    return int(request.param)


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """All fronts and hosts of the site, at work from beginning to end."""
    with town(tmp_path_factory.mktemp("town")) as made:
        yield made
        for process in made.processes:
            assert process.returncode is None, process.lines
