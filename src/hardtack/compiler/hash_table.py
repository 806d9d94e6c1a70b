"""A hash table in plain memory, for the native target: what BPF_MAP_TYPE_HASH is in the kernel. Written once, then read.

Open addressing with linear probing, at most half full. Memory: a header of four words (mask, words in a key, bytes in an
entry, reserved), then entries of {used, key, value}, all 8-byte aligned.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hardtack.compiler.language import at, i64, inlined, load64, nothing, u64

HEADER = 32  # bytes
MIX = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio, Knuth's multiplicative hashing
WORD = (1 << 64) - 1


def build(entries: Mapping[bytes, bytes], key_size: int, value_size: int) -> npt.NDArray[np.uint8]:
    """The memory of a table that holds `entries`; sizes in bytes, keys a multiple of 8."""
    if key_size % 8:
        raise ValueError(f"a key of {key_size} bytes: the native hash table takes multiples of 8")
    slots, size = 2, 8 + key_size + (value_size + 7) // 8 * 8
    while slots < 2 * len(entries):
        slots *= 2
    memory = np.zeros(HEADER + slots * size, np.uint8)
    memory[:HEADER].view(np.uint64)[:3] = slots - 1, key_size // 8, size
    for key, value in entries.items():
        slot = hash_of(key) & (slots - 1)
        while memory[HEADER + slot * size]:
            slot = (slot + 1) & (slots - 1)
        entry = b"\x01".ljust(8, b"\0") + key + value
        start = HEADER + slot * size
        memory[start : start + len(entry)] = np.frombuffer(entry, np.uint8)
    return memory


def hash_of(key: bytes) -> int:
    """What `find_entry` computes, for the side that writes."""
    mixed = 0
    for start in range(0, len(key), 8):
        mixed = ((mixed ^ int.from_bytes(key[start : start + 8], "little")) * MIX) & WORD
        mixed ^= mixed >> 32
    return mixed


@inlined
def find_entry(table, key):
    """The value stored under `key`, or nothing."""
    mask, words, size = load64(table, 0), i64(load64(table, 8)), i64(load64(table, 16))
    mixed = u64(0)
    for word in range(words):
        mixed = (mixed ^ load64(key, word * 8)) * u64(MIX)
        mixed ^= mixed >> u64(32)
    slot = mixed & mask
    while True:
        entry = at(table, HEADER + i64(slot) * size)
        if load64(entry, 0) == u64(0):
            return nothing()
        same = True
        for word in range(words):
            if load64(entry, 8 + word * 8) != load64(key, word * 8):
                same = False
        if same:
            return at(entry, 8 + words * 8)
        slot = (slot + u64(1)) & mask
