"""Entries to the trees of prefixes alone: questions and answers lie in a table, a question a run, or all in one."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardtack.compiler.language import address, at, entry_of, i64, inlined, load64, store64, u64
from hardtack.image import MMAPABLE, Table
from hardtack.packet.state.networks import look_up

DONE = 2
MOST = 1 << 16  # questions

# `next`: the question that comes next. `rounds`, `first`, `second`, `third`: see `watch`
Questions = np.dtype(
    [
        ("next", "u8"),
        ("root", "u8"),
        ("count", "u8"),
        ("rounds", "u8"),
        ("first", "u8"),
        ("second", "u8"),
        ("third", "u8"),
        ("addresses", "u8", (MOST, 2)),
        ("answers", "u8", (MOST,)),
    ],
    align=True,
)
QUESTIONS = Table("questions", "array", 4, Questions.itemsize, 1, MMAPABLE)
ADDRESSES, ANSWERS = 56, 56 + 16 * MOST

questions = entry_of(QUESTIONS, Questions)


def answered(record: Any, number: Any) -> Any:
    """The answer to one."""
    place = at(address(record), ADDRESSES + (number & (MOST - 1)) * 16)
    return u64(look_up(i64(record.root), load64(place, 0), load64(place, 8)))


answer = inlined(answered)


def ask(frame: Any) -> int:
    """The next question, and its answer."""
    record = questions()
    number = i64(record.next) & (MOST - 1)
    record.next = u64(number + 1)
    store64(at(address(record), ANSWERS + number * 8), 0, answer(record, number))
    return DONE


def watch(frame: Any) -> int:
    """All questions, many times: how many answers were neither `first` nor `second`. For machine code only."""
    record = questions()
    third = 0
    for _ in range(i64(record.rounds)):
        for number in range(i64(record.count)):
            found = answer(record, number)
            if found != record.first and found != record.second:
                third += 1
    record.third += u64(third)
    return DONE
