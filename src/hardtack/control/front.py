"""`hardtack front`: configuration into tables, program onto the interface, and upkeep until the end."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import ExitStack

import structlog

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
    log = logger(verbose)
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
            log.warning("slow", why="the kernel's generic hook runs the program, not the driver", driver=refused)
        privileges.drop()
        seconds = round(time.perf_counter() - started, 3)
        told = {"interface": interface.name, "mode": mode, "hosts": len(config.hosts), "agent_here": str(local).lower()}
        log.info("ready", **told, seconds=seconds)
        log.debug("program", verifier_instructions=front.program.verified, load_seconds=round(front.program.seconds, 3))
        ended = until_ended([upkeep])
        counted = front.counters()
        admitted = summary(agent) if agent else {}
    counts = {reason.name: counted[reason] for reason in Reason if counted[reason]} | admitted
    log.info("detached", interface=interface.name, signal=ended.name, **counts)
    return 0


def logger(verbose: bool) -> structlog.stdlib.BoundLogger:
    """Lines of key=value on standard error; colours only where a person reads them."""
    level = logging.DEBUG if verbose else logging.INFO
    person = sys.stderr.isatty()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(colors=True)
            if person
            else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
    )
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    return log
