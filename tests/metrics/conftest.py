"""The place, made once for all tests of metrics."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hardtack.kernel import privileges
from hardtack.lab.folder import folder
from metrics.place import Place, placed
from metrics.servers import MISSING


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Everything but the front."""
    if os.geteuid():
        pytest.skip("needs root: makes network namespaces, loads BPF programs")
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    with folder("textfiles") as textfiles:
        os.chown(textfiles, *privileges.heir())
        with placed(tmp_path_factory.mktemp("metrics"), textfiles) as made:
            yield made
