"""What can be wrong with a capture, in words: which file, where in it, and what."""

from __future__ import annotations

from pathlib import Path

from hardtack.captures.native.records import (
    FRAME_BEYOND,
    LONG_BLOCK,
    LONG_FRAME,
    NO_INTERFACE,
    ODD_BLOCK,
    OTHER_LENGTH,
    SHORT_BLOCK,
)
from hardtack.mistake import Mistake
from hardtack.printable import printable

FAULTS = {
    LONG_FRAME: "a frame of {told:,} captured bytes: the limit is {limit:,}",
    SHORT_BLOCK: "a block of {told:,} bytes: one of its type has at least {limit:,}",
    LONG_BLOCK: "a block of {told:,} bytes: the limit is {limit:,}",
    ODD_BLOCK: "a block of {told:,} bytes, which is not a multiple of {limit}",
    OTHER_LENGTH: "the length at the end of a block is {told:,}, at its beginning {limit:,}",
    NO_INTERFACE: "a frame of interface {told:,}: {limit:,} interfaces are described before it",
    FRAME_BEYOND: "a frame of {told:,} captured bytes in a block that has room for {limit:,}",
}

# What other files begin with
COMPRESSED = {
    b"\x1f\x8b": ("gzip", "zcat"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"),
    b"\xfd7zXZ": ("xz", "xzcat"),
    b"BZh": ("bzip2", "bzcat"),
    b"\x04\x22\x4d\x18": ("lz4", "lz4cat"),
}


STANDARD = Path("-")  # standard input


class NotACapture(Mistake):
    """A file of which nothing can be read as a capture."""

    status = 2


class Damaged(Mistake):
    """A capture that can be read only up to a place. `offset`: bytes from its beginning; `frames`: those before it."""

    status = 1

    def __init__(self, path: Path, offset: int, frames: int, what: str) -> None:
        self.path, self.offset, self.frames, self.what = path, offset, frames, what
        place = f"byte {offset:,}, after frame {frames:,}" if frames else f"byte {offset:,}, before the first frame"
        super().__init__(f"capture {printable(str(path))} is damaged at {place}: {what}")


def no_capture(path: Path, begin: bytes) -> NotACapture:
    """Why a file that begins so is none, and what to do about it."""
    name = printable(str(path))
    if not begin:
        return NotACapture(f"capture {name} is empty: it has not even a header")
    for magic, (kind, command) in COMPRESSED.items():
        if begin.startswith(magic):
            remedy = f"`{command} |` before the command" if path == STANDARD else f"`{command} {name} |` and - for the file"
            return NotACapture(f"capture {name} is compressed with {kind}: use {remedy}")
    what = f"it begins with the bytes {begin[:4].hex(' ')}" if len(begin) >= 4 else f"it has {len(begin)} bytes"
    return NotACapture(f"{name} is not a capture file (pcap or pcapng): {what}")
