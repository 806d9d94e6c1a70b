"""Where the members of the kernel's structures lie, by its own BTF: that differs from kernel to kernel.

Documentation/bpf/btf.rst
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

from hardtack.kernel.btf import VMLINUX, BtfError, Sections, find_words, length, sections

STRUCT, UNION, TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG = 4, 5, 8, 9, 10, 11, 18  # BTF_KIND_*
ALIASES = (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)
HAS_BITFIELDS = 1 << 31  # kind_flag: the top byte of a member's place is then its size in bits, 0 for a whole one


def member_places(paths: Iterable[str], path: Path = VMLINUX) -> dict[str, int]:
    """The place in bytes of each `structure.member`; `structure.member.member` is one of a structure inside.

    BtfError if the kernel has no such member, or none that has an address.
    """
    types = Types(sections(path))
    return {name: types.place(name) for name in paths}


class Types:
    """The kernel's types by id. To learn where each record starts means to read them all: some 50 ms."""

    def __init__(self, btf: Sections) -> None:
        self._btf = btf
        self._starts = array("I", record_starts(btf.records))

    def place(self, path: str) -> int:
        """Where a member is, in bytes from the structure's beginning. BtfError."""
        structure, *members = path.split(".")
        number, place = self._structure(structure), 0
        for name in members:
            found = self._member(number, name)
            if found is None:
                raise BtfError(f"this kernel has no {path} ({name} is missing): use a kernel that hardtack was tested with")
            number, bits, is_bitfield = found
            if is_bitfield or bits % 8:
                raise BtfError(f"{path}: {name} is a bitfield in this kernel, and has no address")
            place += bits // 8
        return place

    def _structure(self, name: str) -> int:
        """The id of a struct. BtfError if there is none."""
        at = self._btf.find(name)
        for place in find_words(self._btf.records, struct.pack("=I", at)) if at else ():
            number = bisect_right(self._starts, place)  # ids begin with 1: 0 is void
            if self._starts[number - 1] == place and self._kind(number) == STRUCT:
                return number
        raise BtfError(f"this kernel has no struct {name}: use a kernel that hardtack was tested with")

    def _member(self, number: int, name: str) -> tuple[int, int, bool] | None:
        """Type, place in bits, whether it is a bitfield: of a member, also one inside anonymous ones."""
        number = self._plain(number)
        if self._kind(number) not in (STRUCT, UNION):
            return None
        _, info, _ = self._record(number)
        for index in range(1, 1 + (info & 0xFFFF)):
            word, kind, place = self._words(number, index)
            size, place = (place >> 24, place & 0xFFFFFF) if info & HAS_BITFIELDS else (0, place)
            if word and self._btf.name(word) == name:
                return kind, place, size > 0
            if not word and (inner := self._member(kind, name)):
                return inner[0], place + inner[1], inner[2]
        return None

    def _plain(self, number: int) -> int:
        """The type behind typedefs and qualifiers."""
        while self._kind(number) in ALIASES:
            number = self._record(number)[2]
        return number

    def _kind(self, number: int) -> int:
        """BTF_KIND_*; 0 for void."""
        return self._record(number)[1] >> 24 & 31 if number else 0

    def _record(self, number: int) -> tuple[int, int, int]:
        """A record's first three words: the name's place, what it is, its size or the type it refers to."""
        return self._words(number, 0)

    def _words(self, number: int, triple: int) -> tuple[int, int, int]:
        """A record's words by threes: the first are its own, then come the members' of a struct."""
        place = self._starts[number - 1] + 12 * triple
        words: tuple[int, int, int] = struct.unpack_from("=III", self._btf.records, place)
        return words


def record_starts(records: bytes) -> Iterator[int]:
    """The place of each record in bytes, in the order of their ids."""
    words = memoryview(records).cast("I")
    sizes: dict[int, int] = {}  # as in btf.count_to
    at, end = 0, len(words)
    while at < end:
        yield at * 4
        info = words[at + 1]
        try:
            at += sizes[info]
        except KeyError:
            at += sizes.setdefault(info, length(info))
