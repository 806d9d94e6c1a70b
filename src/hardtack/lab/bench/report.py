"""The run's figures as tables for people."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hardtack.lab.bench.handshakes import Handshakes
from hardtack.lab.bench.in_memory import Memories
from hardtack.lab.bench.kinds import ALL, VERSIONS
from hardtack.lab.bench.reload import Reload
from hardtack.lab.bench.results import Results
from hardtack.lab.bench.rules import Rules
from hardtack.lab.bench.scale import Scale
from hardtack.lab.bench.sizes import Memory
from hardtack.lab.bench.start import Start
from hardtack.lab.bench.watched import Watched

PARTS = {
    "whole": "the whole program",
    "options": "its reading of TCP options",
    "parse": "its parsing",
    "hash": "SipHash-2-4 over a connection",
}


def show(results: Results, console: Console) -> None:
    """Everything."""
    for table in (_costs(results), _forged(results), _steps(results), _alone(results), _sizes(results)):
        console.print(table)
    console.print(_memory(results.memory), _start(results.start), _reload(results.reload), sep="\n", highlight=False)
    for one in results.rules:
        console.print(_rules(one), highlight=False)
    for first in results.handshakes:
        console.print(_handshakes(first), highlight=False)
    for each in results.scale:
        console.print(_scale(each), highlight=False)
    console.print(_watched(results.watched), highlight=False)
    console.print(_in_memory(results.in_memory))
    console.print(_goals(results))
    for line in results.absent:
        console.print(f"not measured: {line}", highlight=False)


def _costs(results: Results) -> Table:
    """What a frame costs."""
    headings = ("median", "quarters", "to mirror", "quiet", "Mpps", "done")
    table = _table("CPU ns a frame on the receiving core", "", *headings)
    for kind in ALL:
        _section(table, kind.title)
        for figure in (figure for figure in results.figures if figure.kind == kind.name):
            table.add_row(
                figure.title,
                f"{figure.median:,.0f}",
                f"{figure.quiet:,.0f}-{figure.upper:,.0f}",
                f"{figure.ratio:.2f}",
                f"{figure.quiet_ratio:.2f}",
                f"{figure.mpps:.2f}",
                "-" if figure.contestant == "drop" else f"{figure.done / max(figure.received, 1):.1%}",
            )
    return table


def _forged(results: Results) -> Table:
    """A forged ACK and what it is measured by."""
    headings = ("median", "XDP drop", "SipHash", "of both", "quiet")
    table = _table("A forged ACK, beside an XDP drop and one SipHash alone, ns", "", *headings)
    for one in results.forged:
        table.add_row(
            one.title, *(f"{ns:.0f}" for ns in (one.cost, one.drop, one.siphash)), f"{one.ratio:.2f}", f"{one.quiet:.2f}"
        )
    return table


def _steps(results: Results) -> Table:
    """Where each nanosecond goes."""
    headings = ("in place", "so far", "median", "alone", "so far")
    table = _table("Where each ns goes: the front's program, step by step", "", *headings)
    for kind in ALL:
        found = [step for step in results.steps if step.kind == kind.name]
        if found:
            _section(table, kind.title)
        for step in found:
            hot = ("-", "-") if step.alone is None else (f"{step.alone:.0f}", f"{step.alone_total:.0f}")
            cold = (step.quiet, step.quiet_total, step.median_total)
            table.add_row(step.title, *(f"{value:.0f}" for value in cold), *hot)
    return table


def _alone(results: Results) -> Table:
    """Programs on single frames."""
    table = _table("ns a frame, program alone (BPF_PROG_TEST_RUN)", "", "ns", "what becomes of it")
    for part, title in PARTS.items():
        _section(table, title)
        for one in (one for one in results.alone if one.part == part):
            table.add_row(one.frame, str(one.nanoseconds), one.fate.replace("_", " "))
    return table


def _sizes(results: Results) -> Table:
    """What the verifier and the compiler make of them."""
    headings = ("instructions", "verified", "load, ms", "compile, s")
    table = _table("The programs that ship", "", *headings)
    for size in results.sizes:
        compiling = "-" if size.compiling is None else f"{size.compiling:.1f}"
        table.add_row(size.program, f"{size.instructions:,}", f"{size.verified:,}", f"{size.loading * 1e3:.0f}", compiling)
    return table


def _memory(memory: Memory) -> str:
    """Of the connection table."""
    return (
        f"a table for {memory.connections:,} connections takes {_size(memory.records + memory.tags)}: "
        f"{memory.each:.1f} bytes for each"
    )


def _start(start: Start) -> str:
    """Until it is ready, and what it then holds."""
    return (
        f"hardtack front is ready in {start.warm:.2f} s ({start.processor:.2f} s of CPU); with an empty object cache in "
        f"{start.cold:.1f} s\nits memory: tables {_size(start.tables)}, programs {_size(start.programs)}, "
        f"process {_size(start.resident)}\n"
    )


def _reload(reload: Reload) -> str:
    """Until a change acts."""
    return (
        f"from saving the file until the change acts, of {reload.times}: a host {reload.host * 1000:.0f} ms, "
        f"an address {reload.address * 1000:.0f} ms, a rule {reload.rule * 1000:.0f} ms, a listed prefix "
        f"{reload.prefix * 1000:.0f} ms; frames lost meanwhile: {reload.lost:,} of {reload.frames:,}\n"
        f"likewise a host beside {reload.many:,} others: {reload.among * 1000:.0f} ms where each has a file of its own, "
        f"{reload.large * 1000:.0f} ms in one file with all\n"
    )


def _rules(rules: Rules) -> str:
    """What they cost."""
    return (
        f"a frame over {VERSIONS[rules.version]}, its host without rules: {rules.without} ns; with {rules.many} rules, of "
        f"which none matches: {rules.ruled} ns, {rules.cost} more"
    )


def _handshakes(one: Handshakes) -> str:
    """A line."""
    return (
        f"a SYN over {VERSIONS[one.version]}: answered with a cookie {one.answered} ns, with a challenge {one.challenged}; "
        f"of a proven source, sent on {one.opened}, with `pass` {one.passed}; a known segment sent on {one.known}, "
        f"any of 1,000,000 {one.any}; {one.bytes:.1f} bytes a source"
    )


def _scale(scale: Scale) -> str:
    """What many of them cost."""
    return (
        f"a frame over {VERSIONS[scale.version]} for one host: {scale.one} ns; for any of {scale.hosts:,}: {scale.many} ns; "
        f"for one, its source looked up among {scale.denied:,} denied prefixes: {scale.listed} ns\n"
        f"of that until the host is known: {scale.found_one} ns, {scale.found_many} of {scale.hosts:,}"
    )


def _watched(seen: Watched) -> str:
    """What it costs to be watched."""
    return (
        f"a run of a front's program under a flood, the kernel's clock included: {seen.nobody:.0f} ns; with metrics scraped "
        f"each second and top open {seen.metrics:.0f} ({seen.metrics_ratio:.3f} of it); with a capture of 1/1000 "
        f"{seen.capture:.0f} ({seen.capture_ratio:.3f})"
    )


def _in_memory(found: Memories) -> Table:
    """What one core does, and what it owes to what."""
    headings = ("bursts of 32", "Mpps", "one by one", "no vectors", "no prefetch", "bytes alone")
    table = _table("In memory, one core: ns a frame", "", *headings)
    for one in found.figures:
        others = [f"{cost:.0f} ({ratio:.2f})" if ratio else "-" for cost, ratio in one.beside]
        table.add_row(one.title, f"{one.burst:.1f}", f"{one.mpps:.1f}", *others, f"{one.touched:.1f}")
    if found.two:
        table.caption = f"in brackets: the burst's cost to that; two workers judge {found.two:.2f} times as many as one"
    return table


def _size(count: int) -> str:
    return f"{count / 1024:,.0f} KiB"


def _goals(results: Results) -> Table:
    """Met or not."""
    table = _table("Goals", "", "at most", "measured", "quiet", "")
    for goal in results.goals:
        quiet = "" if goal.quiet is None else f"{goal.quiet:.3g}"
        met = "[green]met[/green]" if goal.met else "[yellow]not met[/yellow]"
        table.add_row(goal.text, _short(goal.limit), _short(goal.measured), quiet, met)
    return table


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(title: str, first: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _section(table: Table, title: str) -> None:
    table.add_section()
    table.add_row(f"[bold]{title}[/bold]")
