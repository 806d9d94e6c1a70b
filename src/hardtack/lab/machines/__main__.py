"""`python -m hardtack.lab.machines [KERNEL...]`: what `make kernels` runs."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from rich.console import Console

from hardtack.compiler.objects import cache_directory
from hardtack.lab.machines import kernels, record
from hardtack.lab.machines.archive import Archive
from hardtack.lab.machines.record import Seen
from hardtack.lab.machines.run import Workshop, play
from hardtack.lab.machines.scenarios import SCENARIOS
from hardtack.lab.machines.table import table
from hardtack.lab.machines.tools import tools
from hardtack.mistake import Mistake

CACHE = "hardtack-machines"  # beside the cache of compiled programs, which forgets what it does not know
SURPRISED, TROUBLE, INTERRUPTED = 1, 2, 130  # exit statuses


def main() -> int:
    """Exit status 0: all as expected; 1: something is otherwise; 2: nothing could be tried."""
    wants = argparse.ArgumentParser(prog="make kernels", description="Hardtack on Debian's kernels, in virtual machines.")
    wants.add_argument("kernels", nargs="*", help=f"of {' '.join(one.name for one in kernels.KERNELS)}, or all")
    wants.add_argument("--only", metavar="SCENARIO", action="append", choices=SCENARIOS, help="play this one; several times")
    wants.add_argument("--out", type=Path, default=Path("out"), help="where the record and the guests' consoles go")
    args = wants.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, leave)
    try:
        seen = run(console, kernels.chosen(args.kernels), args.only or [*SCENARIOS], args.out)
    except Mistake as mistake:
        console.print(f"kernels: {mistake}", markup=False)
        return TROUBLE
    except KeyboardInterrupt:
        return INTERRUPTED
    console.print(table(seen))
    surprises = [line for one in seen for line in one.surprises()]
    for line in surprises:
        console.print(f"otherwise than expected: {line}", markup=False)
    console.print(f"{len(surprises) or 'nothing'} otherwise than expected; the record is {args.out / 'kernels.json'}")
    return SURPRISED if surprises else 0


def run(console: Console, wanted: Iterable[kernels.Kernel], scenarios: list[str], out: Path) -> list[Seen]:
    """Each kernel in its turn; one guest at a time."""
    out.mkdir(exist_ok=True)
    console.print("kernels: packages for QEMU and the guests")
    cache = cache_directory().with_name(CACHE)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    archive = Archive(cache)
    workshop = Workshop(archive, tools(archive), cache, out)
    every = []
    for kernel in wanted:
        seen = Seen(kernel, date=time.strftime("%Y-%m-%d"))
        began = time.monotonic()
        every.append(seen)
        try:
            for line in play(workshop, seen, scenarios):
                console.print(f"{kernel.name:>7} {time.monotonic() - began:5.0f} s  {line}", markup=False)
        finally:  # also of a run that is cut short
            seen.seconds = round(time.monotonic() - began)
            record.write(out / "kernels.json", every)
    return every


def leave(number: int, _: FrameType | None) -> None:
    """As an exception, so that what is running is ended."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
