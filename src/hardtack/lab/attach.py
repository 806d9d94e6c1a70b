"""The lab's own packet programs on the lab's own interfaces."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from hardtack.compiler.objects import compiled
from hardtack.compiler.program import Source
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.links import Link, attach_xdp
from hardtack.kernel.programs import load
from hardtack.lab import programs
from hardtack.lab.links import Interface


def attach(interface: Interface, source: Source) -> Link:
    """Put a program without tables on an interface, until the link is closed. BpfError if one is there."""
    with load(compiled(source), {}) as program:
        return interface.namespace.call(attach_xdp, program, interface.index)


@contextmanager
def sink(interface: Interface) -> Iterator[None]:
    """Drop what a flood's answers bring, unless the interface has an XDP program already.

    A flood needs one there in any case: without, a veth has no receive queue for live frames to come from.
    """
    try:
        link = attach(interface, programs.SINK)
    except BpfError as error:
        if error.errno not in (errno.EBUSY, errno.EEXIST):
            raise
        yield
    else:
        with link:
            yield
