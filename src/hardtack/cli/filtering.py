"""What `hardtack filter` prints."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hardtack.kernel.bpf import BpfError, privileged
from hardtack.kernel.programs import VerifierRefusal
from hardtack.pcap import cost
from hardtack.pcap.captures import Capture, CaptureError, Output, Packet
from hardtack.pcap.libpcap import Expression, listing
from hardtack.pcap.native import Batch, Matcher
from hardtack.pcap.programs import assembly, matcher
from hardtack.pcap.summary import summary

BATCH = 1024  # packets that are looked at together
TIMED = 256  # frames that an expression is timed on
PATIENCE = 2.0  # s until progress is told, and then between two reports
SEEN = {
    "untagged frame": "the frame without its VLAN tags, two at most",
    "frame": "the frame with its VLAN tags: the expression has the word `vlan`",
    "packet": "the packet, which begins with its IP header",
}

Row = dict[str, Any]


def explain(expression: Expression, frames: Sequence[bytes] | None, ebpf: bool, as_json: bool) -> None:
    """Print what it becomes, and what that costs; on `frames`, or on frames of our own."""
    facts = program_facts(expression, frames or cost.samples(expression.link))
    facts["timed_on"] = "capture" if frames else "samples"
    listed = assembly([expression]) if ebpf else []
    if as_json:
        print(json.dumps({**facts, **({"ebpf": listed} if ebpf else {})}))
        return
    print("\n".join([*told(facts), *listed]))


def program_facts(expression: Expression, frames: Sequence[bytes]) -> Row:
    """The same as a record. `verifier` counts the instructions that it walked; what only root is told is None for others."""
    image = matcher([expression], "xdp" if expression.link == "ethernet" else "tcx")
    facts: Row = {
        "expression": expression.text,
        "sees": "packet" if expression.link == "ip" else "frame" if expression.sees_tags else "untagged frame",
        "classic": listing(expression.code),
        "ebpf_instructions": len(image.instructions) // 8,
        "native_ns": round(cost.native(expression, frames), 2),
        "frames_timed": len(frames),
        **dict.fromkeys(("verifier_instructions", "kernel_ns", "kernel_says")),
    }
    if not privileged():
        return facts
    try:
        with cost.loaded(expression) as program:
            facts["verifier_instructions"] = program.verified
            facts["kernel_ns"] = round(cost.in_kernel(program, frames), 1)
    except (BpfError, VerifierRefusal) as refusal:
        facts["kernel_says"] = str(refusal)
    return facts


def told(facts: Row) -> Iterator[str]:
    """The record for people."""
    yield facts["expression"] or "(an empty expression, which matches every frame)"
    yield f"  sees     {SEEN[facts['sees']]}"
    walked = f", {facts['verifier_instructions']:,} walked by the verifier" if facts["verifier_instructions"] else ""
    yield f"  eBPF     {facts['ebpf_instructions']:,} instructions, alone in a program{walked}"
    where = f"{facts['frames_timed']} frames of {'the capture' if facts['timed_on'] == 'capture' else 'usual kinds'}"
    kernel = "not measured in the kernel (needs root)"
    if facts["kernel_says"]:
        kernel = f"the kernel refused it: {facts['kernel_says']}"
    elif facts["kernel_ns"] is not None:
        kernel = f"{facts['kernel_ns']} ns in the kernel"
    beside = "compared to a program that does nothing"
    yield f"  costs    {facts['native_ns']} ns a frame in native code, {kernel}; {beside}, on {where}"
    yield f"  classic  {len(facts['classic'])} instructions"
    yield from facts["classic"]


def matches(
    expression: Expression, capture: Capture, write: Path | None, begin: Callable[[Sequence[bytes]], None], as_json: bool
) -> int:
    """Print every frame that matches, and count them. `begin` is given the first frames, for a start. CaptureError."""
    matcher, progress = Matcher([expression]), Progress()
    seen = found = 0
    with ExitStack() as parts:
        parts.callback(lambda: print(f"{found:,} of {seen:,} frames match", file=sys.stderr))
        parts.callback(progress.clear)
        output = parts.enter_context(Output(write, capture.link)) if write else None
        for batch in batches(capture.packets()):
            if not seen:
                begin([packet.frame for packet in batch[:TIMED]])
            answers = Batch([packet.frame for packet in batch], [packet.length for packet in batch]).run(matcher)
            matching = [(seen + at, packet) for at, packet in enumerate(batch, 1) if answers[at - 1]]
            seen, found = seen + len(batch), found + len(matching)
            progress.clear()
            for number, packet in matching:
                print(line(number, packet, capture, as_json))
            if output:
                put(output, [packet for _, packet in matching])
            progress.tell(f"{seen:,} frames, {found:,} match")
        if not seen:
            begin([])
    return found


def batches(packets: Iterator[Packet]) -> Iterator[list[Packet]]:
    """Some at a time; also those before the place where a capture is damaged, as where its end was never written."""
    batch: list[Packet] = []
    try:
        for packet in packets:
            batch.append(packet)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except CaptureError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def put(output: Output, packets: list[Packet]) -> None:
    """Write these, and see that they are written."""
    for packet in packets:
        output.write(packet)
    output.flush()


def line(number: int, packet: Packet, capture: Capture, as_json: bool) -> str:
    """One frame."""
    text = summary(packet.frame, packet.length, capture.link)
    if as_json:
        at = round(packet.seconds + packet.nanoseconds / 1e9, 6)
        return json.dumps({"frame": number, "time": at, "length": packet.length, "summary": text})
    clock = time.strftime("%H:%M:%S", time.localtime(packet.seconds))
    return f"{number:>7}  {clock}.{packet.nanoseconds // 1000:06d}  {text}"


class Progress:
    """A line on standard error, if that is a terminal, while something takes long."""

    def __init__(self) -> None:
        self._last, self._shown, self._wanted = time.monotonic(), False, sys.stderr.isatty()

    def tell(self, text: str) -> None:
        """Show it, unless something was shown just now."""
        if self._wanted and time.monotonic() - self._last > PATIENCE:
            print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)
            self._last, self._shown = time.monotonic(), True

    def clear(self) -> None:
        """Make room for other lines."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._shown = False
