"""Tables in plain memory that change under running programs: the order in which they see it, and when they have gone."""

from __future__ import annotations

import platform
import time

from hardtack.kernel.bpf import libc

NUMBERS = {"x86_64": 324, "aarch64": 283}  # of the system call: asm/unistd_64.h, asm-generic/unistd.h
GLOBAL = 1  # MEMBARRIER_CMD_GLOBAL: synchronize_rcu(), kernel/sched/membarrier.c
LONG = 2.0  # s; far longer than a run of a program takes


def wait_for_programs() -> None:
    """Come back when every run of a packet program that had begun before has ended; some 10 ms.

    Programs run under RCU, and the kernel lets any process wait for that. Where it does not, time must do: with tickless
    CPUs (nohz_full), under a filter of system calls.
    """
    number = NUMBERS.get(platform.machine())
    if number is None or libc.syscall(number, GLOBAL, 0, 0) != 0:
        time.sleep(LONG)


def keep_order() -> None:
    """What was written before is seen before what is written after. x86-64 does so by itself (Intel SDM 3A, 9.2.3)."""
    if platform.machine() != "x86_64":
        wait_for_programs()
