"""The pinned table of hosts' names. Standard library alone: the shell's completion reads it, and nobody waits for that."""

from __future__ import annotations

from pathlib import Path

from hardtack.image import Table
from hardtack.kernel import batches, pins
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.maps import Map
from hardtack.mistake import Mistake

# The hosts' names by Host.number, in UTF-8 behind which zeroes are: programs know numbers only. Entry 0 is nobody's. The
# last byte is 1 if the host is no more, and only keeps its number. There are as many as it is made for.
NAMES = Table("names", "array", 4, 64, 2, layout="name, gone")


def values_of(table: Map) -> list[bytes]:
    """Every entry of an array."""
    size = table.table.value_size
    return [some[place : place + size] for _, some in batches.entries(table) for place in range(0, len(some), size)]


def name_entry(name: str, at_work: bool = True) -> bytes:
    """An entry of `names`."""
    return name.encode().ljust(NAMES.value_size - 1, b"\0") + bytes([not at_work])


def name_in(entry: bytes) -> str:
    """The name in an entry of `names`; "" is nobody's."""
    return entry[:-1].rstrip(b"\0").decode("utf-8", "replace")


def known_hosts(root: Path = pins.ROOT) -> list[str]:
    """The hosts of all fronts of this network namespace; none where they cannot be read."""
    found = dict[str, None]()
    try:
        for folder in pins.here("front", root):
            if table := folder.open(NAMES):
                with table:
                    found |= {name_in(entry): None for entry in values_of(table)[1:] if not entry[-1]}
    except (BpfError, Mistake, OSError):
        pass
    return [name for name in found if name]


def number_of(host: str, root: Path = pins.ROOT) -> int:
    """The Host.number of the first front here that has it; 0: none has."""
    for folder in pins.here("front", root):
        if table := folder.open(NAMES):
            with table:
                names = [name_in(entry) for entry in values_of(table)]
            if host in names[1:]:
                return names.index(host, 1)
    return 0
