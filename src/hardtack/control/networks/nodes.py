"""Nodes as blocks of words: which of three forms each takes, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardtack.control.networks.memory import Places
from hardtack.control.networks.prefixes import Words
from hardtack.control.networks.words import CHANGES, FIRST_WORD, NODE_SIZE, ROW, ROW_BELOW, ROW_FROM, Values


@dataclass(frozen=True)
class Entries:
    """What is in nodes: for each entry the node's number, which of its slots, a value (0: none), and whether more is below.

    In order of nodes and slots.
    """

    node: Places
    slot: Places
    value: Values
    child: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Items:
    """The words of blocks, in order: the node's number, the first slot, and which entry is in it (-1: nothing)."""

    node: Places
    slot: Places
    entry: Places


def encode(entries: Entries, below: Places) -> tuple[Places, Words, Callable[[Words, Places], Places]]:
    """Sizes of the blocks in words, what is beside the place in the word that leads there, and how to write them.

    `below`: prefixes in and below each node. Writing takes the table's words and the blocks' places, and gives the place of
    each entry's word, for what is below it.
    """
    nodes = len(below)
    number, runs = np.bincount(entries.node, minlength=nodes), runs_of(entries)
    changes = np.bincount(runs.node, minlength=nodes)
    row = (np.minimum(number, changes) >= ROW_FROM) | (below >= ROW_BELOW)
    by_change = (changes < number) & ~row
    kinds = np.where(row, ROW, np.where(by_change, CHANGES, 0)).astype(np.uint64)
    items = Items(entries.node, entries.slot, np.arange(len(entries.node)))
    if by_change.any():
        items = merged(items, runs, by_change)
    counts = np.bincount(items.node, minlength=nodes)
    sizes = np.where(row, NODE_SIZE, FIRST_WORD + counts)

    def write(words: Words, block: Places) -> Places:
        for one in block[row].tolist():
            words[one : one + NODE_SIZE] = 0
        counted = ~row[items.node]
        rank = np.arange(len(items.node)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = block[items.node] + np.where(counted, FIRST_WORD + rank, items.slot)
        held = items.entry >= 0
        words[at] = np.where(held, entries.value[items.entry], 0)
        header(words, block[~row], items.node[counted], items.slot[counted], np.cumsum(~row) - 1)
        place = np.zeros(len(entries.node), np.int64)
        place[items.entry[held]] = at[held]
        return place

    return sizes, kinds, write


def runs_of(entries: Entries) -> Items:
    """Where the words of nodes change: a run for each entry that is not as the one before it, and one for each gap."""
    node, slot = entries.node, entries.slot
    first = np.diff(node, prepend=-1) != 0
    follows = ~first & (np.diff(slot, prepend=-1) == 1)
    same = follows.copy()
    same[1:] &= (entries.value[1:] == entries.value[:-1]) & ~entries.child[1:] & ~entries.child[:-1]
    starts = np.flatnonzero(~same)
    before = np.flatnonzero(first & (slot > 0))
    gap = np.flatnonzero(np.append(~follows[1:], True)[: len(slot)] & (slot < NODE_SIZE - 1))
    nodes = np.concatenate([node[starts], node[before], node[gap]])
    slots = np.concatenate([slot[starts], np.zeros(len(before), np.int64), slot[gap] + 1])
    entry = np.concatenate([starts, np.full(len(before) + len(gap), -1)])
    order = np.argsort(nodes * NODE_SIZE + slots, kind="stable")
    return Items(nodes[order], slots[order], entry[order])


def merged(plain: Items, runs: Items, by_change: npt.NDArray[np.bool_]) -> Items:
    """Runs for nodes that are written so, entries for the others."""
    some, others = by_change[runs.node], ~by_change[plain.node]
    node = np.concatenate([runs.node[some], plain.node[others]])
    slot = np.concatenate([runs.slot[some], plain.slot[others]])
    entry = np.concatenate([runs.entry[some], plain.entry[others]])
    order = np.argsort(node * NODE_SIZE + slot, kind="stable")
    return Items(node[order], slot[order], entry[order])


def header(words: Words, block: Places, node: Places, slot: Places, number: Places) -> None:
    """Write the bits and the counts of blocks. `number`: which of the blocks a node has."""
    bits = np.zeros((len(block), 4), np.uint64)
    key = number[node] * 4 + (slot >> 6)
    first = np.flatnonzero(np.diff(key, prepend=-1))
    if len(first):
        bits.reshape(-1)[key[first]] = np.bitwise_or.reduceat(np.uint64(1) << (slot & 63).astype(np.uint64), first)
    before = np.cumsum(np.bitwise_count(bits), axis=1, dtype=np.uint64)[:, :3]
    words[block] = (before << np.array([8, 16, 24], np.uint64)).sum(axis=1, dtype=np.uint64)
    for word in range(4):
        words[block + 1 + word] = bits[:, word]
