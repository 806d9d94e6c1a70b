"""The phases, and how each is played."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from signal import SIGTERM

from hardtack.lab.demo.attack import Attack
from hardtack.lab.demo.defence import Defence, Handshake, defence
from hardtack.lab.demo.display import Display
from hardtack.lab.demo.honest import clients
from hardtack.lab.demo.measure import Measured, Phase, read, whole
from hardtack.lab.demo.stage import Stage, own_nice
from hardtack.lab.patrol import Patrol

CALM = Phase("calm", "baseline")
LINUX_SYN = Phase("linux_syn", "SYN flood, Linux default", "syn")
LINUX_ACK = Phase("linux_ack", "ACK flood, Linux default", "ack")
HARDTACK_ACK = Phase("hardtack_ack", "ACK flood, hardtack", "ack", defended=True)
HARDTACK_SYN = Phase("hardtack_syn", "SYN flood, hardtack", "syn", defended=True)
HARDTACK_KNOWN = Phase("hardtack_known", "known flood, hardtack", "known", defended=True)
HARDTACK_FILLER = Phase("hardtack_filler", "filler flood, hardtack", "filler", defended=True)
LINUX, DEFENDED = (LINUX_SYN, LINUX_ACK), (HARDTACK_ACK, HARDTACK_SYN, HARDTACK_KNOWN, HARDTACK_FILLER)
PHASES = (CALM, *LINUX, *DEFENDED)  # hardtack comes while a flood is on, as in real life

TICK = 0.5  # s between two readings
PUSH = 10  # steps of niceness


def play(
    on: Stage, seconds: float, mpps: float, show: Display, handshake: Handshake
) -> tuple[list[Measured], dict[str, int]]:
    """All phases, each `seconds` long; what they brought, and what the front and the agent counted."""
    show.note("baseline: no flood, no hardtack")
    measured: list[Measured] = []
    defenders: Defence | None = None
    with Attack(on, mpps, seconds) as attack, ExitStack() as later:
        for which in PHASES:
            if which.flood and which.flood != attack.kind:
                show.note(f"now {described(which.flood, mpps)}; " + against(on, defenders))
                if not which.defended:
                    on.receivers(swamped=True)
                attack.turn(which.flood)
            if which.defended and not defenders:
                server = "hardtack agent" if handshake == "agent" else "nothing"
                show.note(f"the flood goes on, and hardtack is started: hardtack front on the front, {server} on the server")
                defenders = later.enter_context(defence(on.net, handshake))
            measured.append(phase(on, which, seconds, show, attack))
    return measured, defenders.counted() if defenders else {}


def described(flood: str, mpps: float) -> str:
    """What the attacker sends, in words."""
    if flood == "known":
        return f"a flood on a connection that a real client has opened: {mpps} million segments a second"
    if flood == "filler":
        return f"one network opens connections as fast as it can: {mpps / 2} million handshakes a second"
    return f"{mpps} million {flood.upper()}s a second"


def against(on: Stage, defenders: Defence | None) -> str:
    """What the flood meets."""
    if defenders:
        return "hardtack is running"
    return "the server has Linux's defaults: " + ", ".join(f"{key} = {value}" for key, value in on.defaults().items())


def phase(on: Stage, which: Phase, seconds: float, show: Display, attack: Attack) -> Measured:
    """One phase, from its clients' first request to the end of their last."""
    pids = on.receivers(swamped=which.flooded and not which.defended)
    with undisturbed(attack.pid), clients(on) as patrol:
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
def undisturbed(pid: int) -> Iterator[None]:
    """While a phase lasts, no process that happens to be on the attacker's CPU may make holes in the flood of `pid`.

    Between phases it may: starting hardtack is for the CPU that is not swamped. No flood: 0.
    """
    if not pid:
        yield
        return
    os.setpriority(os.PRIO_PROCESS, pid, own_nice() - PUSH)  # the kernel stops at -20
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it has ended; that is told elsewhere
            os.setpriority(os.PRIO_PROCESS, pid, own_nice())
