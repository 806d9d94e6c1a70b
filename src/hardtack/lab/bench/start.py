"""How long `hardtack front` takes until it answers, and how much memory it then holds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hardtack.keys import make_key
from hardtack.lab.bench.front import CONFIGURATION
from hardtack.lab.folder import folder
from hardtack.lab.lab import Lab
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run

PATIENCE = 300  # s


@dataclass(frozen=True)
class Start:
    """From the command to the word `ready`, with an empty object cache and with a full one; then, bytes of memory.

    Seconds, the least of several starts: a busy machine only adds. `processor`: of CPU time, in a warm start. `tables`,
    `programs`: locked by the kernel for them; `resident`: the process itself.
    """

    cold: float
    warm: float
    warm_median: float
    processor: float
    tables: int
    programs: int
    resident: int


@dataclass(frozen=True)
class Once:
    """One start."""

    seconds: float
    processor: float
    memory: tuple[int, int, int]


def start(colds: int, warms: int, told: Callable[[str], None]) -> Start:
    """So many starts, in namespaces of their own."""
    with Lab() as lab, folder("bench") as here:
        outside, _ = lab.join(lab.namespace("front"), lab.namespace("client"))
        make_key(here / "key")
        config = here / "bench.toml"
        config.write_text(CONFIGURATION.replace('"outside"', f'"{outside.name}"'))
        cold, warm = [], []
        for number in range(colds):
            told(f"hardtack front, its object cache empty, {number + 1} of {colds}")
            cold.append(_start(outside.namespace, config, here / f"cache{number}"))
        for number in range(warms):
            told(f"hardtack front, {number + 1} of {warms}")
            warm.append(_start(outside.namespace, config, here / "cache0"))
        seconds = [once.seconds for once in warm]
        processor = min(once.processor for once in warm)
        return Start(min(once.seconds for once in cold), min(seconds), median(seconds), processor, *warm[-1].memory)


def _start(inside: Namespace, config: Path, cache: Path) -> Once:
    command = ["env", f"XDG_CACHE_HOME={cache}", sys.executable, "-m", "hardtack", "front", config]
    began = time.perf_counter()
    try:
        with Process(command, inside) as front:
            front.wait_for(r"\bready\b", PATIENCE)
            seconds = time.perf_counter() - began
            times = Path(f"/proc/{front.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
            return Once(seconds, sum(map(int, times)) / os.sysconf("SC_CLK_TCK"), _memory(front.pid))
    finally:  # the next one starts anew
        run([*command, "--detach"], inside).check_returncode()


def _memory(pid: int) -> tuple[int, int, int]:
    """Bytes of its tables, its programs, itself."""
    tables, programs = dict[str, int](), dict[str, int]()  # by id: a table that is mapped is open twice
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(OSError):
            facts = dict(line.split(":", 1) for line in path.read_text(encoding="ascii").splitlines() if ":" in line)
            locked = int(facts.get("memlock", "0"))
            if "map_type" in facts:
                tables[facts["map_id"]] = locked
            elif "prog_type" in facts:  # links have a prog_id, too
                programs[facts["prog_id"]] = locked
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return sum(tables.values()), sum(programs.values()), int(status.partition("VmRSS:")[2].split()[0]) * 1024
