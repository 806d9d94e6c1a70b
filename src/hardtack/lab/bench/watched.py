"""What it costs frames that a front is watched: its metrics scraped each second and `hardtack top` open, or a capture.

A real front under a flood; how long its program runs, the kernel counts. Being watched and not take turns.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from hardtack.control.pinned import fronts
from hardtack.kernel import links, pins, statistics
from hardtack.kernel.statistics import Runs
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.bench.reload import at_work, host, written
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Target
from hardtack.lab.process import Process, environment, launched
from hardtack.lab.topology import Topology

PORT, RATE = 80, 300_000  # frames a second: as many as arrive in any case
PATIENCE = 10  # s that what is between two slices takes at most
SETTLED = 1.5  # s until `top` has drawn, and looks into samples
METRICS = "127.0.0.1:9790"
SAMPLING = b"6"  # the key of the view of sources, which has frames sampled
SIZE = (24, 80)
ORDER = ("nobody", "metrics", "nobody", "capture")  # of slices in a round


@dataclass(frozen=True)
class Watched:
    """ns a run of the front's program, the median of the rounds; and beside nobody's of the same round, as ratios."""

    nobody: float
    metrics: float
    capture: float
    metrics_ratio: float
    capture_ratio: float


def watched(rounds: int, seconds: float, told: Callable[[str], None]) -> Watched:
    """So many rounds, whose slices take so long, in namespaces of its own."""
    found: dict[str, list[float]] = {"nobody": [], "metrics": [], "capture": []}
    with topology.routed() as net:
        text = written(net, host("one", SERVER)) + f'[metrics]\nprometheus = "{METRICS}"\n'
        with at_work(net, {Path("bench.toml"): text}), statistics.counting():
            target = Target(SERVER[0], PORT, net.near.mac, net.outside.mac)
            ways: dict[str, Callable[[], AbstractContextManager[object]]] = {
                "nobody": nullcontext,
                "metrics": lambda: looked_at(net),
                "capture": lambda: captured(net),
            }
            with flooding(net.near, target, seconds=rounds * len(ORDER) * (seconds + PATIENCE), rate=RATE) as flood:
                for number in range(rounds):
                    for name in ORDER:
                        told(f"watched by {name}, {number + 1} of {rounds}")
                        with ways[name]():
                            found[name].append(cost(net, seconds))
                flood.stop()
    nobody, metrics, capture = found["nobody"], found["metrics"], found["capture"]
    calm = [(one + other) / 2 for one, other in zip(nobody[::2], nobody[1::2], strict=True)]
    return Watched(median(nobody), median(metrics), median(capture), ratio(metrics, calm), ratio(capture, calm))


def ratio(its: list[float], calm: list[float]) -> float:
    """The median of the rounds'."""
    return median(one / other for one, other in zip(its, calm, strict=True))


def cost(net: Topology, seconds: float) -> float:
    """ns a run, over a slice."""
    before = net.front.call(runs)
    time.sleep(seconds)
    done = net.front.call(runs) - before
    return done.nanoseconds / max(done.times, 1)


def runs() -> Runs:
    """Of the front here, on its uplink."""
    (folder,) = fronts(None)
    with links.adopt(folder.link_path(pins.link_name("front", folder.interface))) as link:
        return statistics.runs_of(link.program_id)


@contextmanager
def captured(net: Topology) -> Iterator[None]:
    """`hardtack capture` of one frame in a thousand."""
    command = [sys.executable, "-m", "hardtack", "capture", "--sample", "1/1000", "--write", os.devnull]
    with Process(command, net.front):
        time.sleep(SETTLED)
        yield


@contextmanager
def looked_at(net: Topology) -> Iterator[None]:
    """A scrape each second, and `hardtack top` on a terminal, in the view that has frames sampled."""
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    termios.tcsetwinsize(theirs, SIZE)
    command = launched([sys.executable, "-m", "hardtack", "top"], net.front)
    around = {**environment(), "TERM": "xterm"}
    over = threading.Event()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.STDOUT, env=around) as top:
        os.close(theirs)
        threads = [
            threading.Thread(target=drained, args=(ours,), daemon=True),
            threading.Thread(target=lambda: net.front.call(scraped, over), daemon=True),
        ]
        for thread in threads:
            thread.start()
        time.sleep(SETTLED)
        os.write(ours, SAMPLING)
        time.sleep(SETTLED)
        yield
        over.set()
        top.terminate()
    threads[1].join()
    os.close(ours)


def drained(terminal: int) -> None:
    """Read what is drawn, as a terminal does."""
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # its program has ended
        return


def scraped(over: threading.Event) -> None:
    """As Prometheus does, each second."""
    while not over.wait(1.0):
        with urlopen(f"http://{METRICS}/metrics", timeout=5) as answer:
            answer.read()
