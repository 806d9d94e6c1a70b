"""Tables of the packet program as BPF maps: made, read, written, pinned and adopted."""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from hardtack.image import MMAPABLE, Table
from hardtack.kernel import bpf
from hardtack.kernel.bpf import BpfError, Buffer, Command, address, buffer, call, info, object_name, space
from hardtack.mistake import Mistake

TYPES = {"hash": 1, "array": 2, "prog_array": 3, "percpu_array": 6, "lru_hash": 9, "lpm_trie": 11}
TYPES |= {"devmap": 14, "xskmap": 17, "ringbuf": 27}
KINDS = {number: kind for kind, number in TYPES.items()}
NO_PREALLOC = 1  # BPF_F_NO_PREALLOC: the kernel wants it of every LPM trie
ANY, NOEXIST, EXIST = 0, 1, 2  # for update: write, only make, only change
INFO_SIZE = 40  # struct bpf_map_info up to its name
ENTRIES = 16  # max_entries in it
READ_ONLY = 8  # BPF_F_RDONLY
FROM_KERNEL = 0x80 | 0x100  # BPF_F_RDONLY_PROG and WRONLY_PROG: the kernel adds them to a devmap by itself


class MismatchError(Mistake):
    """What is pinned at a path is not what this version of the program expects."""

    status = 1


