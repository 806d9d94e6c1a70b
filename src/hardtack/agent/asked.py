"""`python3 -P -m hardtack.agent status` and `doctor`: what to ask where only Python is installed."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from hardtack import __version__
from hardtack.agent import record
from hardtack.agent.hold import living
from hardtack.agent.image import agent_image
from hardtack.agent.record import RecordError
from hardtack.agent.unit import unit_of
from hardtack.diagnosis.before import before
from hardtack.diagnosis.finding import Finding, Site
from hardtack.diagnosis.looks import LOOKS, findings
from hardtack.image import ONLY
from hardtack.kernel import bpf, features, interfaces, pins
from hardtack.kernel.pins import Folder
from hardtack.keys import EPOCH
from hardtack.mistake import Mistake
from hardtack.packet.entries import NEVER, SLOT, frames_of
from hardtack.packet.reasons import Reason

WORDS = ("status", "doctor")
SHORT = 600  # s: keys that run out sooner are worth a warning: a process writes an hour's


class Nothing(Mistake):
    """There is no agent, or it may not be looked at."""

    status = 1


@dataclass(frozen=True)
class State:
    """An agent. `process` 0: none runs, and it goes on until `keys_until`, unix time in s; 0: it has no keys.

    `attached`: its program is where it was put. `front`: it is part of a front, on the same machine.
    """

    interface: str
    front: bool
    attached: bool
    process: int
    unit: str
    started: float | None
    keys_until: int
    frames: dict[str, int]


def asked(words: Sequence[str]) -> int:
    """Answer one of WORDS and its options; the exit status."""
    parser = argparse.ArgumentParser(prog=f"hardtack-agent {words[0]}", description=HELP[words[0]])
    parser.add_argument("-i", "--interface", metavar="IF", help="only this interface; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(words[1:])
    return (status if words[0] == "status" else doctor)(given.interface, given.json)


HELP = {
    "status": "Show the agents of this machine: interface, process, counters by reason, key expiry. Needs root. "
    "Exit status 1: no agent is attached.",
    "doctor": "Check whether this machine can run an agent, what is missing, and what prevents it from working. "
    "Exit status 1: it cannot.",
}


def status(interface: str | None, as_json: bool) -> int:
    """What agents do here. Nothing."""
    found = states(interface)
    if not found:
        where = f"to {interface}" if interface else "in this network namespace"
        raise Nothing(f"no agent is attached {where}; start one: hardtack-agent --interface IF --key /etc/hardtack/key")
    if as_json:
        print(json.dumps({"time": time.time(), "version": __version__, "agents": [asdict(one) for one in found]}))
    else:
        print(*(line for one in found for line in told(one)), sep="\n")
    return 0


def doctor(interface: str | None, as_json: bool) -> int:
    """What this machine can do, and what stands in the way."""
    tried = [one for one in features.probe() if "agent" in one.purposes or one.name in ("bpffs", "clock synchronised")]
    able = features.enough(tried, "agent")
    found = states(interface) if bpf.privileged() else []
    named = [interface] if interface else [one.interface for one in found]
    seen = [*troubles(found), *(one for name in named for one in standing_in_the_way(name))]
    if as_json:
        facts = {"kernel": os.uname().release, "able": able, "features": [asdict(one) for one in tried]}
        print(json.dumps(facts | {"findings": [asdict(one) for one in seen]}))
    else:
        print(*tried, *(f"{one.name}: {one}" for one in seen), sep="\n")
        print("this machine can run an agent" if able else "this machine cannot run an agent")
    return 0 if able and not any(one.fatal for one in seen) else 1


def states(interface: str | None) -> list[State]:
    """Of all agents of this network namespace, those inside fronts included. Nothing, BpfError."""
    if not bpf.privileged():
        raise Nothing(f"only root may read hardtack's tables: {bpf.PRIVILEGES}")
    found = []
    for folder in (*pins.here("agent"), *pins.here("front")):
        names = [name for program, name in map(pins.parted, folder.links()) if program == "agent" and name != "lo"]
        if names and (interface is None or interface in names):
            found.append(state(folder, names))
    return found


def state(folder: Folder, names: Sequence[str]) -> State:
    """Of one. BpfError."""
    place = record.place(folder.role, folder.namespace, folder.interface)
    try:
        process = record.read(place)
    except (RecordError, OSError):
        process = None
    pid = process.pid if process and process.running else living(folder)
    frames, keys = counted(folder)
    return State(
        interface=",".join(names),
        front=folder.role == "front",
        attached=all(is_attached(folder, name) for name in names),
        process=pid,
        unit=unit_of(pid) if pid else "",
        started=process.started if process and process.pid == pid else None,
        keys_until=keys,
        frames=frames,
    )


def is_attached(folder: Folder, name: str) -> bool:
    """Whether the program still is on this interface."""
    try:
        link = folder.living(pins.link_name("agent", name), interfaces.find(name).index, "ingress")
    except Mistake:
        return False
    if link:
        link.close()
    return link is not None


def counted(folder: Folder) -> tuple[dict[str, int], int]:
    """Frames by reason, and until when it has keys: unix time in s. BpfError."""
    own = "" if folder.role == "agent" else "agent-"
    tables = {table.name: table for table in agent_image().tables}
    with ExitStack() as parts:
        counters, keys = folder.open(tables["counters"], own), folder.open(tables["keys"])
        for one in (counters, keys):
            if one:
                parts.enter_context(one)
        total = frames_of(counters.totals(ONLY)) if counters else ()
        entry = (keys.lookup(ONLY) or b"") if keys else b""
    epochs = [epoch for epoch, *_ in SLOT.iter_unpack(entry) if epoch != NEVER]
    named = {reason.name: total[reason] for reason in Reason if reason < len(total) and total[reason]}
    return named, (max(epochs) + 1) * EPOCH if epochs and max(epochs) else 0


def troubles(found: Iterable[State]) -> Iterable[Finding]:
    """What is wrong with agents that are there."""
    for one in found:
        if not one.attached:
            yield Finding("detached", f"{one.interface}: the agent's program is no longer attached", "restart the agent")
        if not one.process and not one.front:
            yield Finding("no-process", f"{one.interface}: no process renews the keys", "restart the agent")
        if one.keys_until - time.time() < SHORT:
            yield Finding("keys-run-out", f"{one.interface}: {left(one)}", "restart the agent")


def standing_in_the_way(interface: str) -> list[Finding]:
    """Of an agent there."""
    try:
        interfaces.require_ip(interface)
    except Mistake as mistake:
        return [Finding("interface", str(mistake), "name another interface, or create this one", fatal=True)]
    return [*findings(Site("agent", interface), (*LOOKS, before))]


def told(one: State) -> Iterable[str]:
    """For people."""
    attached = "attached" if one.attached else "NOT attached"
    process = f"process {one.process}" + (f", {one.unit}" if one.unit else "") if one.process else "no process"
    since = f" since {time.strftime('%Y-%m-%d %H:%M:%S%z', time.localtime(one.started))}" if one.started else ""
    yield f"{one.interface}: {attached}; {'in a front; ' if one.front else ''}{process}{since}; {left(one)}"
    width = max((len(f"{count:,}") for count in one.frames.values()), default=0)
    for name, count in sorted(one.frames.items(), key=lambda item: -item[1]):
        yield f"  {count:>{width},}  {name}: {Reason[name].text}"


def left(one: State) -> str:
    """How long the keys last."""
    seconds = one.keys_until - time.time()
    return f"keys valid for {seconds / 60:.0f} more minutes" if seconds > 0 else "keys expired"
