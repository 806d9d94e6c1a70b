"""`hardtack front`: configuration into tables, program onto the interface, and upkeep until the end."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack

from hardtack import journal
from hardtack.agent.daemon import attach as attach_agent
from hardtack.agent.daemon import summary
from hardtack.agent.upkeep import Upkeep, hold_signals, until_ended
from hardtack.control.config import Config
from hardtack.control.tables import host_entries, host_updates
from hardtack.engines import xdp
from hardtack.kernel import features, interfaces, privileges
from hardtack.keys import read_key
from hardtack.packet.reasons import Reason


def run(config: Config, verbose: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises Mistake for what the user can put right."""
    started = time.perf_counter()
    journal.begin(verbose)
    local = any(host.via == "local" for host in config.hosts)
    features.require(["front", "agent"] if local else ["front"])
    master = read_key(config.front.key_file)
    interface = interfaces.find(config.front.interface)
    entries = host_entries(config)
    hold_signals()
    with ExitStack() as parts:
        front = parts.enter_context(xdp.open_front())
        for table, key, value in host_updates(entries):
            front.tables[table].update(key, value)
        upkeep = Upkeep(front.tables, master)
        upkeep.write()  # before a frame can ask for a key
        agent = None
        if local:  # before the first cookie goes out, somebody must know what to do with it
            shared = {name: front.tables[name] for name in ("keys", "clock")}
            agent = parts.enter_context(attach_agent(interface.name, shared))
        refused = xdp.attach_front(front, interface.name)
        mode = "generic" if refused else "driver"
        if refused:
            why = "the kernel's generic hook runs the program, not the driver"
            journal.note("slow", logging.WARNING, why=why, driver=refused)
        privileges.drop()
        seconds = round(time.perf_counter() - started, 3)
        hosts, here = len(config.hosts), str(local).lower()
        journal.note("ready", interface=interface.name, mode=mode, hosts=hosts, agent_here=here, seconds=seconds)
        size, loading = front.program.verified, round(front.program.seconds, 3)
        journal.note("program", logging.DEBUG, verifier_instructions=size, load_seconds=loading)
        ended = until_ended([upkeep])
        counted = front.counters()
        admitted = summary(agent) if agent else {}
    counts = {reason.name: counted[reason] for reason in Reason if counted[reason]} | admitted
    journal.note("detached", interface=interface.name, signal=ended.name, **counts)
    return 0
