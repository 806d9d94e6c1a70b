"""The tables of running processes: what their datapaths have counted, while they work."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hardtack.image import ONLY, Table
from hardtack.kernel.bpf import buffer, call, info
from hardtack.kernel.maps import TYPES, Map
from hardtack.packet.layout import COUNTERS
from hardtack.packet.reasons import Reason

GET_MAP_BY_ID = 14  # BPF_MAP_GET_FD_BY_ID


def counts_of(pid: int) -> list[Counter[Reason]]:
    """One for each datapath of the process, in the order in which they were opened."""
    with tables_of(pid, COUNTERS) as tables:
        return [counts_in(table) for table in tables]


def counts_in(table: Map) -> Counter[Reason]:
    """All CPUs added up."""
    rows = [memoryview(row).cast("Q") for row in table.lookup_all(ONLY)]
    return Counter({reason: sum(row[reason] for row in rows) for reason in Reason})


@contextmanager
def tables_of(pid: int, table: Table) -> Iterator[list[Map]]:
    """The process's tables that are `table` by name and shape, oldest first."""
    wanted = {"map_type": TYPES[table.kind], "value_size": table.value_size, "max_entries": table.entries}
    facts = [read_facts(path) for path in Path(f"/proc/{pid}/fdinfo").iterdir()]
    numbers = {fact["map_id"] for fact in facts if wanted.items() <= fact.items()}
    with ExitStack() as parts:
        alike = [parts.enter_context(Map(opened(number), table)) for number in sorted(numbers)]
        yield [found for found in alike if name_of(found) == table.name]


def name_of(found: Map) -> str:
    """As the kernel knows it: bpf_map_info.name."""
    return info(found.fd, 40, "a table")[24:40].split(b"\0")[0].decode()


def read_facts(path: Path) -> dict[str, int]:
    """The lines "name: number" of an fdinfo file."""
    pairs = (line.split(":", 1) for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs if value.strip().isdigit()}


def opened(number: int) -> int:
    """A file descriptor for the map with this id."""
    # An enum has no room for a command that only tests need: the number does.
    return call(GET_MAP_BY_ID, buffer(struct.pack("=III", number, 0, 0)))  # type: ignore[arg-type]
