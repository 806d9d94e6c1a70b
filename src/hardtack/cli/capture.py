"""`hardtack capture`: frames out of a running front, each with what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import Attached, Host


def reasons(incomplete: str) -> list[str]:
    """Names of reasons, for the shell's completion."""
    from hardtack.packet.reasons import Reason

    return [one.name for one in Reason if one.name.startswith(incomplete)]


def verdicts(incomplete: str) -> list[str]:
    """The same of verdicts."""
    return [one for one in ("pass", "drop", "reply", "forward") if one.startswith(incomplete)]


def capture(
    interface: Attached = None,
    reason: Annotated[
        list[str] | None,
        typer.Option("--reason", "-r", metavar="REASON", help="Only frames with this reason.", autocompletion=reasons),
    ] = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(
            "--verdict",
            metavar="VERDICT",
            help="Only frames with this verdict: pass, drop, reply or forward.",
            autocompletion=verdicts,
        ),
    ] = None,
    host: Host = None,
    filter: Annotated[str, typer.Option(metavar="EXPRESSION", help="A pcap expression, as in pcap-filter(7).")] = "",
    sample: Annotated[str, typer.Option(metavar="1/N", help="A random sample, one frame of N on average.")] = "1/1",
    count: Annotated[int | None, typer.Option("--count", "-c", min=1, metavar="N", help="Stop after N frames.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, metavar="S", help="Stop after this many seconds.")] = None,
    snap: Annotated[int, typer.Option(min=1, max=2048, metavar="BYTES", help="Bytes captured of each frame.")] = 2048,
    rate: Annotated[
        int, typer.Option(min=60, max=10_000_000, metavar="N", help="At most this many frames a second on each CPU.")
    ] = 50_000,
    write: Annotated[
        Path | None, typer.Option("--write", "-w", metavar="FILE", help="Write a pcapng file; - writes to standard output.")
    ] = None,
) -> None:
    """Capture frames of a running front as they came in, each with its verdict and reason.

    Without --write, prints a line for each frame. In a file, verdict and reason are the packet's comment, which Wireshark
    shows and finds (frame.comment). The filters add up; --reason and --verdict may be given several times. They are applied
    in the kernel. The capture ends with this command, however it ends. While it runs, the front does
    more work per frame: with --sample 1/1000 hardly any, without it some 100 ns. Needs root, but no running process.

    Exit status 1: no front is attached in this network namespace; 2: a mistake.

    Example: hardtack capture --verdict drop --sample 1/100 --seconds 10 -w drops.pcapng
    """
    from hardtack.cli import capturing
    from hardtack.control.capture.request import Request, every_of, reasons_of

    chosen = reasons_of(reason or [], verdict or [])
    request = Request(chosen, host, filter, every_of(sample), snap, rate)
    for kind in ("xdp", "tcx") if filter else ():
        request.expression(kind)  # a mistake is told before anything is done
    capturing.capture(request, interface, write, count, seconds)
