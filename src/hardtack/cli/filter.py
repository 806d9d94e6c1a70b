"""`hardtack filter`: what an expression becomes, what it costs, and which frames of a capture it matches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def filter(
    expression: Annotated[
        str, typer.Argument(metavar="EXPRESSION", help="A pcap expression, as in tcpdump: pcap-filter(7).")
    ],
    capture: Annotated[
        Path | None, typer.Argument(metavar="CAPTURE", help="A capture file, pcap or pcapng; - reads standard input.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", "-w", metavar="FILE", help="Write the frames that match to this capture file.")
    ] = None,
    ebpf: Annotated[bool, typer.Option("--ebpf", help="Also print the eBPF instructions.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object on each line.")] = False,
) -> None:
    """Show what a rule's EXPRESSION compiles to, its cost per frame, and which frames of CAPTURE it matches.

    Rules of the configuration are such expressions. One without the word `vlan` sees every frame without its VLAN tags; one
    with it sees the frame as it is. Host names are not resolved: write addresses. As root, it is also checked by this
    kernel's verifier and timed there; nothing is attached.

    Exit status as grep's: 0: frames match (or no capture was named); 1: none does; 2: a mistake.

    Example: hardtack filter 'udp and src port 53' dump.pcap -w answers.pcap
    """
    from hardtack.cli.filtering import explain, matches
    from hardtack.cli.lines import until_nobody_reads
    from hardtack.pcap.captures import Capture, CaptureError, same_file
    from hardtack.pcap.libpcap import compile

    if capture is None:
        if write:
            raise typer.BadParameter("--write needs a capture to take frames from")
        with until_nobody_reads():
            explain(compile(expression), None, ebpf, json)
        return
    if write and same_file(write, capture):
        raise CaptureError(f"{write} is the capture file itself: write to another file")
    found = 0
    with Capture(capture) as opened, until_nobody_reads():
        compiled = compile(expression, opened.link)
        found = matches(compiled, opened, write, lambda frames: explain(compiled, frames, ebpf, json), json)
    raise typer.Exit(0 if found else 1)
