"""The table of prefixes: every tree in it, filled at once or changed one by one while programs look things up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hardtack.control.networks.build import Builder
from hardtack.control.networks.change import Changer, Prefix
from hardtack.control.networks.difference import difference
from hardtack.control.networks.memory import UNIT, Memory, TableFull
from hardtack.control.networks.prefixes import Content, Network, Prefixes, number_of
from hardtack.control.networks.walk import Blocks, blocks_below
from hardtack.kernel import grace
from hardtack.packet.layout import FEWEST_NETWORK_WORDS, GENERATION, NETWORKS_END

__all__ = ["FIRST_ROOT", "TableFull", "Trees"]

FIRST_ROOT = UNIT  # the number of the first root that a new table gives
NO_ROOT = 0  # a root that has nothing, in every table
MOST_BYTES = 256 << 20  # of a table; places in words have room for more
ONE_BY_ONE = 64  # changes, or one for so many prefixes, whichever is more; with more a tree is made anew
ONE_OF = 512
Version = int  # 0: IPv4, 1: IPv6; the order of a root's words


@dataclass
class Held:
    """Changes that nobody sees yet. `steps`: what shows them, in order: words to be written, and what else is to be done.

    `before`: words with what was there. Blocks that were `made`, and those that are `old` then.
    """

    steps: list[tuple[int, int] | Callable[[], None]] = field(default_factory=list)
    before: list[tuple[int, int]] = field(default_factory=list)
    made: list[Blocks] = field(default_factory=list)
    old: list[Blocks] = field(default_factory=list)


class Trees:
    """Trees of prefixes in a table's memory, each under the number of its *root*: packet/state/networks.py looks up there.

    Look-ups see each change by itself: an address has its old value or its new one. They see it when the call ends, or the
    outermost `with trees.together():` around it. Whatever does not fit raises TableFull, and then they see nothing of it.

        trees = Trees.draft()                                   # in this process's memory, as large as can be
        root = trees.new(content_of({IPv4Network("192.0.2.0/24"): 7}))
        table = maps.create(maps.sized(NETWORKS, {"networks": trees.wanted()}))
        trees = trees.moved(table.memory())                     # from now on, changes are the programs'
        trees.set(root, IPv4Network("192.0.2.1/32"), 0)         # 0: within 192.0.2.0/24, but nothing is found
        trees.replace(root, content_of({...}))                  # whatever is different
    """

    def __init__(self, memory: Any, wait: Callable[[], None] = grace.wait_for_programs) -> None:
        """`memory`: all of the table, as a writable buffer of zeros. `wait`: comes back when no look-up is under way that
        had begun before."""
        self.memory = Memory(np.frombuffer(memory, np.uint64), wait)
        self.memory.words[GENERATION] = time.monotonic_ns()  # no other trees' that programs may remember something of
        self.memory.table[GENERATION] = self.memory.words[GENERATION]
        self._contents: dict[int, tuple[Prefixes, ...]] = {}
        self._held: Held | None = None

    @classmethod
    def draft(cls) -> Trees:
        """In memory that nobody else sees: to be filled, and then moved to a table that is large enough."""
        return cls(np.zeros(MOST_BYTES >> 3, np.uint64), lambda: None)  # the kernel gives what is touched

    def wanted(self, more: int = 0) -> int:
        """Bytes of a table for what is in this one and `more`, with room for all of it to be made anew beside the old."""
        used = 8 * UNIT * (self.memory.end + self.memory.used)
        return min(max(used + NETWORKS_END, 8 * FEWEST_NETWORK_WORDS) + 2 * more, MOST_BYTES) & ~4095

    def moved(self, memory: Any, wait: Callable[[], None] = grace.wait_for_programs) -> Trees:
        """The same trees in a table of `wanted` bytes, all zeros; roots keep their numbers."""
        there = Trees(memory, wait)
        there.memory.copy(self.memory)
        there._contents = {**self._contents}
        return there

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several changes, or, whatever is raised, none. They are seen at the end, one by one."""
        if self._held:
            yield
            return
        self._held = held = Held()
        contents = {**self._contents}
        try:
            yield
        except BaseException:
            self._contents = contents
            for place, word in reversed(held.before):
                self.memory.words[place] = word
            self.memory.untake(held.made)
            raise
        else:
            self._show(held)
        finally:
            self._held = None

    def then(self, step: Callable[[], None]) -> None:
        """Within `together`: to be done when all changes so far are seen, and before later ones are."""
        assert self._held
        self._held.steps.append(step)

    def new(self, content: Content | None = None) -> int:
        """Another tree: its root's number."""
        with self.together():
            block = self.memory.take(np.array([2]))
            place = int(block[0])
            self.memory.words[place : place + 2] = 0
            self._publish(place, 0, [(block, np.array([2]))], [])
            self._contents[place] = Content().versions
            self.replace(place, content or Content())
        return place

    def free(self, root: int) -> None:
        """A tree that nothing leads to any more: no record has its root's number."""
        with self.together():
            for place in (root, root + 1):
                self._publish(place, 0, [], [blocks_below(self.memory.words, int(self.memory.words[place]))])
            self._publish(root, 0, [], [(np.array([root]), np.array([2]))])
            del self._contents[root]

    def content(self, root: int) -> Content:
        """What a tree holds."""
        return Content(*self._contents[root])

    def set(self, root: int, network: Network, value: int) -> None:
        """A prefix's value, 0 to 2^31 - 1. 0 hides shorter prefixes: what is in none has 0, too."""
        if not 0 <= value < 1 << 31:
            raise ValueError(f"value {value} of {network}: 0 to {(1 << 31) - 1}")
        self._change(root, network.version == 6, Prefix(*number_of(network), value))

    def remove(self, root: int, network: Network) -> None:
        """A prefix out of a tree; nothing if it is not there."""
        self._change(root, network.version == 6, Prefix(*number_of(network), None))

    def replace(self, root: int, content: Content) -> int:
        """Make a tree hold just this: how many prefixes came, went or have another value.

        Few changes are made one by one, in an order in which each address has its old value or its new one at any time:
        what comes or changes, the longest first; then what goes, the shortest first. With many the whole tree of an IP
        version is made anew, and put in the old one's place.
        """
        total = 0
        with self.together():
            for version, (old, new) in enumerate(zip(self._contents[root], content.versions, strict=True)):
                changes = difference(old, new)
                total += len(changes)
                if not len(old) or len(changes) > max(ONE_BY_ONE, len(old) // ONE_OF):
                    self._anew(root, version, new)
                    continue
                for prefix in changes:
                    self._change(root, version, prefix)
        return total

    def _anew(self, root: int, version: Version, prefixes: Prefixes) -> None:
        builder, place = Builder(self.memory, prefixes), root + version
        word = builder.build(0, len(prefixes))
        old = blocks_below(self.memory.words, int(self.memory.words[place]))
        self._publish(place, word, builder.blocks, [old])
        self._hold(root, version, prefixes)

    def _change(self, root: int, version: Version, prefix: Prefix) -> None:
        old = self._contents[root][version]
        place, there = old.place_of(prefix.number, prefix.length)
        if prefix.value is None:
            if not there:
                return
            new = old.but(place)
        else:
            if there and int(old.value[place]) == prefix.value:
                return
            new = old.with_one(prefix.number, prefix.length, prefix.value)
        with self.together():
            change = Changer(self.memory, new, prefix).work_out(root + version)
            self._publish(change.place, change.word, change.made, change.old)
            self._hold(root, version, new)

    def _hold(self, root: int, version: Version, prefixes: Prefixes) -> None:
        ipv4, ipv6 = self._contents[root]
        self._contents[root] = (ipv4, prefixes) if version else (prefixes, ipv6)

    def _publish(self, place: int, word: int, made: list[Blocks], old: list[Blocks]) -> None:
        """The one word that leads to what is new, and no longer to what was: which nobody gets until all is seen."""
        assert self._held
        self._held.made += made
        self._held.old += old
        self._held.before.append((place, int(self.memory.words[place])))
        self._held.steps.append((place, word))
        self.memory.words[place] = word
        for places, sizes in made:  # as they are at this step: a later one may change a word of theirs
            self.memory.show(places, sizes)

    def _show(self, held: Held) -> None:
        for step in held.steps:
            if isinstance(step, tuple):
                grace.keep_order()
                self.memory.table[step[0]] = step[1]
            else:
                step()
        grace.keep_order()
        self.memory.words[GENERATION] += np.uint64(1)
        self.memory.table[GENERATION] = self.memory.words[GENERATION]
        for places, sizes in held.old:
            self.memory.give(places, sizes)

