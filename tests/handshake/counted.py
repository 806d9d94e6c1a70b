"""What front and agent have counted: read from the tables that are pinned, whether or not a process is at work."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hardtack.control.pinned import Tables
from hardtack.image import Table
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder, Role
from hardtack.lab.links import Interface
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import AGENT_COUNTERS, COUNTERS
from hardtack.packet.reasons import Reason


def folder_of(interface: Interface, role: Role = "front") -> Folder:
    """Where what is attached to an interface of the lab is pinned."""
    return Folder(role, interface.name, interface.namespace.identity[1])


@contextmanager
def pinned(interface: Interface, table: Table, role: Role = "front", owner: str = "") -> Iterator[Map]:
    """A table of what is attached to an interface; `owner` "agent-": the agent's own, where front and host are one."""
    with Tables(folder_of(interface, role)) as tables:
        found = tables.get(table, owner)
        assert found, f"{table.name} is not pinned for the {role} of {interface.name}"
        yield found


def counts(interface: Interface, role: Role = "front", owner: str = "") -> Counter[Reason]:
    """All hosts and CPUs added up."""
    return sum(counts_by_host(interface, role, owner), Counter())


def counts_by_host(interface: Interface, role: Role = "front", owner: str = "") -> list[Counter[Reason]]:
    """Entry n: of host number n, from 1; entry 0: of frames that are no host's."""
    with pinned(interface, AGENT_COUNTERS if role == "agent" or owner else COUNTERS, role, owner) as table:
        rows = [frames_of(table.totals(struct.pack("=I", number))) for number in range(table.table.entries)]
    return [Counter({reason: row[reason] for reason in Reason if reason < len(row)}) for row in rows]
