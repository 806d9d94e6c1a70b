"""Programs: loaded from an image, and run on one frame or on a flood of them."""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hardtack.image import Image
from hardtack.kernel import lineinfo, refusal, relocation
from hardtack.kernel.bpf import BpfError, Buffer, Command, address, buffer, call, info, object_name, space
from hardtack.kernel.lineinfo import Source
from hardtack.kernel.maps import Map
from hardtack.kernel.refusal import VerifierRefusal

__all__ = ["Program", "TestRun", "VerifierRefusal", "load"]

TYPES = {"xdp": 6, "tcx": 3}  # BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS
ATTACH_TYPES = {"xdp": 37, "tcx": 46}  # BPF_XDP, BPF_TCX_INGRESS (which does not bind a program to ingress)
INFO_SIZE = 232  # struct bpf_prog_info
VERIFIED = 216  # verified_insns in it
LOG_SIZE = 1 << 24
WALK, LAST_WORDS = 1, 4  # BPF_LOG_LEVEL1; BPF_LOG_STATS: not how it walked, which for a million instructions takes 10 s
ATTEMPTS = 5  # the verifier gives up with EAGAIN when a signal arrives
ROOM = 1024  # bytes by which a program under test may let a frame grow
ENOTSUPP = 524  # the kernel's own, linux/errno.h: the verifier says it of what a JIT cannot do
REFUSALS = (errno.EINVAL, errno.EACCES, errno.EFAULT, errno.E2BIG, errno.EPERM, ENOTSUPP)
LIVE_FRAMES = 2  # BPF_F_TEST_XDP_LIVE_FRAMES


@dataclass(frozen=True)
class TestRun:
    """What a program did with one frame, and the mean time it took."""

    __test__ = False  # no test case, whatever pytest thinks of its name

    verdict: int
    frame: bytes
    nanoseconds: int


class Program:
    """A verified program. `verified`: instructions the verifier walked; `seconds`: how long loading took."""

    def __init__(self, fd: int, image: Image, seconds: float) -> None:
        self.fd = fd
        self.image = image
        self.seconds = seconds
        facts = info(fd, INFO_SIZE, f"program {image.name}")
        self.id: int = struct.unpack_from("=I", facts, 4)[0]
        self.verified: int = struct.unpack_from("=I", facts, VERIFIED)[0]

    def test_run(self, frame: bytes, repeat: int = 1, ifindex: int = 0) -> TestRun:
        """Run it on `frame` (14 bytes to some 9 KB; tcx programs: 3.4 KB), as if it came in by `ifindex`.

        With `repeat`, a program that changes the frame sees its own work again; the time is the mean. Raises BpfError.
        """
        back = space(len(frame) + ROOM)
        reply = self._test(frame, repeat, self._context(frame, ifindex), back=back)
        verdict, _, size = struct.unpack_from("=iII", reply, 4)  # signed: TCX_NEXT is -1
        return TestRun(verdict, back.raw[:size], struct.unpack_from("=I", reply, 36)[0])

    def run_live(self, frame: bytes, repeat: int, ifindex: int, batch: int = 64) -> int:
        """Send `repeat` frames through an XDP program for real, as if they came in by `ifindex`: ns per frame.

        Its verdicts are carried out: XDP_TX and redirects leave by an interface. Frames are recycled pages, so the
        program must write all of each frame. A signal ends it early with BpfError (EINTR).
        """
        reply = self._test(frame, repeat, self._context(frame, ifindex), flags=LIVE_FRAMES, batch=batch)
        return int(struct.unpack_from("=I", reply, 36)[0])

    def close(self) -> None:
        """Let go of it; a link that still uses it keeps it alive."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _context(self, frame: bytes, ifindex: int) -> bytes:
        if not ifindex:
            return b""
        if self.image.kind == "xdp":  # struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index
            return struct.pack("=5I4x", 0, len(frame), 0, ifindex, 0)
        return struct.pack("=36xIII", ifindex, ifindex, 0)  # struct __sk_buff: ingress_ifindex, ifindex, tc_index

    def _test(
        self, frame: bytes, repeat: int, context: bytes, *, back: Buffer | None = None, flags: int = 0, batch: int = 0
    ) -> bytes:
        given, about = buffer(frame), buffer(context)  # named, so that they live until the call is over
        attr = buffer(
            struct.pack(
                "=IIIIQQIIIIQQIIII",
                *(self.fd, 0, len(frame), len(back) if back else 0, address(given), address(back) if back else 0),
                *(repeat, 0, len(context), 0, address(about) if context else 0, 0, flags, 0, batch, 0),
            )
        )
        try:
            call(Command.PROG_TEST_RUN, attr, f"program {self.image.name}")
        except BpfError as error:
            if error.errno == errno.EINVAL:
                error.remedy = f"it tests frames of 14 bytes to some 9 KB (tcx: 3.4 KB), this one has {len(frame)}"
            raise
        return attr.raw


def load(image: Image, maps: Mapping[str, Map]) -> Program:
    """Have the kernel verify and take `image`, its references filled in from `maps`.

    VerifierRefusal: the program is at fault; BpfError: we or the kernel are; ImageError, BtfError: see relocation.
    """
    code = relocation.fill(image, maps)
    started = time.perf_counter()
    source = source_lines(image)
    try:
        fd = submit(image, code, source)
    finally:
        source.close()
    return Program(fd, image, time.perf_counter() - started)


def source_lines(image: Image) -> Source:
    """The image's lines as the kernel can hold them; nothing if it cannot: they serve people only."""
    try:
        return lineinfo.load(image) if image.lines else Source()
    except BpfError:
        return Source()


