"""What `hardtack replay` does and prints."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from hardtack.captures.damage import STANDARD, NotACapture
from hardtack.cli.explaining import keys_for
from hardtack.cli.filtering import Progress
from hardtack.cli.lines import until_nobody_reads
from hardtack.cli.panel import detailed, rules
from hardtack.cli.plain import FRONTS, fill
from hardtack.cli.screen import moment, screen
from hardtack.cli.summary import summed
from hardtack.cli.watched import told, watched_lines
from hardtack.control.configuration.reading import loaded
from hardtack.control.plan import Plan
from hardtack.control.readout import tally
from hardtack.control.replaying.engine import Replay, Wanted
from hardtack.control.replaying.output import Output
from hardtack.control.replaying.results import Result
from hardtack.pcap.captures import same_file
from hardtack.printable import printable

BAR = 30  # columns
SHORTEST = 1.0  # s of traffic of which rates are told
NS = 10**9
UNREAD = "no key file can be read: cookies are made and checked with a random key, so none from the capture is valid"


@dataclass(frozen=True)
class Asked:
    """What is on the command line."""

    config: Path
    capture: Path
    out: Path | None
    inside: Path | None
    explain: int
    grace: bool
    json: bool


class NoSuchFrame(NotACapture):
    """The capture has fewer frames, or it could not be judged."""


def replay(asked: Asked) -> int:
    """Replay and print: the exit status. ConfigError, NotACapture, OutputError."""
    captures = [asked.capture, *([asked.inside] if asked.inside else [])]
    refuse(asked, captures)
    settings = loaded(asked.config)
    masters, unread = keys_for(settings)
    if unread:
        print(f"hardtack: {UNREAD}", file=sys.stderr)
    engine = Replay(settings, masters, Wanted(asked.grace, asked.explain))
    progress = Progress()
    with ExitStack() as parts:
        parts.callback(progress.clear)
        comment = f"hardtack replay {printable(str(asked.config))} {printable(str(asked.capture))}"
        output = parts.enter_context(Output(asked.out, comment)) if asked.out else None
        begun = time.monotonic()
        size = sum(path.stat().st_size for path in captures if path.is_file())
        result = engine.run(captures, output, lambda done, frames: progress.tell(bar(done, size, frames, begun)))
    for line in warnings(result):
        print(f"hardtack: {line}", file=sys.stderr)
    with until_nobody_reads():
        show(result, engine.filled.plan, asked.json)
    if result.interrupted:
        raise KeyboardInterrupt
    if result.damage:
        print(f"hardtack: {result.damage}", file=sys.stderr)
        return result.damage.status
    if asked.explain and not result.explained:
        there = result.captures[0].frames
        why = f"it has {there:,}" if asked.explain > there else "that one was skipped, for its link type"
        raise NoSuchFrame(f"capture {printable(str(asked.capture))}: no frame {asked.explain:,}: {why}")
    return 0


def refuse(asked: Asked, captures: list[Path]) -> None:
    """NotACapture: what would destroy a file, or cannot be."""
    if asked.out == STANDARD:
        raise NotACapture("-o needs a file: standard output is for the result")
    if captures.count(STANDARD) > 1:
        raise NotACapture("only one capture can be read from standard input: write the other's name")
    for path in (*captures, asked.config):
        if asked.out and same_file(asked.out, path):
            raise NotACapture(f"{printable(str(asked.out))} is read in this replay: write to another file")


def bar(done: int, size: int, frames: int, begun: float) -> str:
    """How far it is, as one line; of a pipe nobody knows."""
    passed = max(time.monotonic() - begun, 0.001)
    told = f"{frames:,} frames, {frames / passed:,.0f} a second"
    if not size:
        return told
    part = min(done / size, 1.0)
    left = f", {passed / part - passed:.0f} s left" if part else ""
    return f"[{'#' * int(BAR * part):<{BAR}}] {part:4.0%}  {told}{left}"


def warnings(result: Result) -> Iterator[str]:
    """What a reader of the figures must know."""
    for one in result.captures:
        if one.snapped:
            yield (
                f"capture {printable(one.path)}: {one.snapped:,} of {one.frames:,} frames were captured in part; "
                "they are judged by what there is"
            )
        for link, frames in one.links.items():
            yield f"capture {printable(one.path)}: {frames:,} frames are skipped: their link type, {link}, is not supported"
    if result.clock.late:
        yield (
            f"{result.clock.late:,} frames are older than one before them, by up to {result.clock.latest / NS:,.6f} s; "
            "the clock does not go back for them"
        )


def show(result: Result, plan: Plan, as_json: bool) -> None:
    """All of it."""
    if as_json:
        print(json.dumps(report(result, plan), indent=2))
        return
    console = screen()
    if result.explained:
        for line in watched_lines(result.explained, plan):
            console.print(line, markup=False, soft_wrap=True)
        console.print()
    page(console, result)


def page(console: Console, result: Result) -> None:
    """For people."""
    found = {name: one for name, one in result.hosts.items() if one.reasons} | {"no host": result.no_host}
    for line in headlines(result):
        console.print(line, markup=False, soft_wrap=True)
    seconds, before = rated(result), dict.fromkeys(found, tally([]))
    console.print(summed(found, before, seconds), soft_wrap=True)
    detailed(console, found, before, seconds)
    for line in rules(result):
        console.print(line, soft_wrap=True)


def rated(result: Result) -> float:
    """Seconds of captured traffic, for rates; 0 if that is too short for any."""
    seconds = (result.clock.last - result.clock.first) / NS
    return seconds if seconds >= SHORTEST else 0.0


def headlines(result: Result) -> Iterator[str]:
    """What, of when, and how fast."""
    rate = f", {result.frames / result.elapsed:,.0f} frames a second" if result.elapsed >= 0.1 else ""
    yield f"{result.frames:,} frames in {result.elapsed:.1f} s{rate}"
    if result.frames:
        first, last = result.clock.first / NS, result.clock.last / NS
        yield f"captured from {moment(first)} to {moment(last)}, {last - first:,.3f} s"
    if result.sent:
        yield f"{result.sent:,} frames written that would have been sent"


def report(result: Result, plan: Plan) -> dict[str, Any]:
    """The same as plain data; its keys are a contract. Every reason is there, also those of which there was no frame."""
    hosts, nobody = {name: asdict(one) for name, one in result.hosts.items()}, asdict(result.no_host)
    for one in (*hosts.values(), nobody):
        fill(one, FRONTS)
    return {
        "frames": result.frames,
        "sent": result.sent,
        "first": result.clock.first / NS,
        "last": result.clock.last / NS,
        "late": result.clock.late,
        "elapsed_seconds": round(result.elapsed, 6),
        "captures": [asdict(one) for one in result.captures],
        "hosts": hosts,
        "no_host": nobody,
        "rules": [asdict(one) for one in result.rules],
        "explained": told(result.explained, plan) if result.explained else None,
        "damage": damage(result),
        "interrupted": result.interrupted,
    }


def damage(result: Result) -> dict[str, Any] | None:
    """Where a capture could not be read any further, and why."""
    found = result.damage
    if found is None:
        return None
    return {"path": str(found.path), "offset": found.offset, "frames": found.frames, "what": found.what}
