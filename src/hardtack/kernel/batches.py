"""All of an array's entries, many in a call: BPF_MAP_LOOKUP_BATCH. Where the kernel does not do so of a kind, one by one.

Arrays have it since Linux 5.6, those with a value for each CPU since 5.13.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator

from hardtack.kernel.bpf import BpfError, Command, address, buffer, call, space
from hardtack.kernel.maps import Map, possible_cpus

AT_ONCE = 8 << 20  # bytes, and one entry at least
NOT_SUPPORTED = 524  # ENOTSUPP, which the C library does not know


def entries(table: Map, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The number of an entry, and some values from there on; of a per-CPU table those of all possible CPUs, each padded to 8
    bytes. So all entries, or those from `start` to before `stop`, once, in order. BpfError.
    """
    stride = (table.table.value_size + 7) & ~7 if table.per_cpu else table.table.value_size
    size = stride * (possible_cpus() if table.per_cpu else 1)
    many = max(1, AT_ONCE // size)
    stop = table.table.entries if stop is None else stop
    for first in range(start, stop, many):
        count = min(many, stop - first)
        values = _batch(table, first, count, size)
        yield first, table.completed(first, values) if values else _one_by_one(table, first, count, stride)


def _batch(table: Map, first: int, count: int, size: int) -> bytes | None:
    """So many entries; None if the kernel does not do that."""
    before, after = buffer(struct.pack("=I", max(first - 1, 0))), space(4)
    keys, values = space(4 * count), space(size * count)
    places = (address(before) if first else 0, address(after), address(keys), address(values))
    try:
        call(Command.MAP_LOOKUP_BATCH, buffer(struct.pack("=QQQQIIQQ", *places, count, table.fd, 0, 0)), table.table.name)
    except BpfError as error:
        if error.errno in (errno.EINVAL, NOT_SUPPORTED):
            return None
        if error.errno != errno.ENOENT:  # which says that these were the last
            raise
    return values.raw


def _one_by_one(table: Map, first: int, count: int, stride: int) -> bytes:
    keys = (struct.pack("=I", number) for number in range(first, first + count))
    read = (table.lookup_all(key) if table.per_cpu else [table.lookup(key) or b""] for key in keys)
    return b"".join(value.ljust(stride, b"\0") for values in read for value in values)
