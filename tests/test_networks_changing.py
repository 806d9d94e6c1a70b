"""Prefixes that come, go and change under look-ups: at any moment an address has its old value or its new one."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive.networks import Address, Prefix, longest, walked, wire
from networks_under_test import content, nested, network, some_addresses, some_prefix
from parts.networks import DONE, QUESTIONS, Questions

from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.control.networks.difference import difference
from hardtack.control.networks.trees import Trees
from hardtack.packet.layout import NETWORKS

WATCH = Source("part_watch", "parts.networks:watch", "xdp", (NETWORKS, QUESTIONS))


class Watched(np.ndarray[Any, Any]):
    """Words that say when something has been written to them."""

    told: Callable[[bool], None] = staticmethod(lambda _: None)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        Watched.told(isinstance(key, int))


class Look:
    """Looks at some addresses after each store, while `prefixes` become others."""

    def __init__(self, words: Any, root: int, addresses: list[Address]) -> None:
        self._words, self._root, self._addresses = words, root, addresses
        self.stores = 0
        self._allowed: list[tuple[int, int]] = []
        self.seen: list[int] = []

    def expect(self, prefixes: dict[Prefix, int], after: dict[Prefix, int]) -> None:
        """From now on either of these may be seen."""
        self._allowed = [(longest(prefixes, one), longest(after, one)) for one in self._addresses]
        self.seen = [before for before, _ in self._allowed]

    def __call__(self, single: bool) -> None:
        found = [walked(self._words, self._root, address) for address in self._addresses]
        assert all(now in pair for now, pair in zip(found, self._allowed, strict=True))
        assert single or found == self.seen
        self.seen = found
        self.stores += 1

    def ended(self) -> bool:
        """All is as it will be; whether anything is otherwise than before."""
        assert self.seen == [after for _, after in self._allowed]
        return any(before != after for before, after in self._allowed)


@pytest.mark.parametrize("version", [4, 6])
def test_at_every_store_each_address_has_its_old_value_or_its_new_one(version: int) -> None:
    """And only single words are written where look-ups may be: an array's elements have no order among themselves."""
    dice = random.Random(version)
    prefixes = nested(dice, version, 400)
    trees = Trees(bytearray(4 << 20), lambda: None)
    root, near = trees.new(content(prefixes)), [(version, number) for _, number, _ in prefixes]
    trees.memory.table = trees.memory.table.view(Watched)
    stores = changed = 0
    for _ in range(150):
        prefix = dice.choice([*prefixes]) if dice.random() < 0.6 else some_prefix(dice, near)
        value = None if prefix in prefixes and dice.random() < 0.5 else dice.choice([0, 3, 4])
        after = {one: held for one, held in prefixes.items() if one != prefix} | ({} if value is None else {prefix: value})
        addresses = some_addresses(dice, [prefix] * 4, 5) + some_addresses(dice, dice.sample([*prefixes], 5))
        look = Look(trees.memory.table.view(np.ndarray), root, addresses)
        look.expect(prefixes, after)
        Watched.told = staticmethod(look)
        if value is None:
            trees.remove(root, network(prefix))
        else:
            trees.set(root, network(prefix), value)
        changed += look.ended()
        stores += look.stores
        prefixes = after
    assert stores > 250 and changed > 50


def test_ten_thousand_changes_leave_no_more_than_they_found() -> None:
    """As many prefixes as before take about as much memory, whatever came and went; all freed, there is nothing."""
    dice = random.Random(2)
    trees = Trees(bytearray(4 << 20), lambda: None)
    prefixes = nested(dice, 4, 500) | nested(dice, 6, 500)
    root, names = trees.new(content(prefixes)), sorted(prefixes)
    trees.memory.settle()
    at_first, most = trees.memory.used, 0
    for _ in range(10_000):
        prefix = dice.choice(names)
        if prefix in prefixes:
            del prefixes[prefix]
            trees.remove(root, network(prefix))
        else:
            prefixes[prefix] = 3
            trees.set(root, network(prefix), 3)
        most = max(most, trees.memory.used - trees.memory.waiting)
    assert most < 1.2 * at_first
    words = trees.memory.table
    for address in some_addresses(dice, names):
        assert walked(words, root, address) == longest(prefixes, address)
    assert len(trees.content(root)) == len(prefixes)
    trees.free(root)
    trees.memory.settle()
    assert trees.memory.used == 1


lengths = st.tuples(st.integers(0, 63), st.integers(0, 6))  # the first six bits of an address, and a length
small = lengths.map(lambda one: (4, one[0] >> (6 - one[1]) << (32 - one[1]), one[1]))
contents = st.dictionaries(small, st.integers(0, 3), max_size=12)


@given(contents, contents)
@settings(deadline=None, max_examples=150)
def test_the_order_of_changes_shows_nobody_a_third_value(old: dict[Prefix, int], new: dict[Prefix, int]) -> None:
    """All of a small world, after each of the changes, in a tree and in the dict that it stands for."""
    addresses = [(4, number << 26) for number in range(64)]
    pairs = [{longest(old, address), longest(new, address)} for address in addresses]
    trees = Trees(bytearray(1 << 16), lambda: None)
    root, now = trees.new(content(old)), {**old}
    for change in difference(content(old).ipv4, content(new).ipv4):
        prefix = 4, change.number >> 96, change.length
        if change.value is None:
            del now[prefix]
            trees.remove(root, network(prefix))
        else:
            now[prefix] = change.value
            trees.set(root, network(prefix), change.value)
        for address, pair in zip(addresses, pairs, strict=True):
            assert longest(now, address) in pair
            assert walked(trees.memory.table, root, address) == longest(now, address)
    assert now == new


def test_look_ups_in_another_thread_never_see_a_third_value() -> None:
    """Machine code that turns without pause, over words that change under it. What is given back is used again meanwhile."""
    dice = random.Random(4)
    tables = {"networks": np.zeros(1 << 19, np.uint8), "questions": np.zeros(Questions.itemsize, np.uint8)}
    program = NativeProgram(WATCH, tables)
    here = tables["questions"].view(Questions)[0]
    turns, running = [0], threading.Event()

    def wait() -> None:
        """Two calls have ended: the second began after everything that was."""
        until = turns[0] + 2
        while running.is_set() and turns[0] < until:
            pass

    trees = Trees(tables["networks"], wait)
    others = {one: 7 for one in nested(dice, 4, 2000) if not 10 <= one[1] >> 24 <= 11 and one[2] > 7}
    root = trees.new(content(others | {(4, 10 << 24, 7): 1}))
    addresses = [(4, dice.randint(10 << 24, (12 << 24) - 1)) for _ in range(2000)]
    here["root"], here["count"], here["rounds"] = root, len(addresses), 3
    here["first"], here["second"] = 1, 2
    here["addresses"][: len(addresses)] = [wire(address) for address in addresses]

    def look() -> None:
        while running.is_set():
            assert program.run(b"")[0] == DONE
            turns[0] += 1

    running.set()
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for turn in range(1500):
            length = dice.choice([32, 30, 24, 20, 16, 12, 8])
            inside = IPv4Network((dice.choice(addresses)[1] >> (32 - length) << (32 - length), length))
            if turn % 3:
                trees.set(root, inside, dice.choice([1, 2]))
            else:
                trees.remove(root, inside)
            if turn % 100 == 99:  # all of it
                trees.replace(root, content(others | {(4, 10 << 24, 7): dice.choice([1, 2])}))
                trees.memory.settle()
    finally:
        running.clear()
        thread.join()
    assert int(here["third"]) == 0 and turns[0] > 10
