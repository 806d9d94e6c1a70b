"""What waits to be sent: so many bytes at most, then the oldest goes."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

MOST = 16 << 20  # bytes


class Batch(NamedTuple):
    """Lines that are sent together."""

    points: int
    content: bytes


@dataclass
class Buffer:
    """Of batches. `lost`: points that have gone unsent, because there were too many."""

    most: int = MOST
    lost: int = 0
    size: int = 0
    _batches: deque[Batch] = field(default_factory=deque)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def put(self, batch: Batch) -> None:
        """Behind the others."""
        with self._news:
            self._batches.append(batch)
            self.size += len(batch.content)
            while self.size > self.most:
                self.lost += self._take().points
            self._news.notify()

    def first(self) -> Batch:
        """The oldest, which stays; waits for one."""
        with self._news:
            self._news.wait_for(lambda: self._batches)
            return self._batches[0]

    def done(self, batch: Batch) -> None:
        """It has been sent, or never will be; it may have gone by itself meanwhile."""
        with self._news:
            if self._batches and self._batches[0] is batch:
                self._take()

    def _take(self) -> Batch:
        batch = self._batches.popleft()
        self.size -= len(batch.content)
        return batch
