"""`hardtack agent`: attach, or take over what is attached; keep the keys; leave it at work."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from hardtack import journal, notify
from hardtack.agent import record
from hardtack.agent.hold import Hold
from hardtack.agent.image import agent_image
from hardtack.agent.locals import Locals
from hardtack.agent.presence import Presence
from hardtack.agent.round_lo import rounds_or_warning
from hardtack.agent.textfile import Textfile
from hardtack.agent.upkeep import Upkeep, Work, hang_bell, hold_signals, until_ended
from hardtack.agent.waiting import Waiting
from hardtack.agent.watch import agents_watch
from hardtack.diagnosis.finding import Finding, Site
from hardtack.diagnosis.telling import tell, warn
from hardtack.image import ONLY, Image
from hardtack.kernel import bpffs, features, interfaces, pins, privileges, tcp
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Place, Standing
from hardtack.kernel.tcp import USUAL_SCALE
from hardtack.keys import read_masters
from hardtack.packet.entries import frames_of, promise_entry
from hardtack.packet.reasons import Reason

LASTING = (("counters",),)  # what a restart goes on with; keys and clock are written anew
# When the agent leaves
TOLD = (
    *(Reason.admitted, Reason.bad_cookie, Reason.not_admitted, Reason.time_wait_ended, Reason.time_wait_kept),
    *(Reason.connection_ended, Reason.connection_kept),
)


def load(folder: Folder, image: Image, shared: Mapping[str, Map] | None = None) -> Standing:
    """The agent's program, nothing attached yet; with the front's keys and clock if they are on one machine."""
    owner = "" if folder.role == "agent" else "agent-"
    return Standing(folder, [image], lasting=LASTING, shared=shared, owner=owner)


def promise(agent: Standing, scale: int) -> None:
    """Tell the program what its fronts tell clients. A cookie of another scale is none: the tag is over it."""
    agent.tables["promise"].update(ONLY, promise_entry(scale))


def place(interface: str) -> Place:
    """Where it is to be."""
    return Place(pins.link_name("agent", interface), "agent", interface, "ingress")


def places(interfaces: Iterable[str]) -> list[Place]:
    """On all of these, and on lo, for what comes in once more there: see `round_lo`."""
    return [place(name) for name in dict.fromkeys(["lo", *interfaces])]


def summary(agent: Standing) -> dict[str, int]:
    """What the agent has done, by the names of its reasons."""
    counted = frames_of(agent.tables["counters"].totals(ONLY))
    return {reason.name: counted[reason] for reason in TOLD}


def run(
    interface: str,
    key_file: Path,
    verbose: bool = False,
    scale: int = USUAL_SCALE,
    old_key_file: Path | None = None,
    textfile: Path | None = None,
    log_format: str = "",
) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises Mistake for what the user can put right.

    Cookies of both keys are taken. `scale`: the window scale that fronts have promised to this host's clients. `textfile`:
    where metrics go, for node_exporter.
    """
    started = time.perf_counter()
    journal.begin(verbose, log_format)
    privileges.prepare()
    bell = hang_bell()
    masters = read_masters(key_file, old_key_file)
    features.require(["agent"])
    interfaces.require_ip(interface)
    metrics = Textfile(textfile, interface) if textfile else None
    tell(Site("agent", interface, scale=scale))
    image = agent_image()
    hold_signals()
    folder = pins.folder("agent", interface)
    with ExitStack() as parts:
        hold = parts.enter_context(Hold("agent", [interface]))
        parts.enter_context(rounds_or_warning(interface))
        agent = parts.enter_context(load(folder, image))
        promise(agent, scale)
        upkeep = Upkeep(agent.tables, [masters])
        upkeep.write()
        here = parts.enter_context(Locals(agent.tables["locals"]))
        here.write()
        waiting = Waiting(agent.tables["waiting"])
        for table, why in agent.dropped.items():
            journal.note("dropped", logging.WARNING, table=table, why=why)
        adopted = agent.takes_over(place(interface))
        agent.attach(places([interface]))
        agent.keep()
        folder.keep(agent.pinned(), agent.links())
        hold.pin(folder)
        record.write(record.place("agent", folder.namespace, interface), [interface])
        lasting = warn_unless_lasting()
        privileges.drop()
        seconds = round(time.perf_counter() - started, 3)
        windows = {"window_scale": scale, "wanted": tcp.own().scale}
        journal.note("ready", interface=interface, adopted=str(adopted).lower(), **windows, seconds=seconds)
        notify.ready(f"admitting clients on {interface}" + (", taken over" if adopted else ""))
        tell_of_programs(agent)
        watch = agents_watch(interface, agent.tables["counters"])
        works: list[Work] = [upkeep, Presence(agent), watch, waiting]
        if metrics:
            works.append(parts.enter_context(metrics.begun(agent.tables["counters"], upkeep)))
        ended = until_ended(bell, works, [here])
        admitted = summary(agent)
    leave(interface, ended.name, f"python3 -P -m hardtack.agent --interface {interface} --detach", admitted, lasting)
    return 0


def tell_of_programs(standing: Standing) -> None:
    """What the verifier had to do, for those who ask."""
    for name, program in standing.programs.items():
        size, loading = program.verified, round(program.seconds, 3)
        journal.note("program", logging.DEBUG, name=name, verifier_instructions=size, load_seconds=loading)


def warn_unless_lasting() -> bool:
    """Whether programs and tables will outlive this process; a warning if not."""
    if lasting := bpffs.lasts(pins.ROOT):
        return lasting
    what = "programs and tables are pinned in a private mount namespace and vanish with this process, as after ip netns exec"
    warn(Finding("not-lasting", what, "start it with nsenter --net=/run/netns/NAME instead"))
    return lasting


def leave(interface: str, signal: str, remedy: str, counts: Mapping[str, int], lasting: bool = True) -> None:
    """The last line: that the programs stay, how to take them off, and what has been counted since they began."""
    if lasting:
        journal.note("left", interface=interface, signal=signal, programs="stay", remove=remedy, **counts)
    else:
        journal.note("left", interface=interface, signal=signal, programs="removed with this mount namespace", **counts)
