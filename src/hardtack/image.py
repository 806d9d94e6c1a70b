"""A compiled eBPF program as inert data: what the compiler makes and the kernel layer loads.

An image holds everything a machine needs that has nothing but Python and a kernel: instructions, what they refer to, the
tables they expect, and which Python line each instruction came from. Standard library only.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from typing import Literal

from hardtack.mistake import Mistake

TableKind = Literal["array", "percpu_array", "hash", "lru_hash", "lpm_trie", "devmap", "xskmap", "prog_array", "ringbuf"]
ProgramKind = Literal["xdp", "tcx"]
ReferenceKind = Literal["map", "value", "kfunc", "field", "size"]

MMAPABLE = 1 << 10  # BPF_F_MMAPABLE: of a table that a process may map; its values begin at a page
ONLY = bytes(4)  # the key of a table's one entry
FORMAT = 1  # of the file; a reader refuses any other


@dataclass(frozen=True)
class Table:
    """A table of the packet program: a BPF map in the kernel, shared memory elsewhere. Sizes in bytes.

    `layout` says what is in a value, so that a table left by another version is not taken for this one.
    """

    name: str
    kind: TableKind
    key_size: int
    value_size: int
    entries: int
    flags: int = 0
    layout: str = ""


@dataclass(frozen=True)
class Reference:
    """Instruction `index` refers to table `name` ("map": the table; "value": its one entry's memory) or to the kernel's own.

    "size": the bytes of that entry. "kfunc": its function `name`. "field": the place, in bytes, of a member in a structure,
    `structure.member.member`.
    """

    index: int
    kind: ReferenceKind
    name: str


@dataclass(frozen=True)
class Line:
    """Instruction `index` and those up to the next Line were made from this line of Python."""

    index: int
    file: str
    line: int
    column: int
    text: str


class ImageError(Mistake, ValueError):
    """A file that is not an image, or of another format."""

    status = 1


@dataclass(frozen=True)
class Image:
    """One program. `instructions` is the bytecode, 8 bytes an instruction, references not yet filled in."""

    name: str
    kind: ProgramKind
    instructions: bytes
    references: tuple[Reference, ...]
    tables: tuple[Table, ...]
    lines: tuple[Line, ...]
    sources: str  # the hash of the sources it was made from
    license: str = "Dual MIT/GPL"
    flags: int = 0  # BPF_F_* for BPF_PROG_LOAD

    def dumps(self) -> str:
        """The image as JSON text."""
        fields = asdict(self)
        fields["instructions"] = base64.b64encode(self.instructions).decode("ascii")
        return json.dumps({"format": FORMAT, **fields}, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Image:
        """The image that `dumps` wrote; ImageError if `text` is anything else."""
        try:
            fields = json.loads(text)
            if fields.pop("format") != FORMAT:
                raise ImageError("an image of another format; build it again")
            fields["instructions"] = base64.b64decode(fields["instructions"])
            fields["references"] = tuple(Reference(**item) for item in fields["references"])
            fields["tables"] = tuple(Table(**item) for item in fields["tables"])
            fields["lines"] = tuple(Line(**item) for item in fields["lines"])
            return cls(**fields)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError, ValueError) as error:
            raise ImageError(f"not a program image: {error}") from error
