"""`hardtack agent`: attach, keep the keys, detach."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from hardtack import journal
from hardtack.agent.image import agent_image
from hardtack.agent.upkeep import Upkeep, hold_signals, until_ended
from hardtack.kernel import features, interfaces, privileges
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.maps import Map
from hardtack.keys import read_key
from hardtack.packet.reasons import Reason

# When the agent leaves
TOLD = (Reason.admitted, Reason.bad_cookie, Reason.not_admitted, Reason.time_wait_ended, Reason.time_wait_kept)


def attach(interface: str, shared: Mapping[str, Map] | None = None) -> Datapath:
    """The agent's program on `interface`, with the front's keys and clock if they are on one machine."""
    index = interfaces.find(interface).index
    datapath = Datapath(agent_image(), shared)
    try:
        datapath.attach_tcx(index)
    except BaseException:
        datapath.close()
        raise
    return datapath


def summary(datapath: Datapath) -> dict[str, int]:
    """What the agent has done, by the names of its reasons."""
    counted = datapath.counters()
    return {reason.name: counted[reason] for reason in TOLD}


def run(interface: str, key_file: Path, verbose: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises Mistake for what the user can put right."""
    started = time.perf_counter()
    journal.begin(verbose)
    master = read_key(key_file)
    features.require(["agent"])
    interfaces.find(interface)
    hold_signals()
    with attach(interface) as datapath:
        upkeep = Upkeep(datapath.tables, master)
        upkeep.write()
        privileges.drop()
        journal.note("ready", interface=interface, seconds=round(time.perf_counter() - started, 3))
        size, loading = datapath.program.verified, round(datapath.program.seconds, 3)
        journal.note("program", logging.DEBUG, verifier_instructions=size, load_seconds=loading)
        ended = until_ended([upkeep])
        admitted = summary(datapath)
    journal.note("detached", interface=interface, signal=ended.name, **admitted)
    return 0
