"""The programs that ship: how big they are, how long the kernel takes to verify them and the compiler to make them. And how
big the connection table is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from hardtack.compiler.objects import compiled
from hardtack.control.holdings import memory_of
from hardtack.kernel.datapath import Datapath
from hardtack.lab.bench.front import SIZE, Front
from hardtack.lab.process import run
from hardtack.packet.programs import SHIPPED

LOADS = 5
COMPILER = """
import sys, time
from hardtack.compiler import ebpf, frontend
from hardtack.packet.programs import SHIPPED
source = next(source for source in SHIPPED if source.name == sys.argv[1])
started = time.perf_counter()
ebpf.build(source, frontend.to_ir(source.function()), "")
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Size:
    """Of one program. `verified`: instructions the verifier walked. Seconds to load, the least of several, and to compile.

    `compiling` None: not asked for.
    """

    program: str
    instructions: int
    verified: int
    loading: float
    compiling: float | None


@dataclass(frozen=True)
class Memory:
    """Of a table with room for so many connections, in bytes, as the kernel counts it. `each`: for one of them."""

    connections: int
    records: int
    tags: int
    each: float


def memory(front: Front) -> Memory:
    """What a front's connection table takes, empty or full."""
    records, tags = (memory_of(front.tables[name]) for name in ("connections", "tags"))
    return Memory(SIZE, records, tags, (records + tags) / SIZE)


def sizes(compile_them: bool) -> list[Size]:
    """Of every program that ships. With `compile_them` each is compiled once, in a process of its own."""
    found = []
    for source in SHIPPED:
        image = compiled(source)
        times = []
        for _ in range(LOADS):
            with Datapath(image) as datapath:
                times.append(datapath.program.seconds)
                verified = datapath.program.verified
        compiling = _compile(source.name) if compile_them else None
        found.append(Size(source.name, len(image.instructions) // 8, verified, min(times), compiling))
    return found


def _compile(name: str) -> float:
    done = run([sys.executable, "-c", COMPILER, name], None, timeout=600)
    done.check_returncode()
    return float(done.stdout)