def submit(image: Image, code: bytes, source: Source) -> int:
    """Load at full speed, without a log; after a refusal once more, to hear why."""
    try:
        return request(image, code, source, Log())
    except BpfError as error:
        if error.errno not in REFUSALS:
            raise
        return asked_why(image, code, source, error)


def asked_why(image: Image, code: bytes, source: Source, error: BpfError) -> int:
    """A program that was refused, once more. How it was walked is of use where that was not too far, or lines are known."""
    for level in (WALK,) if image.lines else (LAST_WORDS, WALK):
        log = Log(level)
        try:
            return request(image, code, source, log)
        except BpfError:
            if refusal.TOO_LARGE.search(log.text()):
                break
    if not log.text():
        raise error
    raise refusal.explain(image, log.text()) from None


def takes(image: Image, maps: Mapping[str, Map]) -> bool:
    """Whether the kernel takes `image`. As `load`, but nobody is told why not: that would take long."""
    try:
        os.close(request(image, relocation.fill(image, maps), Source(), Log()))
    except BpfError as error:
        if error.errno not in REFUSALS:
            raise
        return False
    return True


class Log:
    """Room for the verifier to write to, so much as `level` says; none for 0."""

    def __init__(self, level: int = 0) -> None:
        self.level, self.size = level, LOG_SIZE if level else 0
        self.memory = space(self.size) if level else None

    def text(self) -> str:
        """What it wrote."""
        return self.memory.value.decode("utf-8", "replace") if self.memory else ""


def request(image: Image, code: bytes, source: Source, log: Log) -> int:
    """BPF_PROG_LOAD: the program's descriptor. Raises BpfError."""
    instructions, license = buffer(code), buffer(image.license.encode() + b"\0")
    functions, lines = buffer(source.functions), buffer(source.lines)
    attr = struct.pack(
        "=IIQQIIQII16sIIIIQIIQI4x",
        *(TYPES[image.kind], len(code) // 8, address(instructions), address(license)),
        *(log.level, log.size, address(log.memory) if log.memory else 0, 0, image.flags),
        *(object_name(image.name), 0, ATTACH_TYPES[image.kind]),
        *(source.types, lineinfo.FUNCTION_SIZE, address(functions), len(source.functions) // lineinfo.FUNCTION_SIZE),
        *(lineinfo.LINE_SIZE, address(lines), len(source.lines) // lineinfo.LINE_SIZE),
    )
    for _ in range(ATTEMPTS - 1):
        try:
            return call(Command.PROG_LOAD, buffer(attr.ljust(120, b"\0")), f"program {image.name}")
        except BpfError as error:
            if error.errno != errno.EAGAIN:
                raise
    return call(Command.PROG_LOAD, buffer(attr.ljust(120, b"\0")), f"program {image.name}")
