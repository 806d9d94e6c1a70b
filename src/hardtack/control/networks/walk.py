"""A tree read back from its words: which blocks it has, and what is in the slots of a node."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hardtack.control.networks.memory import Places, spread
from hardtack.control.networks.prefixes import Words
from hardtack.control.networks.words import (
    CHANGES,
    FIRST_WORD,
    INLINE,
    NODE_BITS,
    NODE_SIZE,
    PLACE,
    ROW,
    SKIP,
    SKIP_WORDS,
    WIDE,
    WIDE_BITS,
)

Blocks = tuple[Places, Places]  # places and sizes, in words


def leads(child: Words) -> npt.NDArray[np.bool_]:
    """Whether there are blocks below words with these upper halves."""
    below: npt.NDArray[np.bool_] = (child != 0) & (child < INLINE)
    return below


def blocks_below(words: Words, word: int) -> Blocks:
    """All blocks of the tree that a word leads to."""
    found: list[Blocks] = []
    child = np.array([word >> 32], np.uint64)
    while len(child := child[leads(child)]):
        place = (child & np.uint64(PLACE)).astype(np.int64)
        size, first = sizes_of(words, child, place)
        found.append((place, size))
        child = words[spread(place + first, size - first)] >> np.uint64(32)
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate([place for place, _ in found]), np.concatenate([size for _, size in found])


def sizes_of(words: Words, child: Words, place: Places) -> tuple[Places, Places]:
    """How many words the blocks have, and after how many those come that may lead further."""
    row, skip = child & np.uint64(ROW) != 0, child & np.uint64(SKIP) != 0
    count = (words[place] >> np.uint64(24)).astype(np.int64) + np.bitwise_count(words[place + 4])
    size = np.where(row, np.where(child & np.uint64(WIDE) != 0, 1 << WIDE_BITS, NODE_SIZE), FIRST_WORD + count)
    return np.where(skip, SKIP_WORDS, size), np.where(row, 0, np.where(skip, SKIP_WORDS - 1, FIRST_WORD))


def width_of(child: int) -> int:
    """How many bits a node or row takes."""
    return WIDE_BITS if child & ROW and child & WIDE else NODE_BITS


def slots_of(words: Words, child: int) -> tuple[Words, Places]:
    """What is in each slot of a node or row, and where that word is (-1: nowhere, or it stands for other slots, too)."""
    place, size = child & PLACE, 1 << width_of(child)
    if child & ROW:
        return words[place : place + size].copy(), np.arange(place, place + size)
    bits = np.unpackbits(words[place + 1 : place + FIRST_WORD].view(np.uint8), bitorder="little").astype(bool)
    at = place + FIRST_WORD - 1 + np.cumsum(bits)
    if not child & CHANGES:
        return np.where(bits, words[at], np.uint64(0)), np.where(bits, at, -1)
    alone = bits & np.append(bits[1:], True)
    return words[at], np.where(alone, at, -1)
