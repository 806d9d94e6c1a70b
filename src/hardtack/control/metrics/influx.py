"""What goes to InfluxDB: read at intervals by one thread, sent by another, so that neither waits for the other.

While the server is away, what was read waits in a bounded buffer, and is sent again at growing intervals.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

from hardtack import journal
from hardtack.control.configuration.schema import Metrics
from hardtack.control.metrics.buffer import Batch, Buffer
from hardtack.control.metrics.lines import batches, of_samples, of_traffic
from hardtack.control.metrics.reading import Reader, parts
from hardtack.control.metrics.samples import Facts, Own, samples
from hardtack.control.metrics.sending import Failed, Refused, Transport
from hardtack.kernel.maps import possible_cpus
from hardtack.mistake import Mistake

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # s after a failure; each is twice the one before
MOST_ROWS = 4096  # hosts times CPUs: with more of them, CPUs are added up


class Influx:
    """Both threads."""

    def __init__(self, metrics: Metrics, transport: Transport, reader: Reader, facts: Callable[[], Facts]) -> None:
        assert metrics.influx
        self._url, self._interval = metrics.influx, metrics.interval
        self._transport, self._buffer = transport, Buffer()
        self._reader, self._facts = reader, facts
        self._sent = self._refused = self._failures = 0
        self._front = socket.gethostname()
        self._told = ""  # the last failure: each is told once

    def start(self) -> None:
        """Both of them."""
        for work in (self._keep_reading, self._keep_sending):
            threading.Thread(target=work, name="influx", daemon=True).start()

    def own(self) -> Own:
        """How it goes."""
        lost = {"buffer_full": self._buffer.lost, "refused": self._refused}
        return Own(time.process_time(), True, self._sent, lost, self._failures, self._buffer.size)

    def _keep_reading(self) -> None:
        due = time.monotonic()
        while True:
            try:
                for points, content in batches(self._lines(), self._transport.most):
                    self._buffer.put(Batch(points, content))
            except (OSError, Mistake) as error:
                journal.note("metrics-not-read", logging.WARNING, why=error)
            due = max(due + self._interval, time.monotonic())  # what was missed is not made up for
            time.sleep(max(0.0, due - time.monotonic()))

    def _lines(self) -> Iterator[str]:
        """Everything, as it is now."""
        seen, facts = self._reader.read(), self._facts()
        common, now = {"front": self._front, "interface": facts.interface}, round(seen.time * 1e9)
        yield from of_samples(samples(seen, facts, self.own()), common, now)
        cpus = len(seen.hosts.names) * possible_cpus() <= MOST_ROWS
        for _, names, tallies in parts(self._reader.tables):
            yield from of_traffic(names, tallies, cpus, common, now)

    def _keep_sending(self) -> None:
        wait = 0.0
        while True:
            batch = self._buffer.first()
            try:
                self._transport.send(batch.content)
            except Refused as refused:
                self._refused += batch.points
                self._buffer.done(batch)
                self._tell("metrics-refused", str(refused))
            except Failed as failed:
                self._failures += 1
                wait = min(max(FIRST_WAIT, 2 * wait), LONGEST_WAIT)
                self._tell("metrics-not-sent", str(failed))
                time.sleep(wait)
            else:
                self._sent += batch.points
                self._buffer.done(batch)
                wait = 0.0
                if self._transport.sure:
                    self._tell("metrics-sent", "")

    def _tell(self, event: str, why: str) -> None:
        """In the journal, if it is news."""
        if why == self._told:
            return
        self._told = why
        facts = {"why": why} if why else {}
        journal.note(event, logging.WARNING if why else logging.INFO, to=self._url, **facts)
