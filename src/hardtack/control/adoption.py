"""Which front a start goes on with, by any uplink that the two have in common; and which fronts nobody goes on with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from hardtack.agent import record
from hardtack.agent.hold import Hold, living
from hardtack.agent.record import Record, RecordError
from hardtack.diagnosis.finding import Finding
from hardtack.kernel import pins
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import detaching
from hardtack.mistake import Mistake


class Divided(Mistake):
    """Several fronts are on the uplinks that one is to have."""

    status = 1


def adopted(uplinks: Sequence[str], hold: Hold) -> Folder:
    """Of the front that is on any of these, whatever else it is on; else a new one. AtWork, Divided.

    It is named by one of `uplinks` from now on. All that it is on is held.
    """
    found = pins.on(uplinks, "front")
    if len(found) > 1:
        raise Divided(divided(found, uplinks))
    if not found:
        return pins.folder("front", uplinks[0])
    (folder,) = found
    hold.take(folder.interfaces)
    if folder.interface in uplinks:
        return folder
    record.remove(record.place(folder.role, folder.namespace, folder.interface))
    return folder.renamed(uplinks[0])


def divided(found: Sequence[Folder], uplinks: Sequence[str]) -> str:
    """That they are several, and how to have one: the first that is named stays."""
    first, *others = sorted(found, key=lambda folder: [name not in folder.interfaces for name in uplinks])
    where = " and ".join(told(folder) for folder in (first, *others))
    commands = " && ".join(map(detaching, others))
    return f"{where} have a front each, and a new front can take over only one of them: detach the others: {commands}"


def left_behind(but: Collection[str] = ()) -> Iterator[Finding]:
    """Fronts of this network namespace that go on without a process, and are on none of these. Nothing without rights."""
    with suppress(PermissionError):
        for folder in pins.here("front"):
            process = process_of(folder)
            lives = (process and process.running) or living(folder)
            if set(but).isdisjoint(folder.interfaces) and folder.links() and not lives:
                what = f"a front is attached to {told(folder)} without a process, with the configuration of its last run"
                again = f"restart it ({process.configuration})" if process else "restart it"
                yield Finding("left-behind", what, f"{again}, or detach it: {detaching(folder)}")


def process_of(folder: Folder) -> Record | None:
    """Whose it was, as far as it can be read."""
    try:
        return record.read(record.place(folder.role, folder.namespace, folder.interface))
    except (RecordError, OSError):
        return None


def told(folder: Folder) -> str:
    """Its interfaces."""
    return ", ".join(folder.interfaces)
