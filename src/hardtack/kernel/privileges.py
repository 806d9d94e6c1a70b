"""Least privilege: what a process that has set up its programs and tables can do without."""

from __future__ import annotations

import ctypes
import os

from hardtack.kernel.bpf import CAP_BPF, kernel_version, libc

VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
PR_SET_NO_NEW_PRIVS = 38
TABLES_WITHOUT_CAPABILITY = (5, 19)  # since then an open table can be written without CAP_BPF (commit c8644cd0efe7)


def drop() -> None:
    """Give up every capability, for good, but what writing to open tables takes on this kernel. OSError if refused."""
    keep = 0 if kernel_version() >= TABLES_WITHOUT_CAPABILITY else 1 << CAP_BPF
    low, high = keep & 0xFFFFFFFF, keep >> 32
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)  # effective, permitted, inheritable; low words first
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), f"cannot drop capabilities: {os.strerror(ctypes.get_errno())}")
