"""Who is at a tcx hook, and before whom: each program there may end the chain for all that are behind it.

kernel/bpf/mprog.c. Programs of the older clsact qdisc come behind all of these: net/core/dev.c, sch_handle_ingress.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from hardtack.kernel import bpf
from hardtack.kernel.bpf import BpfError, Buffer, Command, address, buffer, call, space
from hardtack.kernel.links import DIRECTIONS, Direction, program_name

MOST = 64  # BPF_MPROG_MAX, and MAX_USED_MAPS of one program
OURS = frozenset({"clock", "counters"})  # tables that each of our tcx programs has
COUNT, REVISION = 24, 56  # places in the query
PROGRAM_NAME, PROGRAM_TABLES, TABLE_NAME = 64, 52, 24  # in struct bpf_prog_info: of the name, of nr_map_ids; in bpf_map_info


@dataclass(frozen=True)
class Member:
    """A program at a hook, by its id, and that of the link which holds it there; 0: none does."""

    program: int
    link: int

    def __str__(self) -> str:
        return program_name(self.program) + (f" by link {self.link}" if self.link else "")

    def is_ours(self, name: str = "") -> bool:
        """Whether it is hardtack's program of this name, or any, of whatever version."""
        try:
            found, tables = described(self.program)
            return name in ("", found) and {table_name(table) for table in tables} >= OURS
        except BpfError:
            return False  # it has gone meanwhile


@dataclass(frozen=True)
class Chain:
    """All of one hook, in their order. `revision`: another one, and it is not the same chain any more."""

    revision: int
    members: tuple[Member, ...]

    def before(self, link: int) -> list[Member]:
        """Others' that run before what this link holds."""
        places = [place for place, member in enumerate(self.members) if member.link == link]
        return [member for member in self.members[: places[0] if places else 0] if not member.is_ours()]


def chain(ifindex: int, direction: Direction) -> Chain:
    """Who is at this hook now. BpfError: EINVAL, this kernel has no tcx; ENODEV."""
    programs, links = space(4 * MOST), space(4 * MOST)
    places = (address(programs), MOST, 0, address(links), 0, 0)
    attr = buffer(struct.pack("=IIIIQIIxxxxxxxxQQQ", ifindex, DIRECTIONS[direction], 0, 0, *places))
    call(Command.PROG_QUERY, attr, f"tcx {direction}")
    count: int = struct.unpack_from("=I", attr.raw, COUNT)[0]
    members = tuple(Member(*ids) for ids in zip(numbers(programs), numbers(links), strict=True))
    return Chain(struct.unpack_from("=Q", attr.raw, REVISION)[0], members[:count])


def described(program: int) -> tuple[str, tuple[int, ...]]:
    """A program's name, and the ids of its tables. BpfError."""
    tables = space(4 * MOST)
    known = buffer(struct.pack("=52xIQ16x", MOST, address(tables)))
    read(Command.PROG_GET_FD_BY_ID, program, known)
    count: int = struct.unpack_from("=I", known.raw, PROGRAM_TABLES)[0]
    return text(known, PROGRAM_NAME), numbers(tables)[:count]


def table_name(table: int) -> str:
    """As its maker calls it. BpfError."""
    known = space(TABLE_NAME + bpf.NAME_SIZE)
    read(Command.MAP_GET_FD_BY_ID, table, known)
    return text(known, TABLE_NAME)


def read(opening: Command, number: int, known: Buffer) -> None:
    """Have the kernel write to `known` what it knows of an object. BpfError."""
    fd = call(opening, buffer(struct.pack("=III", number, 0, 0)))
    try:
        call(Command.OBJ_GET_INFO_BY_FD, buffer(struct.pack("=IIQ", fd, len(known), address(known))))
    finally:
        os.close(fd)


def numbers(memory: Buffer) -> tuple[int, ...]:
    """The 32-bit words in it."""
    return struct.unpack(f"={MOST}I", memory.raw)


def text(known: Buffer, place: int) -> str:
    """The name that is there."""
    return known.raw[place : place + bpf.NAME_SIZE].rstrip(b"\0").decode("ascii", "replace")