class Map:
    """One table. Keys and values are bytes of exactly `table.key_size` and `table.value_size`.

    In a "prog_array" a program's descriptor is written, and its id is read. All in it are of one kind, and alike in whether
    they take frames of several buffers (bpf_prog_map_compatible()). The kernel empties it when no process has it open and
    nothing pins it (prog_array_map_clear()), even if a program still jumps through it.
    """

    def __init__(self, fd: int, table: Table, read_only: bool = False) -> None:
        self.fd = fd
        self.table = table
        self._access = mmap.ACCESS_READ if read_only else mmap.ACCESS_WRITE
        self._memory: mmap.mmap | None = None

    def lookup(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        if self.per_cpu:
            raise TypeError(f"table {self.table.name} holds a value for each CPU: use lookup_all")
        return self._read(key, self.table.value_size)

    def lookup_all(self, key: bytes) -> list[bytes]:
        """Of a per-CPU table: the value of `key` on every possible CPU, in order; nothing without the key."""
        if not self.per_cpu:
            raise TypeError(f"table {self.table.name} holds one value for all CPUs: use lookup")
        size, step = self.table.value_size, self._stride
        values = self.completed(struct.unpack("=I", key)[0], self._read(key, step * possible_cpus()) or b"")
        return [values[start : start + size] for start in range(0, len(values), step)]

    def completed(self, first: int, values: bytes) -> bytes:
        """What was read of a per-CPU table, from entry `first` on; of some tables there is more than the kernel knows."""
        return values

    def totals(self, key: bytes) -> list[int]:
        """Of a per-CPU table of 64-bit counters: those of `key`, all CPUs added up; nothing without the key."""
        return [sum(column) for column in zip(*(memoryview(row).cast("Q") for row in self.lookup_all(key)), strict=True)]

    def update(self, key: bytes, value: bytes, flags: int = ANY) -> None:
        """Write `value` under `key` (in a per-CPU table: the same on every CPU). BpfError, e.g. E2BIG: it is full."""
        if len(value) != self.table.value_size:
            raise ValueError(f"table {self.table.name} takes values of {self.table.value_size} bytes, not {len(value)}")
        if self.per_cpu:
            value = value.ljust(self._stride, b"\0") * possible_cpus()
        name, content = self._key(key), buffer(value)
        self._call(Command.MAP_UPDATE_ELEM, struct.pack("=IIQQQ", self.fd, 0, address(name), address(content), flags))

    def update_all(self, key: bytes, values: Sequence[bytes]) -> None:
        """Write one value for each CPU, as `lookup_all` reads them. BpfError."""
        if not self.per_cpu or len(values) != possible_cpus():
            raise TypeError(f"table {self.table.name} takes a value for each CPU, if it holds so many")
        name, content = self._key(key), buffer(b"".join(value.ljust(self._stride, b"\0") for value in values))
        self._call(Command.MAP_UPDATE_ELEM, struct.pack("=IIQQQ", self.fd, 0, address(name), address(content), ANY))

    def add(self, key: bytes, numbers: Sequence[int]) -> None:
        """To the counters of `key` on the first CPU: what that counts at this very moment may be lost. BpfError."""
        first, *others = self.lookup_all(key)
        more = (was + one for was, one in zip(memoryview(first).cast("Q"), numbers, strict=True))
        self.update_all(key, [struct.pack(f"={len(numbers)}Q", *more), *others])

    def delete(self, key: bytes) -> bool:
        """Take `key` out; False if it was not there."""
        name = self._key(key)
        try:
            self._call(Command.MAP_DELETE_ELEM, struct.pack("=IIQ", self.fd, 0, address(name)))
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def keys(self) -> Iterator[bytes]:
        """Every key, in the kernel's order; a table that changes meanwhile may show a key twice or not at all."""
        after, found = None, space(self.table.key_size)
        for _ in range(self.table.entries):  # a key deleted under us starts the kernel over: never for ever
            try:
                attr = struct.pack("=IIQQ", self.fd, 0, address(after) if after else 0, address(found))
                self._call(Command.MAP_GET_NEXT_KEY, attr)
            except BpfError as error:
                if error.errno == errno.ENOENT:
                    return
                raise
            yield found.raw
            after = buffer(found.raw)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key and its value (see `keys`); not for per-CPU tables."""
        for key in self.keys():
            value = self.lookup(key)
            if value is not None:
                yield key, value

    def memory(self) -> memoryview:
        """All values of an MMAPABLE table, one after another, each rounded up to 8 bytes: reads and writes are the table's.

        It lasts as long as the map is open, or somebody looks at it.
        """
        if not self.table.flags & MMAPABLE:
            raise TypeError(f"table {self.table.name} was not made to be mapped: use lookup and update")
        if self._memory is None:
            self._memory = mmap.mmap(self.fd, self._stride * self.table.entries, access=self._access)
        return memoryview(self._memory)

    def pin(self, path: Path) -> None:
        """Name it under bpffs: it then outlives this process. Raises BpfError."""
        bpf.pin(self.fd, path, f"table {self.table.name}")

    def close(self) -> None:
        """Let go of it; a program or a pin that still uses it keeps it alive."""
        if self._memory is not None:
            with suppress(BufferError):  # somebody looks at it: it goes with the last of them
                self._memory.close()
            self._memory = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def per_cpu(self) -> bool:
        """Whether each CPU has a value of its own."""
        return self.table.kind == "percpu_array"

    @property
    def _stride(self) -> int:
        return (self.table.value_size + 7) & ~7  # the kernel rounds an array's values up to 8 bytes

    def _key(self, key: bytes) -> Buffer:
        if len(key) != self.table.key_size:
            raise ValueError(f"table {self.table.name} takes keys of {self.table.key_size} bytes, not {len(key)}")
        return buffer(key)

    def _read(self, key: bytes, size: int) -> bytes | None:
        name, value = self._key(key), space(size)
        try:
            self._call(Command.MAP_LOOKUP_ELEM, struct.pack("=IIQQQ", self.fd, 0, address(name), address(value), 0))
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        return value.raw

    def _call(self, command: Command, attr: bytes) -> None:
        call(command, buffer(attr), f"table {self.table.name}")


def sized(table: Table, sizes: Mapping[str, int]) -> Table:
    """`table` as large as `sizes` says, if it does: entries; of an array of one that all CPUs share, that one's bytes."""
    size = sizes.get(table.name)
    if size is None:
        return table
    return replace(table, value_size=size) if (table.kind, table.entries) == ("array", 1) else replace(table, entries=size)


def create(table: Table) -> Map:
    """A new, empty map for `table`. Raises BpfError."""
    flags = table.flags | (NO_PREALLOC if table.kind == "lpm_trie" else 0)
    sizes = (TYPES[table.kind], table.key_size, table.value_size, table.entries, flags)
    attr = struct.pack("=IIIIIII16sI", *sizes, 0, 0, object_name(table.name), 0)
    return Map(call(Command.MAP_CREATE, buffer(attr), f"table {table.name}"), table)


def adopt(path: Path, table: Table) -> Map:
    """The map pinned at `path`, whatever number of entries it has: `.table.entries` says how many.

    MismatchError if it is not as `table` says otherwise, BpfError if nothing is there.
    """
    fd = bpf.unpinned(path, f"table {table.name}")
    try:
        if bpf.object_kind(fd) == "map":
            table = replace(table, entries=struct.unpack_from("=I", info(fd, INFO_SIZE), ENTRIES)[0])
        check(fd, path, table)
    except BaseException:
        os.close(fd)
        raise
    return Map(fd, table)


def for_reading(path: Path, table: Table) -> int:
    """A file descriptor of the map pinned at `path`, for `Map(fd, table, read_only=True)`.

    By that of a table that can be mapped one could also write: the kernel maps no BPF map whose descriptor is read-only.
    """
    return bpf.unpinned(path, f"table {table.name}", 0 if table.flags & MMAPABLE else READ_ONLY)


def value_size(path: Path) -> int:
    """Bytes of an entry of the map pinned at `path`. BpfError if there is none."""
    fd = bpf.unpinned(path, "a table")
    try:
        size: int = struct.unpack_from("=4I", info(fd, INFO_SIZE))[3]
        return size
    finally:
        os.close(fd)


def check(fd: int, path: Path, table: Table) -> None:
    """Compare the kernel's own description of the map with `table`."""
    if bpf.object_kind(fd) != "map":
        raise MismatchError(f"{path} is not a table: remove it with `rm {path}`")
    kind, _, *sizes, flags = struct.unpack_from("=6I", info(fd, INFO_SIZE))
    expected = [table.key_size, table.value_size, table.entries]
    wanted = table.flags | (NO_PREALLOC if table.kind == "lpm_trie" else 0)
    if KINDS.get(kind) != table.kind or sizes != expected or (flags ^ wanted) & ~FROM_KERNEL:
        found = KINDS.get(kind, f"map of type {kind}")
        raise MismatchError(
            f"{path} holds a {found} with key, value, entries {sizes}, flags {flags:#x}; "
            f"table {table.name} is a {table.kind} with {expected}, flags {wanted:#x}: "
            f"it was made by another version; remove it with `rm {path}` and start again"
        )


@cache
def possible_cpus(path: Path = Path("/sys/devices/system/cpu/possible")) -> int:
    """How many CPUs the kernel could ever have: as many values has a per-CPU entry. The file reads "0-3,8"."""
    total = 0
    for part in path.read_text().strip().split(","):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total
