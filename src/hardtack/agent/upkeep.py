"""What a running datapath needs from user space: keys for the hour to come, and what time it is.

Both are written far ahead of need. Without this process a datapath goes on for an hour, by the clock as it was.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Mapping

from hardtack.kernel.maps import Map
from hardtack.keys import epoch_of, schedule
from hardtack.packet.entries import ONLY, clock_entry, keys_entry

ENDINGS = frozenset({signal.SIGTERM, signal.SIGINT})
PERIOD = 1.0  # s between looks at the clock: NTP may step it


class Upkeep:
    """Keeps `keys` and `clock` of a datapath. Slots of epochs still alive are rewritten with what they hold already."""

    def __init__(self, tables: Mapping[str, Map], master: bytes) -> None:
        self._keys, self._clock, self._master = tables["keys"], tables["clock"], master
        self._epoch = -1

    def write(self) -> None:
        """Bring both tables up to date. BpfError if the kernel refuses."""
        now = time.time()
        offset = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self._clock.update(ONLY, clock_entry(offset))
        if epoch_of(now) != self._epoch:
            self._keys.update(ONLY, keys_entry(schedule(self._master, now)))
            self._epoch = epoch_of(now)


def hold_signals() -> None:
    """From here on SIGTERM and SIGINT wait until `until_ended` asks for them, so that no set-up is cut in half.

    Also where they were ignored, as a shell has its background jobs ignore SIGINT: who sends one means it.
    """
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)


def until_ended(upkeeps: Iterable[Upkeep]) -> signal.Signals:
    """Keep the tables until SIGTERM or SIGINT comes; which of them it was."""
    work = tuple(upkeeps)
    while True:
        ended = signal.sigtimedwait(ENDINGS, PERIOD)
        if ended:
            return signal.Signals(ended.si_signo)
        for upkeep in work:
            upkeep.write()
