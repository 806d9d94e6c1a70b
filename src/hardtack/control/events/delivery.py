"""Delivers events of the journal, beside it: a thread and a bounded queue for each sink. A front waits for none of them."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from hardtack import journal
from hardtack.control.configuration.events import Events
from hardtack.control.events.sinks import Command, Failure, Sink, Webhook
from hardtack.journal import AGAIN, BURST, plain, time_of
from hardtack.quota import Quota

# What others are told of: a contract, as their names and facts are. See docs/service.md.
TOLD = frozenset(
    {
        *("ready", "left", "reloaded", "not-reloaded", "under-attack", "attack-over", "report"),
        *("clock-step", "interface-gone", "helper-gone", "hand-over-fails", "hand-over-works"),
    }
)
VERSION = 1
ROOM = 100  # events that wait for each sink; of more the oldest is lost
TRIES = 10  # of one event
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # s between tries: twice as long each time
PARTING = 5.0  # s that the last events have when a front ends


class Courier:
    """Brings events to one sink, in their order, in a thread."""

    def __init__(self, sink: Sink, first_pause: float = FIRST_PAUSE) -> None:
        self.sink, self._pause = sink, first_pause
        self._waiting: deque[bytes] = deque(maxlen=ROOM)
        self._news, self._ending = threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self.lost = 0

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def take(self, event: bytes) -> None:
        """Have it delivered. Never waits."""
        with self._news:
            self.lost += len(self._waiting) == ROOM
            self._waiting.append(event)
            self._news.notify()

    def end(self) -> None:
        """What waits is tried once more."""
        self._ending.set()
        with self._news:
            self._news.notify()

    def join(self, seconds: float) -> None:
        """Wait for that so long at most."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while event := self._next():
            if failure := self._delivered(event):
                self.lost += 1
                journal.note("event-lost", logging.WARNING, to=self.sink.name, why=failure.why, lost=self.lost)
        self.sink.close()

    def _next(self) -> bytes | None:
        with self._news:
            while not self._waiting:
                if self._ending.is_set():
                    return None
                self._news.wait()
            return self._waiting.popleft()

    def _delivered(self, event: bytes) -> Failure | None:
        pause = self._pause
        for _ in range(TRIES - 1):
            failure = self.sink.deliver(event)
            if failure is None or not failure.again or self._ending.is_set():
                return failure
            self._ending.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return self.sink.deliver(event)


class Delivery(logging.Handler):
    """Hears the journal from `start` on, and gives what is `TOLD` to each sink, as often as the journal has lines of it."""

    def __init__(self, front: str, first_pause: float = FIRST_PAUSE) -> None:
        super().__init__(logging.INFO)
        self._couriers: list[Courier] = []
        self._quota, self._front, self._pause = Quota(BURST, AGAIN), front, first_pause

    def have(self, sinks: Sequence[Sink]) -> None:
        """Whom to tell, once it starts."""
        self._couriers = [Courier(sink, self._pause) for sink in sinks]

    def start(self) -> None:
        """To be called when this process has given up its rights: the threads and what they run shall have none."""
        for courier in self._couriers:
            courier.start()
        if self._couriers:
            journal.JOURNAL.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """As logging wants it."""
        event = getattr(record, "event", "")
        if event not in TOLD or (suppressed := self._quota.take(event, record.created)) is None:
            return
        told = json.dumps(self._told(record, suppressed)).encode()
        for courier in self._couriers:
            courier.take(told)

    def _told(self, record: logging.LogRecord, suppressed: int) -> dict[str, Any]:
        return {
            "version": VERSION,
            "time": time_of(record),
            "machine": socket.gethostname(),
            "front": self._front,
            "event": getattr(record, "event", ""),
            "level": record.levelname.lower(),
            "facts": plain(getattr(record, "facts", {})),
            "suppressed": suppressed,
        }

    def close(self) -> None:
        """What waits has a moment to be delivered."""
        journal.JOURNAL.removeHandler(self)
        for courier in self._couriers:
            courier.end()
        until = time.monotonic() + PARTING
        for courier in self._couriers:
            courier.join(max(0.0, until - time.monotonic()))
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(RuntimeError):
            self.close()


def sinks_of(events: Events) -> list[Sink]:
    """As the configuration says. TokenFileError."""
    sinks: list[Sink] = []
    if events.webhook:
        sinks.append(Webhook(events.webhook, events.token_file))
    if events.command:
        sinks.append(Command(events.command))
    return sinks
