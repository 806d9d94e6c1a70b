"""A folder for the files of one part of the lab, gone afterwards."""

from __future__ import annotations

import atexit
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


@contextmanager
def folder(role: str) -> Iterator[Path]:
    """A new, empty folder that nobody else may read, in $TMPDIR.

    Unlike tempfile.TemporaryDirectory, who removes it is settled before it exists: Ctrl-C may come at any time.
    """
    path = Path(tempfile.gettempdir(), f"hardtack-{role}-{secrets.token_hex(6)}")
    remove = partial(shutil.rmtree, path, ignore_errors=True)
    atexit.register(remove)
    try:
        path.mkdir(0o700)
        yield path
    finally:
        remove()
        atexit.unregister(remove)
