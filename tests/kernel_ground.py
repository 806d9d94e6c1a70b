"""Where the kernel tests stand: a fresh network namespace with a veth pair, a bpffs of their own, tiny programs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from hardtack.image import Image, Line, ProgramKind, Reference, Table
from hardtack.kernel import bpffs
from hardtack.kernel.bpf import libc, privileged

CLONE_NEWNET = 0x40000000
needs_root = pytest.mark.skipif(not privileged(), reason="needs root: talks to the real kernel")


@contextmanager
def one_cpu() -> Iterator[None]:
    """This thread on one CPU, and processes that it starts: a veth's receiver is where its sender is."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def veth_pair() -> Iterator[tuple[int, int]]:
    """This thread in a network namespace that holds veth interfaces "left" and "right": their indices.

    left ====== right
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        with IPRoute() as kernel:
            kernel.link("add", ifname="left", kind="veth", peer={"ifname": "right"})
            indices = tuple(kernel.link_lookup(ifname=name)[0] for name in ("left", "right"))
            for index in indices:
                kernel.link("set", index=index, state="up")
        yield indices[0], indices[1]
    finally:
        libc.setns(home, CLONE_NEWNET)  # nobody is left in the other one: the kernel removes it with all that is in it
        os.close(home)


@contextmanager
def pin_directory(parent: Path) -> Iterator[Path]:
    """A bpffs of the test's own."""
    path = parent / "bpf"
    path.mkdir()
    bpffs.mount(path)
    try:
        yield path
    finally:
        bpffs.unmount(path)


def image(
    code: bytes,
    kind: ProgramKind = "xdp",
    references: tuple[Reference, ...] = (),
    tables: tuple[Table, ...] = (),
    lines: tuple[Line, ...] = (),
    name: str = "test",
    flags: int = 0,
) -> Image:
    """A program written by hand."""
    return Image(name, kind, code, references, tables, lines, "", flags=flags)
