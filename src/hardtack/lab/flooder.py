"""The flood's own process: `python -m hardtack.lab.flooder ORDER`, the order as JSON. Started by flood.py.

It sends by BPF_PROG_TEST_RUN with live frames: the kernel runs the flood's program as if frames came in by the
interface, and what the program sends goes out of it. Whoever gave the order, this process sees for itself whether the
interface is one of the lab's.
"""

from __future__ import annotations

import errno
import json
import signal
import struct
import sys
import time
from dataclasses import dataclass

from hardtack.image import Image
from hardtack.kernel import maps, programs
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import Program
from hardtack.lab.links import refuse_foreign
from hardtack.mistake import Mistake

SENT = 8  # offset of the program's counter in its record
ROUND = 2.0  # s of sending in one system call: setting one up takes some 20 ms
MARGIN = 0.05  # s that a round may take longer than its frames
MOST_SECONDS = 600  # a forgotten flood ends
MOST_RUNS = 2**31 - 1  # of the program in one call


@dataclass(frozen=True)
class Order:
    """What to send where. `record` and `frame` in hexadecimal; `rate` 0: as many as possible."""

    namespace: str
    interface: str
    image: str
    record: str
    frame: str
    count: int
    rate: int
    seconds: float
    batch: int


class Flood:
    """Sends until the count or the time is up, or a signal comes."""

    def __init__(self, order: Order, index: int, recipe: Map, program: Program) -> None:
        self.order, self.index = order, index
        self.recipe, self.program = recipe, program
        self.frame = bytes.fromhex(order.frame)
        self.stopped = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, lambda _number, _frame: None)  # it only interrupts

    def run(self) -> None:
        """All of it; tells its progress after each round: {"seconds": since the start, "frames": sent}."""
        started = time.monotonic()
        end = started + min(self.order.seconds, MOST_SECONDS)
        while not self.stopped and (left := self.order.count - self.sent()) > 0 and time.monotonic() < end:
            self._send(left, end - time.monotonic())
            print(json.dumps({"seconds": time.monotonic() - started, "frames": self.sent()}), flush=True)

    def sent(self) -> int:
        """Frames that the program has sent."""
        record = self.recipe.lookup(bytes(self.recipe.table.key_size))
        return struct.unpack_from("=Q", record, SENT)[0] if record else 0

    def _send(self, left: int, seconds: float) -> None:
        """One round. A paced program runs far more often than it sends, so only time can end its round."""
        rate = self.order.rate
        length = min(ROUND, seconds, left / rate + MARGIN if rate else ROUND)
        signal.setitimer(signal.ITIMER_REAL, length, 0.05)  # again and again: the first may come before the call
        try:
            self.program.run_live(self.frame, MOST_RUNS if rate else min(left, MOST_RUNS), self.index, self.order.batch)
        except BpfError as error:
            if error.errno != errno.EINTR:
                raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopped = True


def main() -> None:
    """Check, load, say `ready`, flood."""
    order = Order(**json.loads(sys.argv[1]))
    image = Image.loads(order.image)
    try:
        index = refuse_foreign(order.namespace, order.interface)
        with maps.create(image.tables[0]) as recipe, programs.load(image, {image.tables[0].name: recipe}) as program:
            recipe.update(bytes(recipe.table.key_size), bytes.fromhex(order.record))
            flood = Flood(order, index, recipe, program)
            print("ready", flush=True)
            flood.run()
    except (Mistake, BpfError) as error:
        sys.exit(f"flood: {error}")


if __name__ == "__main__":
    main()
