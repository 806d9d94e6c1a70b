"""Who may send: lists of prefixes, allowed and denied, as trees that the packet program looks sources up in.

There is a tree for each table of the configuration that has lists: [front], whose lists are for all hosts, and hosts.
packet/judge/source.py looks into a host's own, and then into the one for all: `Host.sources` has both their roots, in one
word, which is written whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hardtack.control.configuration.schema import Config, Front, Host
from hardtack.control.networks.difference import difference
from hardtack.control.networks.prefixes import Content, content_of
from hardtack.control.networks.trees import Trees
from hardtack.control.numbers import Numbering
from hardtack.packet import layout
from hardtack.packet.layout import ALLOW, DENY, ROOT_SHIFT

EVERYBODY = 0  # the number of the lists that are for all hosts
NO_ROOT = 0

Lists = Mapping[Path, Content]  # what is in each file; the values mean nothing
Sources = Mapping[int, Content]  # by Host.number, or EVERYBODY; only of those that have lists


def sources_of(config: Config, numbers: Numbering, lists: Lists) -> dict[int, Content]:
    """What each tree is to hold."""
    tables: dict[int, Front | Host] = {EVERYBODY: config.front} | {numbers[host.name]: host for host in config.hosts}
    found = {number: listed(table, lists) for number, table in tables.items() if table.allow or table.deny}
    return {number: content for number, content in found.items() if len(content)}


def listed(table: Front | Host, lists: Lists) -> Content:
    """The lists of one table; of a prefix that is allowed and denied the former counts."""
    return joined(table.allow, lists, ALLOW).over(joined(table.deny, lists, DENY))


def joined(entries: Iterable[object], lists: Lists, value: int) -> Content:
    """All prefixes that the entries of a key name, files or prefixes, each with this value."""
    entries = [*entries]
    whole = content_of((entry, value) for entry in entries if not isinstance(entry, Path))  # type: ignore[misc]
    for file in (entry for entry in entries if isinstance(entry, Path)):
        whole = valued(lists[file], value).over(whole)
    return whole


def valued(content: Content, value: int) -> Content:
    """The same prefixes with one value."""
    return Content(*(replace(one, value=np.full(len(one), value, np.uint32)) for one in content.versions))


def grown(old: Content | None, new: Content) -> tuple[int, int]:
    """How many prefixes come, and how many go."""
    old = old or Content()
    found = [difference(*pair) for pair in zip(old.versions, new.versions, strict=True)]
    return sum(len(one.come) for one in found), sum(len(one.go) for one in found)


class Roots:
    """The trees of a front, in its table, and the words of its hosts that lead there."""

    def __init__(self, trees: Trees, roots: Mapping[int, int], hosts: memoryview) -> None:
        """`hosts`: the memory of that table."""
        self._trees, self._roots = trees, {**roots}
        self._words = np.frombuffer(hosts, layout.Host)["sources"]

    def publish(self, sources: Sources, numbers: Collection[int]) -> None:
        """Have these at work for the hosts of these numbers: all of it, or TableFull, and nothing is changed.

        Within `Trees.together`, when that ends.
        """
        with self._trees.together():
            new = {number: self._trees.new(content) for number, content in sources.items() if number not in self._roots}
            for number in sources.keys() - new.keys():
                self._trees.replace(self._roots[number], sources[number])
            roots = {number: root for number, root in self._roots.items() if number in sources} | new
            self._trees.then(partial(self._lead, roots, numbers))
            for number in self._roots.keys() - roots.keys():
                self._trees.free(self._roots[number])

    def _lead(self, roots: Mapping[int, int], numbers: Collection[int]) -> None:
        self._roots = {**roots}
        self.write(numbers)

    def write(self, numbers: Collection[int]) -> None:
        """Each host's word, in one store; of others none leads anywhere."""
        words = words_of(self._roots, numbers)
        for number in np.flatnonzero(self._words[: len(words)] != words).tolist():
            self._words[number] = words[number]


def words_of(roots: Mapping[int, int], numbers: Collection[int]) -> npt.NDArray[np.uint64]:
    """`Host.sources` by number: the first root that is looked in, and behind it the second, if there is one."""
    common = roots.get(EVERYBODY, NO_ROOT)
    words = np.zeros(1 + max([*numbers, *roots], default=0), np.uint64)
    for number in numbers:
        own = roots.get(number, NO_ROOT)
        words[number] = own | common << ROOT_SHIFT if own else common
    return words


def planted(trees: Trees, sources: Sources) -> dict[int, int]:
    """New trees for them, and their roots. TableFull."""
    return {number: trees.new(content) for number, content in sources.items()}
