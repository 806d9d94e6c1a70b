"""How long programs run, as the kernel counts it while somebody asks it to."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hardtack.kernel.bpf import Command, buffer, call, info, libc, syscall_number
from hardtack.kernel.programs import INFO_SIZE, Program

ENABLE_STATS = 32  # BPF_ENABLE_STATS of enum bpf_cmd
RUN_TIME = 192  # run_time_ns and run_cnt in struct bpf_prog_info


@dataclass(frozen=True)
class Runs:
    """Nanoseconds spent in a program, two readings of the clock included, and how often it ran."""

    nanoseconds: int
    times: int

    def __sub__(self, earlier: Runs) -> Runs:
        return Runs(self.nanoseconds - earlier.nanoseconds, self.times - earlier.times)


@contextmanager
def counting() -> Iterator[None]:
    """The kernel times every run of every program on this machine, which costs each some 40 ns. OSError: it will not."""
    attr = buffer(struct.pack("=I", 0))  # BPF_STATS_RUN_TIME
    switch = int(libc.syscall(syscall_number(), ENABLE_STATS, attr, len(attr)))
    if switch < 0:
        raise OSError(ctypes.get_errno(), f"BPF_ENABLE_STATS: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        os.close(switch)


def runs(program: Program) -> Runs:
    """Of the program so far, while somebody was counting."""
    return Runs(*struct.unpack_from("=QQ", info(program.fd, INFO_SIZE), RUN_TIME))


def runs_of(number: int) -> Runs:
    """The same of a loaded program, by the kernel's id of it. BpfError."""
    fd = call(Command.PROG_GET_FD_BY_ID, buffer(struct.pack("=III", number, 0, 0)))
    try:
        return Runs(*struct.unpack_from("=QQ", info(fd, INFO_SIZE), RUN_TIME))
    finally:
        os.close(fd)
