"""What the demo shows while it runs: a table that fills in on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hardtack.lab.demo.measure import Measured, Phase
from hardtack.lab.demo.table import table

BETWEEN = 5.0  # s between two plain lines


class Display:
    """Told what happens; shows it."""

    def __init__(self, console: Console, phases: Sequence[Phase], live: Live | None) -> None:
        self.console, self.phases, self.live = console, phases, live
        self.over: list[Measured] = []
        self._next = 0.0

    def note(self, text: str) -> None:
        """A line about what is being done now."""
        if self.live:
            self.live.update(Group(Text(text), table(self.phases, self.over)))
        else:
            self.console.print(text, highlight=False, soft_wrap=True)

    def progress(self, measured: Measured, left: float) -> None:
        """How a phase goes; `left` in s, 0 while its last requests come to their end."""
        text = status(measured, left)
        if self.live:
            self.live.update(Group(text, table(self.phases, [*self.over, measured])))
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + BETWEEN
            self.console.print(text, highlight=False, soft_wrap=True)

    def ended(self, measured: Measured) -> None:
        """A phase is over."""
        self.over.append(measured)
        self._next = 0.0


@contextmanager
def display(console: Console, phases: Sequence[Phase]) -> Iterator[Display]:
    """Live on a terminal; what was shown there gives way to the final table."""
    if console.is_terminal:
        with Live(console=console, transient=True, refresh_per_second=4) as live:
            yield Display(console, phases, live)
    else:
        yield Display(console, phases, None)


def status(measured: Measured, left: float) -> Text:
    """One line: phase, time left, requests, connect time, flood."""
    requests = measured.requests
    parts = [
        f"{left:.0f} s left" if left else "last requests",
        f"{requests.succeeded:,} served",
        f"{requests.failed:,} failed",
    ]
    if requests.succeeded:
        parts.append(f"connect {requests.connect_ms(50):.2f} ms")
    if measured.phase.flooded and measured.seconds:
        parts.append(f"flood {measured.per_second('taken', 'lost') / 1e6:.2f} Mpps")
    return Text.assemble((f"{measured.phase.title}: ", "bold"), " · ".join(parts))
