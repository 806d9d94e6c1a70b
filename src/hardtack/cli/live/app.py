"""The live view on a terminal: reads when it is time, shows a page, takes keys."""

from __future__ import annotations

import asyncio
import copy
import signal
import time
from dataclasses import dataclass, field

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widget import Widget

from hardtack.cli.live.keys import Chosen, pressed
from hardtack.cli.live.page import page
from hardtack.cli.live.views import Known, table_of
from hardtack.control.hitters.sample import Sampler
from hardtack.control.hitters.tally import Hitters, thinned
from hardtack.control.live.watch import Picture, Watch
from hardtack.kernel.bpf import BpfError
from hardtack.mistake import Mistake

FIRST = 0.2  # s until the second reading, so that there are rates soon
MOST_SAMPLES = 4096  # looked at in a step: a tenth of a second
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


Loaded = frozenset[tuple[str | int, ...]]  # of each front the interface, and the kernel's numbers of its programs


@dataclass
class Screenful:
    """What the page is drawn from."""

    known: Known | None = None
    chosen: Chosen = field(default_factory=Chosen)


class Page(Widget):
    """The whole screen."""

    DEFAULT_CSS = "Page { width: 100%; height: 100%; }"

    def __init__(self, shown: Screenful, interval: float) -> None:
        super().__init__()
        self._shown, self._interval = shown, interval

    def render(self) -> Text:
        """Every line as wide as the screen."""
        size = (self.size.width, self.size.height)
        lines = page(self._shown.known, self._shown.chosen, size, self._interval)
        text = Text(no_wrap=True, end="")
        for number, (line, style) in enumerate(lines):
            text.append("\n" if number else "").append(line, style)
        return text


class Top(App[int]):
    """`hardtack top`. `sampler` is switched on while the view that needs it is shown, and off whenever it is not."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [  # noqa: RUF012 - textual's own, which it reads once
        Binding("ctrl+c", "leave", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(self, watch: Watch, interval: float, blocks: str, sampler: Sampler | None = None) -> None:
        super().__init__(ansi_color=True)
        self._watch, self._interval, self._blocks, self._sampler = watch, interval, blocks, sampler
        self._shown = Screenful()
        self._hitters: Hitters | None = None
        self._picture: Picture | None = None
        self._sampled: Loaded = frozenset()
        self._why_not = ""

    def compose(self) -> ComposeResult:
        """One widget."""
        yield Page(self._shown, self._interval)

    def on_mount(self) -> None:
        """Begin."""
        for number in ENDS:
            asyncio.get_running_loop().add_signal_handler(number, self.action_leave)
        self._step()
        self.set_timer(FIRST, self._step)
        self.set_interval(self._interval, self._step)

    def on_unmount(self) -> None:
        """Leave nothing switched on."""
        self._stop_sampling()

    def action_leave(self) -> None:
        """Quit; the terminal is put back as it was."""
        self.exit(0)

    def on_key(self, event: events.Key) -> None:
        """Every key comes here."""
        event.stop()
        known, before = self._shown.known, self._shown.chosen
        table = table_of(before.view, known) if known else None
        self._shown.chosen = pressed(event.key, event.character, before, table)
        if self._shown.chosen.ended:
            self.action_leave()
        elif before.paused and not self._shown.chosen.paused:
            self._step()
        elif self._shown.chosen.view != before.view:
            self._sample()
        self._redraw()

    def _step(self) -> None:
        """Read, and show it unless paused."""
        picture = self._picture = self._watch.step()
        self._sample()
        if picture is None or self._shown.chosen.paused:
            return
        histories = copy.deepcopy(self._watch.histories)
        self._shown.known = Known(picture, histories, self._blocks, self._hitters, self._why_not, self._watch.number)
        self._redraw()

    def _redraw(self) -> None:
        self.query_one(Page).refresh()

    def _sample(self) -> None:
        """Sampling costs something in the packet program, so it goes on only while somebody looks at what comes of it."""
        if self._sampler is None:
            return
        now, loaded = time.monotonic(), self._loaded()
        if self._shown.chosen.view != "sources" or not loaded:
            self._stop_sampling()
            return
        try:
            if self._hitters is None or loaded != self._sampled:
                self._stop_sampling()
                self._sampler.start()
                self._hitters, self._sampled = Hitters(now), loaded
            if not self._shown.chosen.paused:
                self._hitters.take(thinned(self._sampler.samples(), MOST_SAMPLES), now)
        except (Mistake, BpfError, OSError) as error:  # also where the front goes away just now: then the next step tells
            self._stop_sampling()
            self._why_not = str(error)

    def _loaded(self) -> Loaded:
        """The fronts and their programs: others want to be sampled anew. Empty while no front is there."""
        picture = self._picture
        if picture is None or picture.problem:
            return frozenset()
        found = (one for one in picture.sight.attached if one.role == "front")
        return frozenset((one.interface, *(program.id for program in one.programs)) for one in found)

    def _stop_sampling(self) -> None:
        if self._sampler is not None and self._hitters is not None:
            self._sampler.stop()
        self._hitters, self._why_not = None, ""
