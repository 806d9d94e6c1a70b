"""Looking prefixes up: trees as control makes them, as eBPF, native code and the twins read them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from ipaddress import IPv6Network, ip_network
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from naive.networks import BITS, Address, Prefix, longest, walked, wire
from networks_under_test import content, nested, network, some_addresses
from parts.engines import TARGETS
from parts.networks import MOST, QUESTIONS, Questions

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.control.networks.prefixes import Content
from hardtack.control.networks.trees import FIRST_ROOT, NO_ROOT, TableFull, Trees
from hardtack.kernel import maps
from hardtack.kernel.datapath import Datapath
from hardtack.mistake import Mistake
from hardtack.packet.layout import FEWEST_NETWORK_WORDS, NETWORKS

SIZE = 16 << 20  # bytes of the table under test: not what it has by default
SOURCE = Source("part_networks", "parts.networks:ask", "xdp", (NETWORKS, QUESTIONS))


class Asked:
    """The packet program on a target, over a table of its own: `memory`. `run` answers so many questions."""

    def __init__(self, memory: Any, questions: Any, run: Callable[[int], object]) -> None:
        self.memory, self._here, self._run = np.frombuffer(memory, np.uint8), np.frombuffer(questions, Questions)[0], run

    def clear(self) -> npt.NDArray[np.uint8]:
        """The table, all zeros."""
        self.memory[:] = 0
        return self.memory

    def __call__(self, root: int, addresses: list[Address]) -> list[int]:
        """What is found for each address."""
        assert len(addresses) <= MOST
        self._here["next"], self._here["root"] = 0, root
        self._here["addresses"][: len(addresses)] = [wire(address) for address in addresses]
        self._run(len(addresses))
        answers: list[int] = self._here["answers"][: len(addresses)].tolist()
        return answers


@pytest.fixture(scope="module", params=TARGETS)
def asked(request: pytest.FixtureRequest) -> Iterator[Asked]:
    if request.param == "native":
        tables = {"networks": np.zeros(SIZE, np.uint8), "questions": np.zeros(Questions.itemsize, np.uint8)}
        program = NativeProgram(SOURCE, tables)
        yield Asked(tables["networks"], tables["questions"], lambda count: [program.run(b"") for _ in range(count)])
        return
    with Datapath(objects.compiled(SOURCE), sizes={"networks": SIZE}) as datapath:
        memory = {name: table.memory() for name, table in datapath.tables.items()}
        yield Asked(memory["networks"], memory["questions"], lambda count: datapath.program.test_run(bytes(64), count))


@pytest.mark.parametrize("version", [4, 6])
def test_the_longest_prefix_wins(asked: Asked, version: int) -> None:
    """10,000 at random, nested; /0 and whole addresses; every stride's boundary; and few, in every number."""
    dice = random.Random(version)
    trees = Trees(asked.clear())
    assert trees.new() == FIRST_ROOT
    for count in (0, 1, 2, 3, 10, 100, 10_000):
        prefixes = nested(dice, version, count)
        if count == 10_000:
            prefixes |= {(version, 0, 0): 77, (10 - version, 0, 0): 78}
            assert {length for _, _, length in prefixes} == {*range(BITS[version] + 1)}
        root = trees.new(content(prefixes))
        addresses = some_addresses(dice, prefixes) + [(4, dice.getrandbits(32)) for _ in range(20)]
        addresses += [(version, 0), (version, (1 << BITS[version]) - 1), (6, dice.getrandbits(128))]
        assert asked(root, addresses) == [longest(prefixes, address) for address in addresses]
        assert asked(NO_ROOT, addresses[:100]) == [0] * len(addresses[:100])
        words = asked.memory.view(np.uint64)
        some = addresses[:500]
        assert [walked(words, root, address) for address in some] == asked(root, some)


def test_a_large_list_has_a_row_for_16_bits(asked: Asked) -> None:
    """And prefixes shorter and longer than those, and what is changed there."""
    dice = random.Random(16)
    trees = Trees(asked.clear())
    prefixes: dict[Prefix, int] = {}
    for _ in range(40_000):
        length = dice.choice([32, 32, 32, 24, 20, 16, 12, 9])
        prefixes[4, dice.getrandbits(32) >> (32 - length) << (32 - length), length] = dice.choice([1, 5])
    root = trees.new(content(prefixes))
    addresses = some_addresses(dice, [*prefixes][:5000])
    assert asked(root, addresses) == [longest(prefixes, address) for address in addresses]
    for prefix in [*dice.sample([*prefixes], 100), *nested(dice, 4, 200), (4, 0, 0), (4, 0, 1), (4, 10 << 24, 16)]:
        if prefix in prefixes and dice.random() < 0.7:
            del prefixes[prefix]
            trees.remove(root, network(prefix))
        else:
            prefixes[prefix] = 9
            trees.set(root, network(prefix), 9)
        addresses += some_addresses(dice, [prefix])
    assert asked(root, addresses) == [longest(prefixes, address) for address in addresses]


