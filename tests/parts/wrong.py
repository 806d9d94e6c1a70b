"""An entry that touches memory as the frame's first byte says, so many bytes further on as the 8 at its 8th byte say."""

from __future__ import annotations

import inspect
from typing import Any

from hardtack.compiler.language import (
    address,
    at,
    beyond,
    compare_exchange,
    entry_at,
    entry_of,
    i64,
    load8,
    load64,
    scratch,
    set_bits,
    store8,
    u64,
)
from hardtack.compiler.memory import number_of, pointer_at
from hardtack.packet.frame.platform import copy, head, tail
from hardtack.packet.layout import NETS, POLICY, Net, Policy

WAYS = ("frame", "frame written", "table", "table written", "entry", "stack", "copied", "by number", "exchanged", "set")
DONE, REFUSED = 2, 1

net_at, policy = entry_at(NETS, Net), entry_of(POLICY, Policy)


def wrong(frame: Any) -> int:
    """DONE, if it comes so far."""
    start = head(frame)
    if beyond(start, 16, tail(frame)):
        return REFUSED
    way, further = load8(start, 0), i64(load64(start, 8))
    found = i64(0)
    if way == 0:
        found = load8(start, further)  # frame
    elif way == 1:
        store8(start, further, 1)  # frame written
    elif way == 2:
        found = load8(address(policy()), further)  # table
    elif way == 3:
        store8(address(policy()), further, 1)  # table written
    elif way == 4:
        found = i64(net_at(further).grace_until)  # entry
    elif way == 5:
        place = scratch(16)
        for number in range(further):
            store8(place, number, number)  # stack
        found = load8(place, 15)
    elif way == 6:
        place = scratch(16)
        found = copy(frame, 0, place, further)  # copied
        found += load8(place, 15)
    elif way == 7:
        found = load8(pointer_at(number_of(start) + u64(further)), 0)  # by number
    elif way == 8:
        found = i64(compare_exchange(at(address(policy()), further), u64(1), u64(2)))  # exchanged
    else:
        set_bits(at(address(policy()), further), u64(1))  # set
    store8(start, 1, found)
    return DONE


def lines() -> dict[str, int]:
    """The line of each access."""
    source, first = inspect.getsourcelines(wrong)
    marks = [line.partition("# ")[2].strip() for line in source]
    return {way: first + marks.index(way) for way in WAYS}


LINES = lines()


def hidden(frame: Any) -> int:
    """Reads a byte behind the frame, if that begins with "hard". Each step is a block of its own to LLVM."""
    start, end = head(frame), tail(frame)
    if beyond(start, 8, end):
        return REFUSED
    if load8(start, 0) == 0x68:
        store8(start, 4, 1)
        if load8(start, 1) == 0x61:
            store8(start, 5, 1)
            if load8(start, 2) == 0x72:
                store8(start, 6, 1)
                if load8(start, 3) == 0x64:
                    store8(start, 7, load8(end, 0))
    return DONE
