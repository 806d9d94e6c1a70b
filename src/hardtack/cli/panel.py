"""What `hardtack status` shows: apart from the command, so that no other command waits for what only this one needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape

from hardtack.cli import attacks
from hardtack.cli.frames import HEADINGS, frames_table, rows
from hardtack.cli.plain import report as report
from hardtack.cli.screen import MANY, clock, in_columns, moment
from hardtack.cli.summary import FEW, Groups, summary, summed
from hardtack.control.handovers.failures import Failure
from hardtack.control.holdings import Connections, ProvenSources
from hardtack.control.readout import Attached, Frames, Handshake, Readout, Reload, RuleFrames, Snapshot
from hardtack.control.workers import WorkerSeen
from hardtack.printable import listed as some
from hardtack.printable import printable

FAILS = {
    "reset": "resets the connections that are handed over to it",
    "silence": "does not answer on connections that are handed over to it",
    "some-reset": "resets most of the connections that are handed over to it",
}
MOST_RULES = 4  # lines, unless all are asked for
HOOKS = {"front": "XDP", "inside": "XDP", "leaving": "tcx egress", "agent": "tcx ingress"}


class Ruled(Protocol):
    """Whatever has rules, as Readout."""

    @property
    def rules(self) -> list[RuleFrames]: ...


def show(console: Console, snapshot: Snapshot, before: Snapshot | None = None, *, every: bool = True) -> None:
    """All of it for people, or what fits on a screen; with an earlier snapshot also frames per second since then."""
    print(moment(snapshot.time))
    for number, one in enumerate(snapshot.attached):
        if number:
            console.print()
        earlier = same(one, before)
        seconds = snapshot.time - before.time if before and earlier else 0.0
        for line in headlines(one, snapshot.time, every=every):
            console.print(line, soft_wrap=True)
        found, was = dict(groups(one)), dict(groups(earlier)) if earlier else {}
        console.print(summed(found, was, seconds), soft_wrap=True)
        if every or len(found) <= FEW:
            detailed(console, found, was, seconds)
        else:
            summary(console, found, was, seconds)
        for line in [*rules(one)][: None if every else MOST_RULES]:
            console.print(line, soft_wrap=True)
        if not every and len(one.rules) >= MOST_RULES:
            console.print(f"{len(one.rules):,} rules; all of them: hardtack status --all")


def detailed(console: Console, found: Groups, was: Groups, seconds: float) -> None:
    """Each host with its reasons."""
    lines = [row for name, frames in found.items() for row in rows(name, frames, was.get(name), seconds)]
    if len(lines) > MANY:
        print("\n".join(in_columns(HEADINGS, [line.cells for line in lines])))
    else:
        console.print(frames_table(lines, console))


def rules(one: Ruled) -> Iterator[str]:
    """Each rule and what it has matched, a line each, under whose they are."""
    owner = None
    for rule in one.rules:
        if rule.host != owner:
            owner = rule.host
            yield f"rules of {escape(owner)}:" if owner else "rules of all hosts:"
        over = f", [yellow]{rule.over:,} beyond the rate[/] ({rule.over_bytes:,} bytes)" if rule.over else ""
        yield f"  {plain(rule.rule)}: {rule.frames:,} frames, {rule.bytes:,} bytes{over}"


def plain(text: str) -> str:
    """Others' words, such as paths: nothing that rich or a terminal takes for an order."""
    return escape(printable(text))


def same(one: Readout, before: Snapshot | None) -> Readout | None:
    """The earlier readout of the same place."""
    for other in before.attached if before else ():
        if (other.role, other.interface) == (one.role, one.interface):
            return other
    return None


def headlines(one: Readout, now: float, *, every: bool = True) -> Iterator[str]:
    """What is not counters, in a line each; without `every` not what is as it should be."""
    modes = {name: f", {mode} mode" for name, mode in one.modes.items() if mode}
    yield f"[bold]{one.role} on {'; '.join(escape(name) + modes.get(name, '') for name in one.interfaces)}[/]"
    yield f"programs: {', '.join(map(program, one.programs)) or '[red]none: nothing is attached[/]'}"
    yield process(one)
    if one.workers:
        yield workers(one.workers, one.process is not None)
    if one.reload:
        yield reload(one.reload)
    yield keys(one, now)
    if one.grace_left is not None and (every or one.grace_left):
        state = f"[yellow]open, {one.grace_left:.0f} s left[/]" if one.grace_left else "over"
        yield f"grace period: {state}"
    if one.connections:
        yield from [*connections(one.connections)][: None if every else 1]
    if one.sources and (every or one.sources.count):
        yield sources(one.sources)
    if one.handshakes:
        yield handshakes(one.handshakes)
    yield from attacks.lines(one.attacks)
    for host, failure in one.failures.items():
        yield hand_over(host, failure)


def program(one: Attached) -> str:
    """Where a program is."""
    if not one.interface:
        return f"[red]{one.program} (its interface is gone)[/]"
    return f"{one.program} ({HOOKS[one.program]} on {escape(one.interface)})"


