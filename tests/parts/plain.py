"""What a plain frame says, at a glance and step by step, side by side. Native code alone."""

from __future__ import annotations

from typing import Any

from hardtack.compiler.language import address, inlined, load64, new, store64, u64
from hardtack.packet.frame.parse import NONE, parse, parse_tcp
from hardtack.packet.frame.plain import parse_plain, parse_plain_tcp
from hardtack.packet.records import Flow

FLOW_SIZE = Flow.itemsize
OTHER, SAME, DIFFERENT = range(3)  # it is not plain; both say the same; they do not

new_flow, new_other = new(Flow), new(Flow)


def plain(frame: Any) -> int:
    """A frame -> one of these."""
    flow, other = new_flow(), new_other()
    clear(flow)
    clear(other)
    if not parse_plain(frame, flow):
        return OTHER
    parse_plain_tcp(frame, flow)
    if parse(frame, other) != NONE or other.kind != NONE or parse_tcp(frame, other) != NONE:
        return DIFFERENT
    for word in range(0, FLOW_SIZE, 8):
        if load64(address(flow), word) != load64(address(other), word):
            return DIFFERENT
    return SAME


@inlined  # type: ignore[untyped-decorator]
def clear(flow: Any) -> None:
    """What is not written is the same."""
    for word in range(0, FLOW_SIZE, 8):
        store64(address(flow), word, u64(0))
