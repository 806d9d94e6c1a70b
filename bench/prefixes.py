"""What finding an address's longest prefix costs: our trees, the kernel's LPM trie, and a hash of each length, side by side.

    .venv/bin/python bench/prefixes.py [PREFIXES ...]        root; from the project's folder

Each run of a program looks one address up, another one each time: addresses of the list, or of a list like it. Told is ns,
the best of all rounds, without the loop around it; how much memory a prefix takes, and how long the table takes to make.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from hardtack.compiler.language import (
    absent,
    address,
    at,
    entry_of,
    entry_of_key,
    i64,
    inlined,
    load32,
    load64,
    scratch,
    store32,
    u64,
)
from hardtack.compiler.objects import compiled
from hardtack.compiler.program import Source
from hardtack.control.networks.prefixes import Content, Prefixes
from hardtack.control.networks.trees import Trees
from hardtack.image import MMAPABLE, Table
from hardtack.kernel.datapath import Datapath
from hardtack.packet.layout import NETWORKS, SPREAD
from hardtack.packet.state.networks import look_up

COUNTS = [1, 1_000, 10_000, 100_000, 1_000_000]
QUESTIONS = 1 << 18
ROUNDS = 7
PASS = 2
PROBES, SLOT_BITS, MOST_LENGTHS = 16, 22, 16
SLOTS = 1 << SLOT_BITS

Asked = np.dtype([("next", "u8"), ("found", "u8"), ("root", "u8"), ("reserved", "u8"), ("addresses", "u8", (QUESTIONS, 2))])
ASKED = Table("asked_for", "array", 4, Asked.itemsize, 1, MMAPABLE)
TRIE = Table("trie", "lpm_trie", 20, 4, max(COUNTS))
Hashed = np.dtype(
    [
        ("lengths", "u8"),
        ("masks", "u8", (MOST_LENGTHS, 2)),
        ("slots", [("high", "u8"), ("low", "u8"), ("length", "u4"), ("value", "u4")], (SLOTS + PROBES,)),
    ]
)
HASHED = Table("hashed", "array", 4, Hashed.itemsize, 1, MMAPABLE)
MASKS, FIRST_SLOT, ADDRESSES = 8, 8 + 16 * MOST_LENGTHS, 32

asked, hashed = entry_of(ASKED, Asked), entry_of(HASHED, Hashed)
of_trie = entry_of_key(TRIE)


def taken(record: Any) -> Any:
    """Where the next address is."""
    number = i64(record.next) & (QUESTIONS - 1)
    record.next = u64(number + 1)
    return at(address(record), ADDRESSES + number * 16)


question = inlined(taken)


def nothing(frame: Any) -> int:
    """The loop, and the address read."""
    record = asked()
    place = question(record)
    record.found += load64(place, 0) ^ load64(place, 8)
    return PASS


def tree(frame: Any) -> int:
    """Our own."""
    record = asked()
    place = question(record)
    record.found += u64(look_up(i64(record.root), load64(place, 0), load64(place, 8)))
    return PASS


def trie(frame: Any) -> int:
    """The kernel's."""
    record = asked()
    place, key = question(record), scratch(24)
    store32(key, 0, 128)
    for word in range(4):
        store32(key, 4 + 4 * word, load32(place, 4 * word))
    entry = of_trie(key)
    if not absent(entry):
        record.found += u64(load32(entry, 0))
    return PASS


def lengths(frame: Any) -> int:
    """A look into a hash table for each length that there is, the longest first."""
    record, table = asked(), address(hashed())
    place = question(record)
    high, low, found = load64(place, 0), load64(place, 8), 0
    for number in range(MOST_LENGTHS):
        if number >= i64(load64(table, 0)) or found:
            break
        masks = at(table, MASKS + number * 16)
        some, more = high & load64(masks, 0), low & load64(masks, 8)
        mixed = (more ^ (some * u64(SPREAD)) ^ u64(number)) * u64(SPREAD)
        first = i64(((mixed ^ (mixed >> u64(32))) * u64(SPREAD)) >> u64(64 - SLOT_BITS))
        for probe in range(PROBES):
            slot = at(table, FIRST_SLOT + (first + probe) * 24)
            if load32(slot, 16) == number + 1 and load64(slot, 0) == some and load64(slot, 8) == more:
                found = load32(slot, 20)
                break
            if load32(slot, 16) == 0:
                break
    record.found += u64(found)
    return PASS


