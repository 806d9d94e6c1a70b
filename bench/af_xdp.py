"""What a frame costs the af_xdp engine over a veth, beside the xdp engine, in one run.

    .venv/bin/python bench/af_xdp.py [ROUNDS] [KIND ...]        root; from the project's folder

One CPU makes frames as fast as it can; the other has all the rest: the kernel's receiving thread of the veth, and the
worker. A veth has no zero-copy: the kernel copies each frame into the UMEM, and makes a socket buffer of each that is sent.
So this shows what copy mode costs, not what the engine is for. Medians of all rounds:

cost       CPU ns a frame, of the kernel's thread and of the worker (its system calls included), in bursts of so few frames
           that none is lost on the way to the worker
overload   frames received and sent a second by the wall, if more come than can be judged
apart      of SYNs, replies a second while the kernel receives on the CPU that sends, and the worker has the other to itself,
           but for the receiver of its replies; its CPU ns a frame with all that is done on that CPU for it
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from statistics import median

from hardtack.agent.upkeep import Upkeep
from hardtack.compiler.objects import compiled
from hardtack.control import connections, numbers, proven
from hardtack.control.configuration.reading import read
from hardtack.control.protected import protect
from hardtack.engines.af_xdp import Engine, Wanted, all_tables
from hardtack.engines.worker_memory import Worker
from hardtack.image import ONLY
from hardtack.kernel import maps
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.maps import Map
from hardtack.kernel.xsk import Sizes
from hardtack.keys import Masters
from hardtack.lab import cpu
from hardtack.lab.addresses import SERVER
from hardtack.lab.bench import front as bench
from hardtack.lab.bench import kinds
from hardtack.lab.bench.ground import Ground, open_ground
from hardtack.lab.bench.kinds import ALL, FEW, Kind
from hardtack.lab.flood import flooding
from hardtack.lab.launch import fresh_sysfs
from hardtack.lab.packets.recipe import Target
from hardtack.packet.programs import FRONT

ROUNDS, FRAMES = 9, 300_000
BURST, BURSTS = 12_000, 12  # frames that rings hold
SIZES = Sizes(rx=16_384, tx=16_384, fill=16_384, completion=16_384)
SETTLED = 0.004  # s after which the worker has nothing left to do
KINDS = ("ipv4", "ipv4-bare", "ack4", "known4-10", "others")


class Others(Kind):
    """SYNs for another machine's MAC address: they pass. The kernel drops them as soon as it has them again."""

    def target(self, source_mac: bytes, next_mac: bytes) -> Target:
        """As of all kinds."""
        return super().target(source_mac, bytes(byte ^ 4 for byte in next_mac))


HANDED = Others("others", "handed to the kernel, IPv4", 4, "syn")
Sample = tuple[float, float, float, float, float]  # kernel ns, worker ns, part sent; overload: received, sent a second


@contextmanager
def tables_for(place: Ground) -> Iterator[dict[str, Map]]:
    """The tables, filled as for the xdp engine's bench."""
    settings = read(bench.CONFIGURATION + bench.DIRECT, Path("bench.toml"))
    own = bench.numbers_of(settings)
    sizes = connections.table_sizes(bench.SIZE) | proven.table_sizes(bench.SIZE)
    sizes |= numbers.table_sizes(own, protect(settings, own).sets)
    with ExitStack() as parts:
        found = {table.name: parts.enter_context(maps.create(maps.sized(table, sizes))) for table in all_tables()}
        buckets, bits = connections.buckets_for(bench.SIZE), connections.marks_for(bench.SIZE)
        found["places"].update(ONLY, connections.places_entry(buckets, bits, Random(1).randbytes))
        found["proven_places"].update(ONLY, proven.places_entry(proven.buckets_for(bench.SIZE)))
        exits = [bench.exit_of(place.net.outside), bench.exit_of(place.inside)]
        place.net.front.call(bench.configure, found, settings, exits)
        bench.direct_to(place.far.mac, found, settings)
        yield found


def sample_of(place: Ground, kind: Kind, worker: Callable[[], int]) -> Sample:
    """One measurement of each."""
    kernel, spent, received, sent = 0, 0, 0, 0
    for _ in range(BURSTS):
        before = worker()
        found = place.slice(kind, BURST)
        time.sleep(SETTLED)
        kernel, spent = kernel + found.nanoseconds, spent + worker() - before
        received, sent = received + found.received, sent + found.returned + found.sent_on
    started = time.perf_counter()
    found = place.slice(kind, FRAMES)
    seconds = time.perf_counter() - started
    each = max(received, 1)
    overload = found.received / seconds, (found.returned + found.sent_on) / seconds
    return kernel / each, spent / each, sent / each, *overload


