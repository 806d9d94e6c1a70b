"""The upper part of the live view: what is attached, how it stands, traffic by verdict. Pure: lines and their styles."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from hardtack.cli.attacks import WORDS
from hardtack.cli.live.numbers import short, span
from hardtack.cli.live.views import COLOURS, Known
from hardtack.control.attacks.entry import Attack
from hardtack.control.live.history import sparkline
from hardtack.control.live.rates import VERDICTS
from hardtack.control.live.sight import FRAMES, OCTETS, Sight
from hardtack.control.readout import Readout
from hardtack.printable import listed

FEW_KEYS = 600  # s left, from which on keys are a matter of concern
CLOCK_OFF = 1.0  # s
MOST_ATTACKED = 2  # hosts with a line of their own

Line = tuple[str, str]  # text and style
LABELS = {"PASS": "passed", "DROP": "dropped", "REPLY": "replied", "FORWARD": "forwarded"}


def header(known: Known, width: int, interval: float) -> Iterator[Line]:
    """All of it, for a screen so wide."""
    sight = known.picture.sight
    clock = f"{time.strftime('%H:%M:%S', time.localtime(sight.clock))}  every {interval:g} s"
    left = f"hardtack top  {'; '.join(map(where, sight.attached))}"
    yield left[: max(0, width - len(clock) - 2)].ljust(width - len(clock)) + clock, "bold"
    yield "  ".join(standing(sight)), ""
    yield from banners(known)
    yield from traffic(known, width)


def where(one: Readout) -> str:
    """`front eth0 (driver), eth1 (generic)`."""
    names = [f"{name} ({mode})" if (mode := one.modes.get(name)) else name for name in one.interfaces]
    return f"{one.role} {', '.join(names)}"


def standing(sight: Sight) -> Iterator[str]:
    """Processes, keys, grace period, clock."""
    for one in sight.attached:
        since = f", up {span(sight.clock - one.started)}" if one.process and one.started else ""
        of = f" of {one.role} {one.interface}" if len(sight.attached) > 1 else ""
        yield f"process{of} {one.process or 'none'}{since}"
    until = [one.keys_until for one in sight.attached if one.keys_until is not None]
    left = min(until) - sight.clock if until else 0
    yield f"keys {span(left)}" if left > 0 else "keys none" if not until else "keys expired"
    grace = max((one.grace_left or 0 for one in sight.attached), default=0)
    yield f"grace {grace:.0f} s" if grace else "grace over"
    if sight.clock_off is not None:
        yield "clock ok" if abs(sight.clock_off) < CLOCK_OFF else f"clock off by {sight.clock_off:+.0f} s"


def banners(known: Known) -> Iterator[Line]:
    """What somebody should see at once."""
    if known.picture.problem:
        yield known.picture.problem, "bold reverse"
    sight = known.picture.sight
    attacks = [(name, one) for each in sight.attached for name, one in each.attacks.items() if one.since]
    for name, one in attacks[:MOST_ATTACKED]:
        yield f"UNDER ATTACK: {name}, {how(one, sight.clock)}", "bold reverse red"
    if more := [name for name, _ in attacks[MOST_ATTACKED:]]:
        yield f"ALSO UNDER ATTACK: {listed(more)}", "bold reverse red"
    for each in sight.attached:
        for host, failure in each.failures.items():
            yield f"HANDOVER FAILS: {host}: {failure.cause}; {failure.remedy}", "bold reverse yellow"
        if each.process is None:
            last = f": keys valid for {span((each.keys_until or 0) - sight.clock)}" if each.keys_until else ""
            yield f"no process is running for {each.role} {each.interface}; its programs stay in place{last}", "bold yellow"


def how(attack: Attack, clock: float) -> str:
    """Since when, and what shows it."""
    peaks = ", ".join(f"{short(attack.peak[kind])}/s {WORDS[kind]}" for kind in attack.why if kind in attack.peak)
    return f"for {span(clock - (attack.since or clock))}" + (f": peak {peaks}" if peaks else "")


def traffic(known: Known, width: int) -> Iterator[Line]:
    """A line for each verdict: frames and bits per second, and how it went."""
    rates = known.picture.rates
    numbers: Sequence[Sequence[float]] = rates.verdicts.tolist() if rates else [(0.0, 0.0)] * len(VERDICTS)
    for one, speeds in zip(VERDICTS, numbers, strict=True):
        text = f"{LABELS[one.name]:<10}{short(speeds[FRAMES]):>8} frames/s {short(speeds[OCTETS] * 8):>8} bit/s  "
        history = known.histories.verdicts.series(one.name)
        yield text + sparkline(history, max(0, min(width - len(text), 120)), known.blocks), COLOURS[one.name]
