"""What a running datapath needs from user space: keys for the hour to come, and what time it is.

Both are written far ahead of need. Without this process a datapath goes on for an hour, by the clock as it was.
"""

from __future__ import annotations

import logging
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from hardtack import journal, notify
from hardtack.kernel.maps import Map
from hardtack.keys import AHEAD, EPOCH, Masters, epoch_of, schedule
from hardtack.packet.entries import ONLY, clock_entry, keys_entry

ENDINGS = frozenset({signal.SIGTERM, signal.SIGINT})
PERIOD = 1.0  # s between looks at the clock: NTP may step it
STEP = 500_000_000  # ns between two looks that are worth a line: NTP slews by half a millisecond in a second


class Work(Protocol):
    """Something to be done every second or so."""

    def write(self) -> None:
        """Bring it up to date."""


class Listener(Work, Protocol):
    """The same, and something to be done as soon as there is news."""

    def fileno(self) -> int:
        """Readable when there is news."""

    def follow(self) -> None:
        """Act on it."""


class Upkeep:
    """Keeps `keys` and `clock` of a datapath. Slots of epochs still alive are rewritten with what they hold already.

    `masters`: those of each set of `keys`, in this order; None, and those behind the last: a set that nobody has. A set is
    not written in one stroke, and a frame may find it half written: to give a host other keys, give it another set.
    """

    def __init__(self, tables: Mapping[str, Map], masters: Sequence[Masters | None]) -> None:
        self._keys, self._clock = tables["keys"], tables["clock"]
        self._masters = self._all(masters)
        self._epoch, self._offset = -1, 0
        self._stale = {number for number, one in enumerate(self._masters) if one is None}  # yet to be told so

    def write(self) -> None:
        """Bring both tables up to date. BpfError if the kernel refuses."""
        now = time.time()
        offset = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self._clock.update(ONLY, clock_entry(offset))
        if self._offset and abs(step := offset - self._offset) >= STEP:
            why = "clock set by hand or NTP, or the machine was suspended"
            journal.note("clock-step", logging.WARNING, seconds=round(step / 1e9, 3), why=why)
        self._offset = offset
        if epoch_of(now) != self._epoch:
            for number, masters in enumerate(self._masters):
                if masters:
                    self._write(number, masters, now)
            self._epoch = epoch_of(now)
        for number in self._stale:
            self._write(number, None, now)
        self._stale.clear()

    @property
    def until(self) -> float | None:
        """When the keys that have been written run out, unix time in s; None: there are none."""
        known = self._epoch >= 0 and any(self._masters)
        return float((self._epoch + AHEAD + 1) * EPOCH) if known else None

    def change(self, masters: Sequence[Masters | None]) -> None:
        """Have these from now on. BpfError. What nobody has any more stays until the next `write`: somebody still may."""
        before, self._masters = self._masters, self._all(masters)
        for number, (was, will) in enumerate(zip(before, self._masters, strict=True)):
            if was != will and will:
                self._write(number, will, time.time())
            elif was != will:
                self._stale.add(number)
        self._stale -= {number for number, one in enumerate(self._masters) if one}

    def _all(self, masters: Sequence[Masters | None]) -> list[Masters | None]:
        room = self._keys.table.entries
        if len(masters) > room:
            raise ValueError(f"{len(masters)} key sets; the limit of the table is {room}")
        return [*masters, *[None] * (room - len(masters))]

    def _write(self, number: int, masters: Masters | None, now: float) -> None:
        new = schedule(masters.new, now) if masters else ()
        old = schedule(masters.old, now) if masters and masters.old else ()
        self._keys.update(number.to_bytes(4, "little"), keys_entry(new, old))


def hang_bell() -> socket.socket:
    """From here on SIGHUP, of which a process would die without a word, rings a bell for `until_ended` to hear."""
    bell, wire = socket.socketpair()
    wire.setblocking(False)
    signal.set_wakeup_fd(wire.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGHUP, lambda *_: None)
    return bell


def hold_signals() -> None:
    """From here on SIGTERM and SIGINT ring it too, so that no set-up is cut in half.

    Also where they were ignored, as a shell has its background jobs ignore SIGINT: who sends one means it. Blocking them
    would not do: whatever threads libraries have do not, and die of it with the whole process.
    """
    for ending in ENDINGS:
        signal.signal(ending, lambda *_: None)


def until_ended(
    bell: socket.socket,
    works: Iterable[Work],
    listeners: Iterable[Listener] = (),
    reload: Callable[[], None] | None = None,
) -> signal.Signals:
    """Do all of the work until SIGTERM or SIGINT comes, or has come since `hold_signals`; which of them it was.

    SIGHUP, by which daemons are told to read their configuration again, is for `reload`; without, the journal answers it.
    """
    listening = {listener.fileno(): listener for listener in listeners}
    return served_until_rung(bell, (*works, *listening.values()), listening, reload or say_no)


def say_no() -> None:
    """That a reload is nothing that this process knows."""
    notify.reloading()
    journal.note("not-reloaded", signal="SIGHUP", why="an agent has no configuration file: restart it to change its options")
    notify.ready("nothing to reload: restart the agent to change its options")


def served_until_rung(
    bell: socket.socket, works: Sequence[Work], listening: Mapping[int, Listener], reload: Callable[[], None]
) -> signal.Signals:
    """The loop: each work once in a PERIOD, each listener as soon as its descriptor is readable."""
    waiting = select.poll()
    for fd in (bell.fileno(), *listening):
        waiting.register(fd, select.POLLIN)
    due = time.monotonic() + PERIOD
    while True:
        ready = {fd for fd, _ in waiting.poll(max(0.0, due - time.monotonic()) * 1000)}
        if bell.fileno() in ready:
            rung = signal.Signals(bell.recv(1)[0])
            if rung in ENDINGS:
                notify.stopping()
                return rung
            reload()
        for fd in ready & listening.keys():
            listening[fd].follow()
        if time.monotonic() >= due:
            due = time.monotonic() + PERIOD
            for work in works:
                work.write()
            notify.alive()
