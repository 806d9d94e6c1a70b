"""One prefix put into a tree, or taken out: what must be written anew, and the one word that then leads there.

Large parts of a tree are kept; a part with few prefixes is made anew. So what is written is bounded: a node, and a few
blocks below it. In a row of 65,536 a short prefix may change up to half of the words: it is written anew, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hardtack.control.networks.build import Builder, written_out
from hardtack.control.networks.memory import Memory
from hardtack.control.networks.nodes import Entries, encode
from hardtack.control.networks.prefixes import WORD, Prefixes, Words
from hardtack.control.networks.walk import Blocks, blocks_below, sizes_of, slots_of, width_of
from hardtack.control.networks.words import (
    INLINE,
    INLINE_BITS,
    NODE_BITS,
    NODE_SIZE,
    PLACE,
    ROW,
    SEEN,
    SKIP,
    SKIP_WORDS,
    WIDE,
)

FEW = 4  # prefixes, two at least: a part of the tree that has no more is made anew
LOW_32 = (1 << 32) - 1
BITS = 128
ADDRESS = (1 << BITS) - 1


@dataclass(frozen=True)
class Prefix:
    """The one that changes: its address as a number of 128 bits, its length, and the value it has from now on, if any."""

    number: int
    length: int
    value: int | None


@dataclass
class Change:
    """A word to be written, `place` and `word`, and what is not needed once it is; `made` are the new blocks."""

    place: int = 0
    word: int = 0
    old: list[Blocks] = field(default_factory=list)
    made: list[Blocks] = field(default_factory=list)


class Changer:
    """Works out a change. `prefixes`: those of the tree, the change among them already."""

    def __init__(self, memory: Memory, prefixes: Prefixes, prefix: Prefix) -> None:
        self._memory, self._words, self._prefixes, self._prefix = memory, memory.words, prefixes, prefix
        self.change = Change()

    def work_out(self, place: int) -> Change:
        """From the tree's root on, whose word is at `place`. TableFull, and then nothing is taken."""
        try:
            self._below(place)
        except BaseException:
            self._memory.untake(self.change.made)
            raise
        return self.change

    def _below(self, place: int) -> None:
        """Find the word that changes, and what it will be."""
        prefix, depth = self._prefix, 0
        while True:
            word = self._change_at(place)
            child, low, high = word >> 32, *self._range(depth)
            value = self._value if prefix.length == depth else value_of(word)
            if high - low <= FEW or not 0 < child < INLINE:
                self.change.word = self._anew(word, low, high, depth, value)
            elif prefix.length == depth:
                self.change.word = child << 32 | value
            elif child & SKIP:
                place = (child & PLACE) + SKIP_WORDS - 1
                shared = int(self._words[place - 1])
                if self._agrees(child, depth, shared):
                    depth += shared
                    continue
                self.change.word = self._split(child, depth, shared) << 32 | value
            elif prefix.length <= depth + width_of(child):
                self._revalue(word, depth, low, high)
            else:
                inner = self._inner(word, depth, high - low)
                if inner:
                    place, depth = inner, depth + width_of(child)
                    continue
            return

    def _change_at(self, place: int) -> int:
        self.change.place, self.change.word = place, int(self._words[place])
        return self.change.word

    @property
    def _value(self) -> int:
        return 0 if self._prefix.value is None else self._prefix.value | SEEN

    def _bits(self, depth: int, width: int) -> int:
        """Bits of the prefix's address, from one on."""
        return self._prefix.number >> (BITS - depth - width) & ((1 << width) - 1)

    def _range(self, depth: int) -> tuple[int, int]:
        """The prefixes that have this one's first bits and are longer than so many: from, to."""
        first = self._prefix.number >> (BITS - depth) << (BITS - depth)
        low, high = self._prefixes.find(first), self._prefixes.find(first + (1 << (BITS - depth)))
        while low < high and self._prefixes.length[low] <= depth:
            low += 1
        return low, high

    def _take(self, size: int) -> int:
        places = self._memory.take(np.array([size]))
        self.change.made.append((places, np.array([size])))
        return int(places[0])

    def _anew(self, word: int, low: int, high: int, depth: int, value: int) -> int:
        """Instead of a word one for these prefixes."""
        builder = Builder(self._memory, self._prefixes)
        found = builder.build(low, high, depth, value)
        self.change.made += builder.blocks
        self.change.old.append(blocks_below(self._words, word))
        return found

    def _inner(self, word: int, depth: int, count: int) -> int:
        """What is in the slot of a node where the prefix belongs: the place of its word if the change is further below."""
        child = word >> 32
        width = width_of(child)
        slots, places = slots_of(self._words, child)
        slot = self._bits(depth, width)
        inner, place = int(slots[slot]), int(places[slot])
        low, high = self._range(depth + width)
        if high - low > FEW and place >= 0 and 0 < inner >> 32 < INLINE:
            return place
        found = self._anew(inner, low, high, depth + width, value_of(inner))
        if place >= 0 and found:
            self.change.place, self.change.word = place, found
        else:
            slots[slot] = found
            self._encode(word, slots, count)
        return 0

    def _encode(self, word: int, slots: Words, count: int) -> None:
        """Another block for a node or a row, with these words, instead of the one that a word leads to."""
        child = word >> 32
        self.change.old.append(own_block(self._words, child))
        self.change.word = self._node(slots, count) << 32 | value_of(word)

    def _node(self, slots: Words, count: int) -> int:
        """A block for these words: what leads there. `count`: prefixes in and below it."""
        if len(slots) > NODE_SIZE:
            block = self._take(len(slots))
            self._words[block : block + len(slots)] = slots
            return block | ROW | WIDE
        filled = np.flatnonzero(slots)
        held = slots[filled]
        inner = held >> np.uint64(32) != 0
        entries = Entries(np.zeros(len(filled), np.int64), filled, held.astype(np.uint32), inner)
        sizes, kinds, write = encode(entries, np.array([count]))
        block = self._take(int(sizes[0]))
        place = write(self._words, np.array([block]))
        self._words[place[inner]] = held[inner]
        return block | int(kinds[0])

    def _agrees(self, child: int, depth: int, shared: int) -> bool:
        """Whether the prefix is one of those behind a skip."""
        return self._prefix.length >= depth + shared and self._common(child, depth) >= shared

    def _common(self, child: int, depth: int) -> int:
        """How many bits the prefix has in common with a skip."""
        return BITS - (self._skipped(child) ^ self._bits(depth, BITS - depth) << depth).bit_length()

    def _skipped(self, child: int) -> int:
        """A skip's bits, the first of them the highest of 128."""
        place = child & PLACE
        return int(self._words[place]) << 64 | int(self._words[place + 1])

    def _skip(self, bits: int, shared: int, word: int) -> int:
        """A block that skips the first of these 128 bits to a word; the word itself if there is nothing to skip."""
        if not shared:
            return word
        block = self._take(SKIP_WORDS)
        bits = bits >> (BITS - shared) << (BITS - shared)
        self._words[block : block + SKIP_WORDS] = bits >> 64, bits & WORD, shared, word
        return (block | SKIP) << 32

    def _split(self, child: int, depth: int, shared: int) -> int:
        """A prefix that goes another way than a skip, or ends on its way: a shorter skip, and what is then behind it."""
        bits, prefix = self._skipped(child), self._prefix
        common = min(self._common(child, depth), prefix.length - depth) // 8 * 8
        rest, left = bits << common & ADDRESS, shared - common
        self.change.old.append(own_block(self._words, child))
        behind = int(self._words[(child & PLACE) + SKIP_WORDS - 1])
        if prefix.length == depth + common:
            word = self._skip(rest, left, behind) | self._value
        else:
            slots = np.zeros(NODE_SIZE, np.uint64)
            slots[rest >> (BITS - NODE_BITS)] = self._skip(rest << NODE_BITS & ADDRESS, left - NODE_BITS, behind)
            self._add(slots, depth + common)
            low, high = self._range(depth + common)
            word = self._node(slots, high - low) << 32
        return self._skip(bits, common, word) >> 32

    def _add(self, slots: Words, depth: int) -> None:
        """The prefix, among the words of a new node."""
        first, free = self._bits(depth, NODE_BITS), depth + NODE_BITS - self._prefix.length
        if free < 0:
            slots[first] = self._anew(0, *self._range(depth + NODE_BITS), depth + NODE_BITS, 0)
            return
        covered = slots[first : first + (1 << free)]
        covered[covered & np.uint64(LOW_32) == 0] |= np.uint64(self._value)

    def _revalue(self, word: int, depth: int, low: int, high: int) -> None:
        """The prefix ends within a node: the values of its slots."""
        child = word >> 32
        width = width_of(child)
        slots, places = slots_of(self._words, child)
        ends = low + np.flatnonzero(self._prefixes.length[low:high] <= depth + width)
        values = np.zeros(len(slots), np.uint64)
        keys, written = written_out(self._prefixes, ends, depth, width)
        values[keys] = written
        first = self._bits(depth, width)
        part = slice(first, first + (1 << (depth + width - self._prefix.length)))
        new = slots.copy()
        new[part] = self._valued(slots[part], values[part])
        changed = np.flatnonzero(new != slots)
        if len(changed) == 1 and places[changed[0]] >= 0 and new[changed[0]]:
            self.change.place, self.change.word = int(places[changed[0]]), int(new[changed[0]])
        elif len(changed):
            self._encode(word, new, high - low)

    def _valued(self, words: Words, values: Words) -> Words:
        """Words with other values. A prefix that lies in a word that gets one moves to a skip of its own."""
        child, value = words >> np.uint64(32), values
        inline = child >= INLINE
        found = np.where(inline, words, child << np.uint64(32) | value)
        moved = np.flatnonzero(inline & (value != 0))
        if len(moved):
            block = self._memory.take(np.full(len(moved), SKIP_WORDS))
            self.change.made.append((block, np.full(len(moved), SKIP_WORDS)))
            self._words[block] = child[moved] << np.uint64(64 - INLINE_BITS)
            self._words[block + 1] = 0
            self._words[block + 2] = child[moved] >> np.uint64(INLINE_BITS) & np.uint64(31)
            self._words[block + 3] = words[moved] & np.uint64(LOW_32)
            found[moved] = (block.astype(np.uint64) | np.uint64(SKIP)) << np.uint64(32) | value[moved]
        return found


def value_of(word: int) -> int:
    """The value in a word, but for that of a prefix that lies in it."""
    return 0 if word >> 32 >= INLINE else word & LOW_32


def own_block(words: Words, child: int) -> Blocks:
    """The block that something leads to, without those below."""
    place = np.array([child & PLACE])
    return place, sizes_of(words, np.array([child], np.uint64), place)[0]
