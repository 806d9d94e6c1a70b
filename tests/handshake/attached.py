"""What is attached to an interface, asked of the kernel; and the tables of running processes, to be written to."""

from __future__ import annotations

import struct

from hardtack.kernel import interfaces
from hardtack.kernel.bpf import buffer, call
from hardtack.kernel.links import DIRECTIONS
from hardtack.lab.links import Interface

PROG_QUERY = 16  # BPF_PROG_QUERY, linux/bpf.h
COUNT_AT = 24  # query.prog_cnt


def xdp_mode(interface: Interface) -> str:
    """ "driver", "generic", or "": none."""
    return interface.namespace.call(interfaces.find, interface.name).attached


def tcx_programs(interface: Interface) -> int:
    """How many programs see what comes in."""
    return interface.namespace.call(count_tcx, interface.index)


def count_tcx(index: int) -> int:
    """In this thread's network namespace."""
    request = buffer(struct.pack("=II", index, DIRECTIONS["ingress"]).ljust(64, b"\0"))
    call(PROG_QUERY, request)  # type: ignore[arg-type]
    return int(struct.unpack_from("=I", request.raw, COUNT_AT)[0])