def receive_behind(place: Ground, stack: bool) -> None:
    """Whether what is sent comes by the network stack: whoever receives it must not go before who sends then (ground.py)."""
    for end in (place.net.near, place.far):
        for pid in cpu.thread_receivers(end, place.receiver, realtime=not stack):
            if stack:
                os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))


def apart(place: Ground, worker: Worker, seconds: float = 2) -> tuple[float, float]:
    """Replies a second, and the worker's ns for each."""
    for end in (place.net.near, place.net.outside):
        end.namespace.call(receive_on_the_spot, end.name)
    target = Target(SERVER[0], kinds.PORT, place.net.near.mac, place.net.outside.mac)
    thread = worker.thread.native_id if worker.thread else None
    assert thread
    with flooding(place.net.near, target, seconds=4 * seconds, cpu=place.sender):
        time.sleep(seconds / 4)
        begun, replied, spent = time.perf_counter(), int(worker.record["replied"][0]), cpu.nanoseconds(thread)
        time.sleep(seconds)
        replied, spent = int(worker.record["replied"][0]) - replied, cpu.nanoseconds(thread) - spent
        return replied / (time.perf_counter() - begun), spent / max(replied, 1)


def receive_on_the_spot(name: str) -> None:
    """No threads for receiving: it is done on the CPU that has sent."""
    fresh_sysfs()
    Path("/sys/class/net", name, "threaded").write_text("0", encoding="ascii")


def nothing() -> int:
    """There is no worker."""
    return 0


def compare(rounds: int, wanted_kinds: list[Kind]) -> None:
    """All of it."""
    with open_ground() as place, tables_for(place) as tables, Datapath(compiled(FRONT), tables) as front:
        bench.know(bench.Front(front), 4, FEW)
        upkeep = Upkeep(tables, [Masters(bench.MASTER)])
        upkeep.write()
        place.put(front.program)
        wanted = Wanted({0: place.net.outside.name}, {bench.STRAIGHT: place.inside.name}, cpus=[place.receiver], sizes=SIZES)
        with place.net.front.call(Engine, tables, wanted) as engine:
            place.net.front.call(engine.begin)
            thread = engine.workers[0].thread
            assert thread and thread.native_id
            ways = {
                "xdp": (front.program, nothing),
                "af_xdp": (engine.steer, lambda: cpu.nanoseconds(thread.native_id or 0)),
            }
            found: dict[tuple[str, str], list[Sample]] = {}
            for number in range(rounds):
                for kind in wanted_kinds:
                    for name in ways if number % 2 else reversed(ways):
                        upkeep.write()
                        program, worker = ways[name]
                        place.put(program)
                        receive_behind(place, name == "af_xdp")
                        place.warm_up(kind)
                        found.setdefault((kind.title, name), []).append(sample_of(place, kind, worker))
            tell(found)
            place.put(engine.steer)
            upkeep.write()
            rate, cost = apart(place, engine.workers[0])
            print(f"apart: {rate:,.0f} SYNs answered a second, {cost:.0f} ns each")
            print({name: int(engine.workers[0].record[name][0]) for name in ("bursts", "received", "ring_full", "sleeps")})


def tell(found: dict[tuple[str, str], list[Sample]]) -> None:
    """A line for each engine and kind of frame."""
    print(f"{'':44} {'kernel ns':>10} {'worker ns':>10} {'together':>9} {'sent':>6} {'overload: in/s':>15} {'sent/s':>9}")
    for (title, name), samples in found.items():
        kernel, worker, part, received, sent = (median(column) for column in zip(*samples, strict=True))
        together = median(sample[0] + sample[1] for sample in samples)
        costs = f"{kernel:10.0f} {worker:10.0f} {together:9.0f}"
        print(f"{title:36} {name:7} {costs} {part:6.1%} {received:15,.0f} {sent:9,.0f}")


if __name__ == "__main__":
    names = sys.argv[2:] or KINDS
    compare(int(sys.argv[1]) if sys.argv[1:] else ROUNDS, [kind for kind in (*ALL, HANDED) if kind.name in names])
