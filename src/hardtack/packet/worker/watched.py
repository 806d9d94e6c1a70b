"""A frame that a tap wants goes to the taps' programs in the kernel: a system call for each, 1 to 2 microseconds."""

from __future__ import annotations

import platform

from hardtack.compiler.language import address, i64, inlined, store32, store64, u64
from hardtack.compiler.memory import number_of, pointer_at
from hardtack.compiler.rings import syscall
from hardtack.packet.tap_tables import LAST_SHIFT, offset_of

BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine(), 0)  # the system call
PROG_TEST_RUN = 10  # enum bpf_cmd
SIZE_IN, DATA_IN = 8, 16  # in union bpf_attr: how many bytes, and where they are
RECORD = offset_of("when")
HEADER = offset_of("frame") - RECORD
XDP_BITS = 0xFF  # of an action; above, a worker has where to


@inlined
def show_taps(own, tapped):
    """Have packet/relay.py run on it."""
    tapped.when, tapped.wanted = tapped.wanted | tapped.last << u64(LAST_SHIFT), u64(0)
    tapped.action = i64(tapped.action) & XDP_BITS
    if own.run:
        store32(pointer_at(own.run), SIZE_IN, HEADER + i64(tapped.captured))
        store64(pointer_at(own.run), DATA_IN, number_of(address(tapped)) + u64(RECORD))
        syscall(BPF, u64(PROG_TEST_RUN), own.run, u64(own.run_size))
