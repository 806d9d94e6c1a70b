"""The three phases, and how each is played."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from signal import SIGTERM

from hardtack.lab.demo.defence import defence
from hardtack.lab.demo.display import Display
from hardtack.lab.demo.honest import PATIENCE, clients
from hardtack.lab.demo.measure import Measured, Phase, read, whole
from hardtack.lab.demo.stage import Stage, own_nice
from hardtack.lab.flood import Flood, flooding
from hardtack.lab.namespaces import LabError
from hardtack.lab.patrol import Patrol

CALM = Phase("calm", "calm")
LINUX = Phase("linux", "flood, Linux default", flooded=True)
HARDTACK = Phase("hardtack", "flood, hardtack", flooded=True)
PHASES = (CALM, LINUX, HARDTACK)

TICK = 0.5  # s between two readings
SETTLE = 1.0  # s of flood before anybody is asked how they like it
PUSH = 10  # steps of niceness
SPARE = 180.0  # s that the flood may last beyond its two phases: starting hardtack, last requests


def play(on: Stage, seconds: float, mpps: float, show: Display) -> tuple[list[Measured], dict[str, int]]:
    """All phases, each `seconds` long; what they brought, and what the front and the agent counted."""
    show.note("calm: no flood, no hardtack")
    measured = [phase(on, CALM, seconds, show)]
    defaults = ", ".join(f"{key} = {value}" for key, value in on.defaults().items())
    show.note(f"the flood begins: {mpps} million SYNs a second; the server has Linux's defaults: {defaults}")
    on.receivers(swamped=True)
    with flood(on, mpps, 2 * (seconds + PATIENCE) + SPARE) as attack:
        measured.append(phase(on, LINUX, seconds, show, attack))
        show.note("the flood goes on, and hardtack is started: hardtack agent on the server, hardtack front on the front")
        with defence(on.net) as defenders:
            measured.append(phase(on, HARDTACK, seconds, show, attack))
    return measured, defenders.counted()


def phase(on: Stage, which: Phase, seconds: float, show: Display, attack: Flood | None = None) -> Measured:
    """One phase, from its clients' first request to the end of their last."""
    pids = on.receivers(swamped=which == LINUX)
    with undisturbed(attack), clients(on) as patrol:
        measured = Measured(which, time.monotonic())
        end = measured.began + seconds
        while patrol.process.returncode is None and (left := end - time.monotonic()) > 0:
            take(measured, on, pids, patrol)
            show.progress(measured, left)
            time.sleep(min(TICK, left))
        patrol.process.send(SIGTERM)
        while patrol.process.returncode is None:
            take(measured, on, pids, patrol)
            show.progress(measured, 0)
            time.sleep(TICK)
        patrol.process.succeed()
        take(measured, on, pids, patrol)
        measured.reports = whole(measured.reports)
    show.ended(measured)
    return measured


def take(measured: Measured, on: Stage, pids: list[int], patrol: Patrol) -> None:
    """See how things are now."""
    measured.readings.append(read(on, pids))
    measured.reports = patrol.reports()


@contextmanager
def flood(on: Stage, mpps: float, seconds: float) -> Iterator[Flood]:
    """The flood, from its CPU; LabError if it was over before the block."""
    with flooding(on.net.near, on.target, seconds=seconds, rate=int(mpps * 1e6), cpu=on.attacker) as attack:
        time.sleep(SETTLE)
        yield attack
        if attack.process.returncode is not None:
            raise LabError("the flood ended before the demo did: " + " / ".join(attack.process.lines[-3:]))


@contextmanager
def undisturbed(attack: Flood | None) -> Iterator[None]:
    """While a phase lasts, no process that happens to be on the attacker's CPU may make holes in the flood.

    Between phases it may: starting hardtack is for the CPU that is not swamped.
    """
    if not attack:
        yield
        return
    os.setpriority(os.PRIO_PROCESS, attack.process.pid, own_nice() - PUSH)  # the kernel stops at -20
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it has ended; that is told elsewhere
            os.setpriority(os.PRIO_PROCESS, attack.process.pid, own_nice())
