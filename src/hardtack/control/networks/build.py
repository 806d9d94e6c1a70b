"""A tree of prefixes made at once: level by level, each with whole arrays. The layout: packet/state/networks.py."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardtack.control.networks.memory import Memory, Places, spread
from hardtack.control.networks.nodes import Entries, encode
from hardtack.control.networks.prefixes import Prefixes, Words
from hardtack.control.networks.words import (
    INLINE,
    INLINE_BITS,
    ROW,
    SEEN,
    SKIP,
    SKIP_WORDS,
    WIDE,
    WIDE_BITS,
    WIDE_FROM,
    Values,
)

NODES_AT_ONCE = 1 << 14  # whose 256 values are worked out together: 16 MiB
BITS = 128


@dataclass(frozen=True)
class Groups:
    """Parts of the tree that begin at the same bit: each the prefixes from `low` to `high`, at least one, all longer.

    `place`: where the word is that leads there. `value`: the one in it.
    """

    low: Places
    high: Places
    place: Places
    value: Values

    def only(self, which: npt.NDArray[np.bool_]) -> Groups:
        """Some of them."""
        return Groups(self.low[which], self.high[which], self.place[which], self.value[which])


class Builder:
    """Makes one tree, or a part of one. `blocks` has what it has taken of the memory: places and sizes in words."""

    def __init__(self, memory: Memory, prefixes: Prefixes) -> None:
        self._memory, self._words, self._prefixes = memory, memory.words, prefixes
        self.blocks: list[tuple[Places, Places]] = []
        self._waiting: dict[int, list[Groups]] = defaultdict(list)
        self._depth = 0

    def build(self, low: int, high: int, depth: int = 0, value: int = 0) -> int:
        """The word for prefixes `low` to `high`, which have the first `depth` bits (a multiple of 8) in common.

        `value`: what else is to be in the word. One of the prefixes may be of just that length, the first: its value is it.
        TableFull, and then nothing is taken.
        """
        if low < high and self._prefixes.length[low] == depth:
            low, value = low + 1, int(self._prefixes.value[low]) | SEEN
        if low == high:
            return value
        try:
            top = self._take(np.array([1]))
            self._later(depth, np.array([low]), np.array([high]), top, np.array([value], np.uint32))
            for level in range(depth, BITS, 8):
                self._depth = level
                for groups in self._waiting.pop(level, ()):
                    self._level(groups)
        except BaseException:
            self._memory.untake(self.blocks)
            raise
        self._memory.untake([self.blocks.pop(0)])
        return int(self._words[top[0]])

    def _take(self, sizes: npt.NDArray[np.integer]) -> Places:
        places = self._memory.take(sizes)
        self.blocks.append((places, np.asarray(sizes, np.int64)))
        return places

    def _later(self, depth: int, low: Places, high: Places, place: Places, value: Values) -> None:
        if len(low):
            self._waiting[depth].append(Groups(low, high, place, value))

    def _level(self, groups: Groups) -> None:
        single = groups.high - groups.low == 1
        if single.any():
            self._singles(groups.only(single))
            groups = groups.only(~single)
        if not len(groups.low):
            return
        if self._depth == 0 and groups.high[0] - groups.low[0] >= WIDE_FROM:
            self._wide(groups)
            return
        common = self._common(groups)
        for shared in np.unique(common).tolist():
            some = groups.only(common == shared)
            if shared:
                self._skip(some, shared)
            else:
                self._nodes(some)

    def _window(self, which: Places) -> Words:
        return window(self._prefixes, which, self._depth)

    def _behind(self, which: Places) -> Words:
        """The 64 bits after those."""
        low, depth = self._prefixes.low[which], self._depth
        return low << np.uint64(depth) if depth < 64 else np.zeros_like(low)

    def _singles(self, groups: Groups) -> None:
        """One prefix alone: in the word itself, if its bits have room there and no value is, else in a skip's block."""
        rest = self._prefixes.length[groups.low].astype(np.uint64) - np.uint64(self._depth)
        value = (self._prefixes.value[groups.low] | np.uint32(SEEN)).astype(np.uint64)
        inline = (rest <= INLINE_BITS) & (groups.value == 0)
        here = groups.low[inline]
        bits = self._window(here) >> np.uint64(64 - INLINE_BITS)
        child = np.uint64(INLINE) | rest[inline] << np.uint64(INLINE_BITS) | bits
        self._words[groups.place[inline]] = child << np.uint64(32) | value[inline]
        far = groups.only(~inline)
        if len(far.low):
            block = self._skips(far, rest[~inline])
            self._words[block + 3] = value[~inline]

    def _skips(self, groups: Groups, length: Words | int) -> Places:
        """Blocks of skips for the first prefix of each group, all but their last word; the words lead there."""
        block = self._take(np.full(len(groups.low), SKIP_WORDS))
        self._words[block], self._words[block + 1] = self._window(groups.low), self._behind(groups.low)
        self._words[block + 2] = length
        self._lead(groups, block.astype(np.uint64) | np.uint64(SKIP))
        return block

    def _lead(self, groups: Groups, child: Words) -> None:
        self._words[groups.place] = child << np.uint64(32) | groups.value

    def _common(self, groups: Groups) -> Places:
        """How many bits all prefixes of each group have in common from here on, in whole bytes; none is shorter."""
        first, last = groups.low, groups.high - 1
        differ = np.stack(
            [self._prefixes.high[first] ^ self._prefixes.high[last], self._prefixes.low[first] ^ self._prefixes.low[last]], 1
        )
        apart = differ.byteswap().view(np.uint8) != 0
        equal = np.where(apart.any(1), apart.argmax(1), BITS // 8)
        length = np.append(self._prefixes.length, np.uint8(BITS))
        shortest = np.minimum.reduceat(length, np.stack([groups.low, groups.high], 1).ravel())[::2]
        common: Places = np.minimum(equal, shortest // 8).astype(np.int64) * 8 - self._depth
        return common

    def _skip(self, groups: Groups, shared: int) -> None:
        """What all have in common is looked at once. The first may end just there."""
        block, depth = self._skips(groups, shared), self._depth + shared
        ends = self._prefixes.length[groups.low] == depth
        value = np.where(ends, self._prefixes.value[groups.low] | np.uint32(SEEN), np.uint32(0)).astype(np.uint32)
        self._later(depth, groups.low + ends, groups.high, block + 3, value)

    def _nodes(self, groups: Groups) -> None:
        """Nodes and rows, for groups whose prefixes go different ways within the next 8 bits."""
        many = groups.high - groups.low
        for start in range(0, len(many), NODES_AT_ONCE):
            part = Groups(*(one[start : start + NODES_AT_ONCE] for one in vars(groups).values()))
            entries, low, high = self._entries(part, 8)
            self._put(part, entries, low, high)

    def _entries(self, groups: Groups, width: int) -> tuple[Entries, Places, Places]:
        """What is in nodes of 2^width words, and the prefixes below each entry: from, to."""
        count, depth = groups.high - groups.low, self._depth
        which = spread(groups.low, count)
        node = np.repeat(np.arange(len(count)), count)
        length = self._prefixes.length[which]
        key = (node << width) + (self._window(which) >> np.uint64(64 - width)).astype(np.int64)
        deep = length > depth + width
        keys, values = written_out(self._prefixes, which[~deep], depth, width, node[~deep])
        slots, below = key[deep], which[deep]
        first = np.flatnonzero(np.diff(slots, prepend=-1))
        ends = np.append(first[1:], len(slots)) - 1
        every = np.sort(np.concatenate([keys, slots[first]]), kind="stable")  # two sorted runs
        every = every[np.diff(every, prepend=-1) != 0]
        nothing = np.zeros(len(every), np.uint32)
        entries = Entries(every >> width, every & ((1 << width) - 1), nothing, np.zeros(len(every), bool))
        entries.value[np.searchsorted(every, keys)] = values
        entries.child[np.searchsorted(every, slots[first])] = True
        return entries, below[first], below[ends] + 1 if len(below) else below

    def _put(self, groups: Groups, entries: Entries, low: Places, high: Places) -> None:
        """Write blocks for the entries of each group; the prefixes below them come later."""
        sizes, kinds, write = encode(entries, groups.high - groups.low)
        block = self._take(sizes)
        place = write(self._words, block)
        self._lead(groups, block.astype(np.uint64) | kinds)
        inner = entries.child
        self._later(self._depth + 8, low, high, place[inner], entries.value[inner])

    def _wide(self, groups: Groups) -> None:
        """A row of 65,536 words, at the root of many prefixes."""
        entries, low, high = self._entries(groups, WIDE_BITS)
        block = self._take(np.array([1 << WIDE_BITS]))
        self._words[block[0] : block[0] + (1 << WIDE_BITS)] = 0
        place = block[0] + entries.slot
        self._words[place] = entries.value
        self._lead(groups, block.astype(np.uint64) | np.uint64(ROW | WIDE))
        inner = entries.child
        self._later(self._depth + WIDE_BITS, low, high, place[inner], entries.value[inner])


def written_out(
    prefixes: Prefixes, which: Places, depth: int, width: int, node: Places | None = None
) -> tuple[Places, Values]:
    """Prefixes that end within nodes of 2^width slots: which slots they cover, in order, and the longest one's value there.

    `node`: in the how manieth node each is; a slot's number is counted on through all of them.
    """
    value = prefixes.value[which] | np.uint32(SEEN)
    free = depth + width - prefixes.length[which].astype(np.int64)
    key = (window(prefixes, which, depth) >> np.uint64(64 - width)).astype(np.int64)
    if node is not None:
        key += node << width
    if not free.any():
        return key, value
    order = np.argsort(-free, kind="stable")  # the longest comes last, and stays
    every = np.zeros((int(key.max()) >> width) + 1 << width, np.uint32)
    every[spread(key[order], 1 << free[order])] = np.repeat(value[order], 1 << free[order])
    filled = np.flatnonzero(every)
    return filled, every[filled]


def window(prefixes: Prefixes, which: Places, depth: int) -> Words:
    """The 64 bits of prefixes from one on."""
    high, low = prefixes.high[which], prefixes.low[which]
    if depth >= 64:
        return low << np.uint64(depth - 64)
    return high << np.uint64(depth) | (low >> np.uint64(64 - depth) if depth else np.uint64(0))