def process(one: Readout) -> str:
    """Who keeps it going."""
    with_file = f", with {plain(one.configuration)}" if one.configuration else ""
    if one.process is None:
        last = f"; last started {clock(one.started)}{with_file}" if one.started else ""
        return f"process: [yellow]not running, the programs stay in place[/]{last}"
    return f"process: {one.process}, since {clock(one.started)}{with_file}"


def workers(found: list[WorkerSeen], running: bool) -> str:
    """Those of the af_xdp engine, and what they could not get rid of."""
    copies = "zero-copy" if all(one.zero_copy for one in found) else "copy mode"
    pinned = [str(one.cpu) for one in found if one.cpu is not None]
    where = f" on CPUs {', '.join(pinned)}" if pinned else ""
    state = f"{len(found)} workers{where}, {copies}" if running else "[yellow]no worker runs[/]"
    full, refused = sum(one.ring_full for one in found), sum(one.not_passed for one in found)
    lost = (full, "for a full TX ring"), (refused, "by the kernel")
    dropped = "".join(f"; [yellow]{count:,} frames dropped {why}[/]" for count, why in lost if count)
    return f"engine: af_xdp, {state}, {sum(one.received for one in found):,} frames{dropped}"


def reload(told: Reload) -> str:
    """What is at work, and whether the file says another thing."""
    times = {0: "", 1: ", reloaded once"}.get(told.successes, f", reloaded {told.successes:,} times")
    read = f"configuration: loaded at {clock(told.succeeded)}{times}"
    if told.failed is None:
        return read
    why, _, more = (told.why or "").partition("\n")
    rest = ", and more: see hardtack reload --diff" if more else ""
    return f"{read}; [red]not reloaded at {clock(told.failed)}[/]: {plain(why)}{rest}"


def keys(one: Readout, now: float) -> str:
    """How long cookies can be made and checked, and by which keys."""
    return until(one, now) + (f"; {one.old_keys} of {one.key_sets} key sets also accept an old key" if one.old_keys else "")


def until(one: Readout, now: float) -> str:
    """How long keys last."""
    if one.keys_until is None:
        return "keys: [red]none[/]"
    left = one.keys_until - now
    if left <= 0:
        return f"keys: [red]expired at {clock(one.keys_until)}[/]; restart the process"
    if one.process is None:
        return f"keys: [yellow]expire at {clock(one.keys_until)}[/], in {left / 60:.0f} minutes: no process renews them"
    return f"keys: until {clock(one.keys_until)}, renewed by the process"


def connections(held: Connections) -> Iterator[str]:
    """The connection table."""
    part = held.count / held.capacity
    colour = "red" if part >= 1 else "yellow" if part > 0.9 else "green"
    full = "full: the least recently used are evicted" if part >= 1 else f"{part:.1%}"
    yield (
        f"connections: [{colour}]{held.count:,}[/] of {held.capacity:,} ({full}); "
        f"memory {held.memory / 1e6:,.1f} MB, {held.memory_each:.0f} bytes a connection"
    )
    yield f"  by origin: {listed(held.origins)}; by state: {listed(held.states)}"
    if gone := {why: count for why, count in held.evicted.items() if count}:
        yield f"  evicted: {sum(gone.values()):,} ({listed(gone)})"


def sources(held: ProvenSources) -> str:
    """The proven ones."""
    waiting = f", [yellow]{held.waiting:,} blocked[/]" if held.waiting else ""
    full = "full" if held.count >= held.capacity else f"{held.count / held.capacity:.1%}"
    memory = f"memory {held.memory / 1e6:,.1f} MB, {held.memory_each:.0f} bytes a source"
    return f"proven sources: {held.count:,} of {held.capacity:,} ({full}){waiting}; {memory}"


def handshakes(of: dict[str, Handshake]) -> str:
    """What holds for whom: `agent (web, mail); challenge, now as pass (shop)`."""
    owners: dict[Handshake, list[str]] = {}
    for name, one in of.items():
        owners.setdefault(one, []).append(name)
    now = {one: f", now {one.holds}" if one.holds != one.configured else "" for one in owners}
    return "handshake: " + "; ".join(f"{one.configured}{now[one]} ({escape(some(names))})" for one, names in owners.items())


def hand_over(host: str, failure: Failure) -> str:
    """What is wrong with one."""
    now = "; it answers its clients itself until this is fixed" if failure.passing else ""
    told = f"host {plain(host)}: [red]{FAILS[failure.kind]}[/] since {clock(failure.since)}{now}"
    return f"{told}; likely: {plain(failure.cause)}; {plain(failure.remedy)}"


def listed(counts: dict[Any, int]) -> str:
    """`cookie 12, host 1`."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def groups(one: Readout) -> Iterator[tuple[str, Frames]]:
    """Each set of counters and what it is called."""
    yield from one.hosts.items()
    if one.no_host:
        yield "no host", one.no_host
    if one.agent:
        yield "agent", one.agent
