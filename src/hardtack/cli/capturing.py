"""What `hardtack capture` writes and prints: apart from the command, which others do not wait for."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from hardtack import __version__
from hardtack.cli.filtering import Progress
from hardtack.cli.lines import until_nobody_reads
from hardtack.control.capture.pcapng import INBOUND, OUTBOUND, TC, XDP, Pcapng, about
from hardtack.control.capture.request import Request
from hardtack.control.capture.taking import Taken, Taking
from hardtack.control.pinned import Interfaces
from hardtack.mistake import Mistake
from hardtack.pcap.summary import summary

STANDARD = Path("-")
Write = Callable[[Taken], None]


class CannotWrite(Mistake):
    """A file that a capture cannot be written to."""


class File:
    """A pcapng file in the making: an interface block before the first frame of each interface."""

    def __init__(self, output: BinaryIO, request: Request) -> None:
        what = "" if request.every == 1 else f", a random sample of 1/{request.every:,}"
        self._blocks = Pcapng(output, f"hardtack {__version__}", f"captured by hardtack{what}")
        self._request = request
        self._interfaces: dict[tuple[str, str], int] = {}

    def write(self, taken: Taken) -> None:
        """One frame, and what became of it."""
        key = taken.interface, taken.link
        if key not in self._interfaces:
            self._interfaces[key] = self._blocks.interface(*key, self._request.snap, self._request.filter)
        direction, kind = OUTBOUND if taken.outbound else INBOUND, TC if taken.tcx else XDP
        options = about(comment(taken), direction, kind, taken.action)
        self._blocks.packet(self._interfaces[key], taken.when, taken.frame, taken.length, options)

    def flush(self) -> None:
        """Have it read by whoever reads."""
        self._blocks.flush()

    def close(self, taken: int, missed: int) -> None:
        """What was captured, and what was not."""
        for number in self._interfaces.values():
            self._blocks.statistics(number, time.time_ns(), taken + missed, missed)
            break  # of the front as a whole: said once
        self.flush()


def comment(taken: Taken) -> str:
    """`DROP stray_ack, host web, CPU 3: ...`."""
    whose = f", host {taken.host}" if taken.host else ""
    return f"{taken.verdict.name} {taken.reason.name}{whose}, CPU {taken.cpu}: {taken.reason.text}"


def capture(request: Request, interface: Interfaces, write: Path | None, count: int | None, seconds: float | None) -> None:
    """Until so many frames have come, so many seconds have passed, nobody reads any more, or a signal."""
    missed, seen, progress = 0, 0, Progress()
    with ExitStack() as parts:
        taking = parts.enter_context(Taking(request, interface))
        output = parts.enter_context(opened(write)) if write else None
        file = File(output, request) if output else None
        parts.callback(lambda: print(told(seen, missed), file=sys.stderr))
        parts.callback(progress.clear)
        if file:
            parts.callback(lambda: file.close(seen, missed))
        parts.enter_context(until_nobody_reads())
        over = ending(seconds)
        frames = taking.frames()
        for taken in chain(frames, taking.there()):
            if taken is None:
                missed = taking.fate().lost + taking.fate().over
                flush(file)
                progress.tell(f"{seen:,} frames")
                if over():
                    frames.close()
                continue
            (file.write if file else show)(taken)
            seen += 1
            if seen == count:
                return


def ending(seconds: float | None) -> Callable[[], bool]:
    """Whether it is time to end: by the clock, by Ctrl-C, or by SIGTERM. What has come by then is still written."""
    rung, until = list[int](), math.inf if seconds is None else time.monotonic() + seconds
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: rung.append(number))
    return lambda: bool(rung) or time.monotonic() >= until


def flush(file: File | None) -> None:
    """What is there so far is for whoever reads."""
    if file:
        file.flush()
    else:
        sys.stdout.flush()


def opened(path: Path) -> BinaryIO:
    """The file to be written, or standard output. CannotWrite."""
    if path == STANDARD:
        if sys.stdout.isatty():
            raise CannotWrite("-w - writes binary data, not for a terminal; pipe it: hardtack capture -w - | tcpdump -r -")
        return sys.stdout.buffer
    try:
        return path.open("wb")
    except OSError as error:
        raise CannotWrite(f"{path}: cannot write a capture there: {error.strerror}") from error


def show(taken: Taken) -> None:
    """A line for a frame."""
    clock = f"{time.strftime('%H:%M:%S', time.localtime(taken.when // 10**9))}.{taken.when // 1000 % 10**6:06d}"
    whose = f" {taken.host}" if taken.host else ""
    said = summary(taken.frame, taken.length, taken.link)
    print(f"{clock} {taken.interface}{whose} {taken.verdict.name} {taken.reason.name}  {said}")


def told(seen: int, missed: int) -> str:
    """The last line."""
    less = f"; {missed:,} more were lost: capture fewer with --sample, --reason, --host or --filter" if missed else ""
    return f"{seen:,} frames captured{less}"