def test_a_tree_is_replaced_by_difference_or_as_a_whole(asked: Asked) -> None:
    dice = random.Random(3)
    trees = Trees(asked.clear())
    prefixes = nested(dice, 4, 500) | nested(dice, 6, 500)
    root, other = trees.new(content(prefixes)), trees.new(content({(4, 0, 0): 5}))
    for changes in (0, 1, 5, 400, 3, 900):
        names = sorted(prefixes)
        after = {one: value for one, value in prefixes.items() if one not in names[: changes // 2]}
        after |= dict.fromkeys([*nested(dice, 6, changes)][: changes // 3] + names[len(names) - changes // 3 :], 8)
        different = sum(prefixes.get(one) != after.get(one) for one in {*prefixes, *after})
        assert trees.replace(root, content(after)) == different
        prefixes = after
        addresses = some_addresses(dice, prefixes)
        assert asked(root, addresses) == [longest(prefixes, address) for address in addresses]
        assert asked(other, [(4, 1), (6, 1)]) == [5, 0]


def test_a_full_table_is_told_and_stays_as_it_is(asked: Asked) -> None:
    dice = random.Random(5)
    memory = asked.clear()[: 1 << 16]
    trees = Trees(memory)
    prefixes = nested(dice, 6, 300)
    root = trees.new(content(prefixes))
    addresses = some_addresses(dice, prefixes)
    used = trees.memory.used
    with pytest.raises(TableFull, match=r"the table of prefixes is full: \d+ of 56 KiB in use, \d+ more wanted") as refused:
        trees.replace(root, content(nested(dice, 6, 3000)))
    assert isinstance(refused.value, Mistake) and "\n" not in str(refused.value)
    with pytest.raises(TableFull):
        trees.new(content(nested(dice, 4, 3000)))
    with pytest.raises(TableFull), trees.together():
        trees.replace(root, content(nested(dice, 4, 200)))
        trees.set(root, IPv6Network("::/0"), 9)
        other = trees.new(content({(4, 0, 0): 9}))
        trees.free(other)
        trees.new(content(nested(dice, 4, 3000)))
    trees.memory.settle()
    assert trees.memory.used == used and len(trees.content(root)) == len(prefixes)
    assert asked(root, addresses) == [longest(prefixes, address) for address in addresses]
    with pytest.raises(TableFull):
        for number in range(3000):
            trees.set(root, IPv6Network((number << 64, 128)), 1)
            prefixes[6, number << 64, 128] = 1
    assert asked(root, addresses) == [longest(prefixes, address) for address in addresses]
    trees.replace(root, Content())
    trees.replace(root, content({(4, 0, 0): 4}))
    assert asked(root, [(4, 5), (6, 5)]) == [4, 0]


def test_a_draft_moves_to_a_table_of_the_size_that_it_wants(asked: Asked) -> None:
    dice = random.Random(6)
    draft = Trees.draft()
    assert draft.wanted() == 8 * FEWEST_NETWORK_WORDS == NETWORKS.value_size
    several = [nested(dice, version, 2000) for version in (4, 6, 4)]
    roots = [draft.new(content(prefixes)) for prefixes in several]
    draft.free(roots.pop(0))
    trees = draft.moved(asked.clear()[: draft.wanted()])
    for root, prefixes in zip(roots, several[1:], strict=True):
        addresses = some_addresses(dice, prefixes)
        assert asked(root, addresses) == [longest(prefixes, address) for address in addresses]
        trees.replace(root, content(nested(dice, 6, 2000)))
    with pytest.raises(TableFull):
        draft.moved(bytearray(1 << 14))


def test_values_and_roots_that_cannot_be() -> None:
    trees = Trees(bytearray(1 << 16))
    root = trees.new()
    for value in (-1, 1 << 31):
        with pytest.raises(ValueError, match=f"value {value} of 10.0.0.0/8"):
            trees.set(root, ip_network("10.0.0.0/8"), value)
    with pytest.raises(ValueError, match="value 2147483648 of a prefix"):
        trees.replace(root, content({(4, 0, 0): 1 << 31}))


def test_a_table_of_one_entry_is_made_as_large_as_wanted() -> None:
    assert maps.sized(NETWORKS, {"networks": SIZE}).value_size == SIZE
    assert maps.sized(NETWORKS, {}) == NETWORKS

