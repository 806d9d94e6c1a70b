"""The kernel's own BTF, and the type ids of its functions (kfuncs) in it. Documentation/bpf/btf.rst

A type's id is its position in a list of records of varying size, so they must be counted; but only up to the last
record wanted, which a search for its bytes has found before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hardtack.mistake import Mistake

VMLINUX = Path("/sys/kernel/btf/vmlinux")
MAGIC = 0xEB9F
FUNC = 12  # BTF_KIND_FUNC

# Words (of 4 bytes) that follow a record's three, by kind: fixed, and for each of its members.
FIXED = {1: 1, 3: 3, 14: 1, 17: 1}  # INT, ARRAY, VAR, DECL_TAG
MEMBERS = {4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3}  # STRUCT, UNION, ENUM, FUNC_PROTO, DATASEC, ENUM64


class BtfError(Mistake):
    """The kernel shows no BTF, or none that can be read, or not what is looked for in it."""

    status = 1


@dataclass(frozen=True)
class Sections:
    """The two parts of a blob: the types' records, and their names, to which records refer by their place."""

    records: bytes
    names: bytes

    def name(self, place: int) -> str:
        """The name at `place`; empty for what is anonymous."""
        return self.names[place : self.names.index(b"\0", place)].decode()

    def find(self, name: str) -> int:
        """The place of `name`; 0 if nothing is called so."""
        return self.names.find(b"\0" + name.encode() + b"\0") + 1


def sections(path: Path = VMLINUX) -> Sections:
    """The kernel's; BtfError if there is none, or none that can be read."""
    data = read(path)
    magic, _, _, header, types, types_size, strings, strings_size = struct.unpack_from("=HBBIIIII", data)
    if magic != MAGIC or types + types_size > len(data) - header:
        raise BtfError(f"{path} is truncated, or not BTF of this machine's byte order")
    types, strings = types + header, strings + header
    return Sections(data[types : types + types_size], data[strings : strings + strings_size])


def function_ids(names: Iterable[str], path: Path = VMLINUX) -> dict[str, int]:
    """The BTF id of each of the kernel's functions `names`; one that the kernel does not have is left out. BtfError."""
    btf = sections(path)
    wanted: dict[int, str] = {}
    for name in names:
        if at := btf.find(name):
            wanted |= dict.fromkeys(find_functions(btf.records, at), name)
    return {wanted[at]: number for at, number in count_to(btf.records, sorted(wanted))}


def readable(path: Path = VMLINUX) -> bool:
    """Whether there is any BTF."""
    try:
        return bool(struct.unpack_from("=H", read(path))[0] == MAGIC)
    except BtfError:
        return False


def read(path: Path) -> bytes:
    """The BTF blob; BtfError with a remedy if there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BtfError(
            f"{path}: {error.strerror}; the kernel must be built with CONFIG_DEBUG_INFO_BTF=y (most distributions are)"
        ) from error
    if len(data) < 24:
        raise BtfError(f"{path} is truncated")
    return data


def find_functions(records: bytes, name: int) -> Iterator[int]:
    """Places that look like a function's record with its name at `name`: its first two words are known in full."""
    for linkage in (0, 1):  # BTF_FUNC_STATIC, BTF_FUNC_GLOBAL
        yield from find_words(records, struct.pack("=II", name, FUNC << 24 | linkage))


def find_words(records: bytes, words: bytes) -> Iterator[int]:
    """Places where these words stand, whatever they mean there."""
    at = records.find(words)
    while at >= 0:
        if at % 4 == 0:
            yield at
        at = records.find(words, at + 1)


def count_to(records: bytes, places: list[int]) -> Iterator[tuple[int, int]]:
    """Each of `places` (ascending) at which a record really starts, and that record's id."""
    words = memoryview(records).cast("I")
    sizes: dict[int, int] = {}  # a record's length by its second word: few different ones occur
    at, number = 0, 1  # id 0 is void
    for place in places:
        target = place // 4
        while at < target:
            info = words[at + 1]
            try:
                at += sizes[info]
            except KeyError:
                at += sizes.setdefault(info, length(info))
            number += 1
        if at == target:
            yield place, number


def length(info: int) -> int:
    """Words of a record, by its second word."""
    kind = info >> 24 & 31
    return 3 + FIXED.get(kind, 0) + MEMBERS.get(kind, 0) * (info & 0xFFFF)
