"""What the datapaths of a running front or agent have counted, read from the process's own tables while it works."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

from hardtack.kernel.bpf import buffer, call
from hardtack.kernel.datapath import ONLY
from hardtack.kernel.maps import TYPES, Map
from hardtack.packet.layout import COUNTERS
from hardtack.packet.reasons import Reason

GET_MAP_BY_ID = 14  # BPF_MAP_GET_FD_BY_ID


def counts_of(pid: int) -> list[Counter[Reason]]:
    """One for each datapath of the process, in the order in which they were opened."""
    wanted = {"map_type": TYPES[COUNTERS.kind], "value_size": COUNTERS.value_size}
    maps = [facts for facts in map(read_facts, Path(f"/proc/{pid}/fdinfo").iterdir()) if wanted.items() <= facts.items()]
    return [counts_in(number) for number in sorted(facts["map_id"] for facts in maps)]


def read_facts(path: Path) -> dict[str, int]:
    """The lines "name: number" of an fdinfo file."""
    pairs = (line.split(":", 1) for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs if value.strip().isdigit()}


def counts_in(number: int) -> Counter[Reason]:
    """The table with this id, all CPUs added up."""
    # An Enum has no room for a command that only tests need: the number does.
    fd = call(GET_MAP_BY_ID, buffer(struct.pack("=III", number, 0, 0)))  # type: ignore[arg-type]
    with Map(fd, COUNTERS) as table:
        rows = [memoryview(row).cast("Q") for row in table.lookup_all(ONLY)]
    return Counter({reason: sum(row[reason] for row in rows) for reason in Reason})
