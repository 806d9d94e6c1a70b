"""What an expression costs on frames, in native code and in the kernel, beside a program that does nothing.

A mean over frames, the best of a few rounds.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence

from hardtack.image import Image, ProgramKind
from hardtack.kernel import programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.programs import Program
from hardtack.pcap.classic import RETURN, Instruction
from hardtack.pcap.libpcap import Expression, Link
from hardtack.pcap.native import Batch, Matcher
from hardtack.pcap.programs import HAS_FRAGMENTS, matcher

NOTHING = Expression("", (Instruction(RETURN, 0, 0, 1),))
MANY, CACHED = 512, 1 << 18  # frames side by side in memory, and their bytes
ROUNDS = 5
SPAN = 0.01  # s that a round of native code takes
REPEAT = 20_000  # runs of each frame in the kernel
FEW = 8  # frames that the kernel is given
SHORTEST, LONGEST = 60, 3400  # bytes of a frame that BPF_PROG_TEST_RUN takes as it is; shorter ones are padded, as on a wire


def native(expression: Expression, frames: Sequence[bytes]) -> float:
    """ns a frame, one after another."""
    size = max(1, sum(map(len, frames)))
    batch = Batch([*frames] * max(1, min(MANY // len(frames), CACHED // size)))
    codes = [Matcher([each]) for each in (expression, NOTHING)]
    times = max(1, int(SPAN / max(timed(batch, codes[0], 1), 1e-6)))
    full, empty = (min(timed(batch, code, times) for _ in range(ROUNDS)) for code in codes)
    return max(0.0, full - empty) / times / batch.count * 1e9


def timed(batch: Batch, code: Matcher, times: int) -> float:
    """Seconds for all of a batch, so many times."""
    started = time.perf_counter()
    for _ in range(times):
        code.run(batch)
    return time.perf_counter() - started


def in_kernel(program: Program, frames: Sequence[bytes]) -> float:
    """ns a frame. BpfError."""
    kind = program.image.kind
    empty = Image("empty", kind, returning(0), (), (), (), "", flags=HAS_FRAGMENTS if kind == "xdp" else 0)
    chosen = [padded(frame, kind) for frame in frames[:: max(1, len(frames) // FEW)][:FEW]]
    with programs.load(empty, {}) as nothing:
        return max(0.0, sum(run(program, frame) - run(nothing, frame) for frame in chosen) / len(chosen))


def padded(frame: bytes, kind: ProgramKind) -> bytes:
    """As BPF_PROG_TEST_RUN takes it; at tcx before it stands an Ethernet header, which our programs there skip."""
    header = bytes(12) + (b"\x86\xdd" if frame[:1] >= b"\x60" else b"\x08\x00") if kind == "tcx" else b""
    return (header + frame).ljust(SHORTEST, b"\0")[:LONGEST]


def run(program: Program, frame: bytes) -> int:
    """The best of some means."""
    return min(program.test_run(frame, REPEAT).nanoseconds for _ in range(ROUNDS))


def loaded(expression: Expression) -> Program:
    """The expression as a program in the kernel. Raises what programs.load does."""
    return programs.load(matcher([expression], "xdp" if expression.link == "ethernet" else "tcx"), {})


def samples(link: Link) -> list[bytes]:
    """Frames that any network has: SYN, data, DNS, ping, over IPv4 and IPv6."""
    tcp = struct.pack("!HHIIBBHHH", 40000, 443, 1, 0, 0x50, 2, 64240, 0, 0)
    data = struct.pack("!HHIIBBHHH", 40000, 80, 1, 1, 0x50, 16, 500, 0, 0) + bytes(500)
    udp, ping = struct.pack("!HHHH", 53, 33333, 60, 0) + bytes(52), struct.pack("!BBHHH", 8, 0, 0, 1, 1) + bytes(56)
    made = []
    for protocol, payload in ((6, tcp), (6, data), (17, udp), (1, ping)):
        four = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 57, protocol, 0)
        made.append((0x0800, four + bytes((198, 51, 100, 7, 192, 0, 2, 10)) + payload))
        ends = bytes.fromhex("20010db8" + "00" * 11 + "07" + "20010db8" + "00" * 11 + "0a")
        six = struct.pack("!IHBB", 6 << 28, len(payload), 58 if protocol == 1 else protocol, 57) + ends
        made.append((0x86DD, six + payload))
    macs = bytes.fromhex("0200000000010200000000ff")
    return [(macs + struct.pack("!H", kind) if link == "ethernet" else b"") + packet for kind, packet in made]