PROGRAMS = {
    name: Source(f"prefixes_{name}", f"prefixes:{name}", "xdp", (ASKED, *tables))
    for name, tables in {"nothing": (), "tree": (NETWORKS,), "trie": (TRIE,), "lengths": (HASHED,)}.items()
}


def masks_of(length: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The bits of prefixes of these lengths, in 128."""
    ones, length = ~np.uint64(0), length.astype(np.uint64)
    high = np.where(length > 0, ones << (np.uint64(64) - np.clip(length, 1, 64)), 0).astype(np.uint64)
    low = np.where(length > 64, ones << (np.uint64(128) - np.clip(length, 65, 128)), 0).astype(np.uint64)
    return high, low


def some_ipv4(dice: np.random.Generator, count: int) -> Prefixes:
    """Mostly addresses, as block lists have them; half of them anywhere, half in few networks."""
    length = dice.choice(np.array([32, 24, 23, 22, 21, 20, 19, 18, 17, 16], np.uint8), count, p=[0.7, 0.12, *[0.0225] * 8])
    networks = dice.integers(1 << 8, 224 << 8, max(1, count // 600)) << 16
    number = dice.integers(1 << 24, 224 << 24, count)
    near = dice.random(count) < 0.5
    number[near] = dice.choice(networks, int(near.sum())) | (number[near] & 0xFFFF)
    high, low = number.astype(np.uint64) << np.uint64(32), np.zeros(count, np.uint64)
    return Prefixes.sorted(high & masks_of(length)[0], low, length)


def some_ipv6(dice: np.random.Generator, count: int) -> Prefixes:
    """In 30,000 networks of providers."""
    length = dice.choice(np.array([32, 40, 44, 48, 56, 64, 128], np.uint8), count, p=[0.1, 0.02, 0.03, 0.35, 0.1, 0.3, 0.1])
    top = dice.choice(np.array([0x2001, 0x2400, 0x2600, 0x2800, 0x2A00, 0x2C00], np.uint64), 30_000)
    providers = top << np.uint64(48) | dice.integers(0, 1 << 20, 30_000).astype(np.uint64) << np.uint64(32)
    high = dice.choice(providers, count) | dice.integers(0, 1 << 32, count).astype(np.uint64)
    masks = masks_of(length)
    return Prefixes.sorted(high & masks[0], dice.integers(0, 1 << 63, count).astype(np.uint64) & masks[1], length)


def wire(version: int, high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Addresses as a Flow has them."""
    if version == 4:
        high, low = np.zeros_like(high), np.uint64(0xFFFF << 32) | high >> np.uint64(32)
    return np.stack([high.byteswap(), low.byteswap()], 1)


def addresses(dice: np.random.Generator, version: int, prefixes: Prefixes) -> npt.NDArray[np.uint64]:
    """As many as there are questions, in these prefixes."""
    which = dice.integers(0, len(prefixes), QUESTIONS)
    high, low = masks_of(prefixes.length[which])
    any_high, any_low = (dice.integers(0, 1 << 63, QUESTIONS).astype(np.uint64) for _ in range(2))
    return wire(version, prefixes.high[which] | any_high & ~high, prefixes.low[which] | any_low & ~low)


class Contest:
    """All programs, their tables full of the same prefixes."""

    def __init__(self, parts: ExitStack) -> None:
        self.loaded: dict[str, Datapath] = {}
        tables: dict[str, Any] = {}
        for name, source in PROGRAMS.items():
            loaded = Datapath(compiled(source), tables, {"networks": 256 << 20})
            self.loaded[name] = parts.enter_context(loaded)
            tables |= loaded.tables
        self.tables = tables
        self.asked = np.frombuffer(tables["asked_for"].memory(), Asked)[0]
        self.trees = Trees(tables["networks"].memory())
        self.keys: list[bytes] = []

    def fill(self, version: int, prefixes: Prefixes) -> Iterator[str]:
        """Every table; what each costs."""
        for name, fill in {"tree": self._tree, "trie": self._trie, "lengths": self._lengths}.items():
            start = time.process_time()
            memory = fill(version, prefixes)
            each = f" ({memory / len(prefixes):.0f} bytes a prefix)" if memory else ""
            yield f"{name} {time.process_time() - start:.2f} s{each}"

    def _tree(self, version: int, prefixes: Prefixes) -> int:
        if self.asked["root"]:
            self.trees.free(int(self.asked["root"]))
            self.trees.memory.settle()
        self.asked["root"] = self.trees.new(Content(prefixes) if version == 4 else Content(ipv6=prefixes))
        return 32 * self.trees.memory.used

    def _trie(self, version: int, prefixes: Prefixes) -> int:
        table, some = self.tables["trie"], wire(version, prefixes.high, prefixes.low)
        for key in self.keys:
            table.delete(key)
        bits = prefixes.length.astype(np.uint32) + (96 if version == 4 else 0)
        self.keys = [int(n).to_bytes(4, "little") + words.tobytes() for n, words in zip(bits, some, strict=True)]
        for key in self.keys:
            table.update(key, (1).to_bytes(4, "little"))
        return 0

    def _lengths(self, version: int, prefixes: Prefixes) -> int:
        here = np.frombuffer(self.tables["hashed"].memory(), Hashed)[0]
        known = np.unique(prefixes.length)[::-1]
        here["lengths"], here["slots"] = len(known), 0
        here["masks"][: len(known)] = wire(6, *masks_of(known + np.uint8(96 if version == 4 else 0)))
        number = np.searchsorted(-known.astype(int), -prefixes.length.astype(int))
        some = wire(version, prefixes.high, prefixes.low)
        factor = np.uint64(SPREAD)
        mixed = (some[:, 1] ^ some[:, 0] * factor ^ number.astype(np.uint64)) * factor
        place = ((mixed ^ mixed >> np.uint64(32)) * factor) >> np.uint64(64 - SLOT_BITS)
        left = np.arange(len(prefixes))
        for probe in range(PROBES):
            slot = place[left].astype(np.int64) + probe
            free = np.flatnonzero(here["slots"]["length"][slot] == 0)
            _, first = np.unique(slot[free], return_index=True)
            won = free[first]
            chosen, into = left[won], slot[won]
            for field, content in {"high": some[:, 0], "low": some[:, 1], "length": number + 1}.items():
                here["slots"][field][into] = content[chosen]
            here["slots"]["value"][into] = 1
            left = np.delete(left, won)
        assert not len(left), "no room in the hash"
        return 0

    def ask(self, which: npt.NDArray[np.uint64]) -> dict[str, tuple[int, int]]:
        """What each takes for an address, ns, and how many it has found."""
        self.asked["addresses"] = which
        best: dict[str, tuple[int, int]] = {}
        for _ in range(ROUNDS):
            for name, loaded in self.loaded.items():
                self.asked["next"] = self.asked["found"] = 0
                took = loaded.program.test_run(bytes(64), QUESTIONS).nanoseconds
                best[name] = min((took, int(self.asked["found"])), best.get(name, (took, 0)), key=lambda one: one[0])
        loop, _ = best.pop("nothing")
        assert len({found for _, found in best.values()}) == 1, best
        return {name: (took - loop, found) for name, (took, found) in best.items()}


def main(counts: list[int]) -> None:
    """A table for people."""
    makers: dict[int, Callable[[np.random.Generator, int], Prefixes]] = {4: some_ipv4, 6: some_ipv6}
    with ExitStack() as parts:
        contest = Contest(parts)
        print({name: loaded.program.verified for name, loaded in contest.loaded.items()}, "verified instructions")
        for version, make in makers.items():
            for count in counts:
                dice = np.random.default_rng(count)
                prefixes = make(dice, count)
                print(f"\nIPv{version}, {len(prefixes):,} prefixes;", ", ".join(contest.fill(version, prefixes)))
                for title, among in {"in the list": prefixes, "in one like it": make(dice, count)}.items():
                    found = contest.ask(addresses(dice, version, among))
                    hits = next(iter(found.values()))[1] / QUESTIONS
                    told = "   ".join(f"{name} {took:4} ns" for name, (took, _) in found.items())
                    print(f"  {title:15} ({hits:4.0%} found)   {told}", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or COUNTS)
