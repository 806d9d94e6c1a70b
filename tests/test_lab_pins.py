"""What fronts and agents leave at work in a lab's namespaces goes with the lab; and nothing of anybody else's."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel_ground import image, needs_root

from hardtack.agent import record
from hardtack.agent.hold import lock_path
from hardtack.kernel import interfaces, links, pins, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.lock import Lock
from hardtack.kernel.pins import Folder
from hardtack.lab.lab import Lab
from hardtack.lab.namespaces import Namespace, create, discard, sweep

pytestmark = needs_root


def leave(namespace: Namespace, interface: str) -> Folder:
    """What a front leaves there that has ended."""
    folder = Folder("front", interface, namespace.identity[1])
    folder.make()
    with programs.load(image(returning(-1), "tcx"), {}) as program:
        index = namespace.call(interfaces.find, interface).index
        with namespace.call(links.attach_tcx, program, index) as link:
            folder.pin_link("leaving", link)
    Lock(lock_path(folder)).close()
    record.write(record.place("front", folder.namespace, interface), [interface])
    return folder


def remains(folder: Folder) -> list[Path]:
    """What is there of it."""
    paths = (folder.path, lock_path(folder), record.place("front", folder.namespace, folder.interface))
    return [path for path in paths if path.exists()]


@contextmanager
def somebody_elses() -> Iterator[Folder]:
    """A front of this namespace, on an interface that nobody has."""
    folder = pins.folder("front", f"x{secrets.token_hex(4)}")
    folder.make()
    Lock(lock_path(folder)).close()
    try:
        yield folder
    finally:
        folder.remove()
        lock_path(folder).unlink()


def test_a_lab_takes_off_what_was_left_in_it() -> None:
    with somebody_elses() as other:
        with Lab() as lab:
            near, far = lab.join(lab.namespace("front"), lab.namespace("host"))
            left = [leave(end.namespace, end.name) for end in (near, far)]
            assert [len(remains(folder)) for folder in left] == [3, 3]
            assert set(left) <= set(pins.folders())
        assert [remains(folder) for folder in left] == [[], []]
        assert len(remains(other)) == 2


def test_a_sweep_takes_off_what_a_crashed_lab_has_left() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    dead, living = (create(f"ht{pid}-{secrets.token_hex(3)}-front") for pid in (process.pid, os.getpid()))
    try:
        with somebody_elses() as other:
            left, kept = leave(dead, "lo"), leave(living, "lo")
            assert dead.name in sweep()
            assert remains(left) == []
            assert (len(remains(kept)), len(remains(other))) == (3, 2)
    finally:
        discard(living.name)
    assert remains(kept) == []
