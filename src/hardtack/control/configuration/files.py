"""Configuration files from the disk: regular files of bounded size, as text. Nothing here waits for a writer."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hardtack.control.configuration.tokens import line_at

MOST_BYTES = 16_000_000  # in all the files of a configuration together
KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
BYTE_ORDER_MARK = "\ufeff"


class Unread(Exception):
    """Why a file cannot be used, and the line, if it has one for it."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.why, self.line = why, line


class Reader:
    """Reads files, as much as is allowed in all."""

    def __init__(self, left: int = MOST_BYTES) -> None:
        self.left = left

    def text(self, path: Path) -> str:
        """A file's text; its lines end with "\\n". Unread."""
        try:
            data = regular(path, self.left)
        except (OSError, ValueError) as error:
            raise Unread(f"cannot read it: {why(error)}; it must be a file that this user can read") from error
        if len(data) > self.left:
            raise Unread(f"with it the configuration has more than {MOST_BYTES:,} bytes in all its files, the limit")
        self.left -= len(data)
        return decoded(data)


def regular(path: Path, most: int) -> bytes:
    """What is in a regular file; one byte more than `most` if there is more. OSError, ValueError, Unread."""
    with open(path, "rb", opener=opened) as file:
        kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)
        if kind != stat.S_IFREG:
            raise Unread(f"found {KINDS.get(kind, 'no file')}; write a regular file")
        return file.read(most + 1)


def opened(path: str, flags: int) -> int:
    """A descriptor: of a FIFO, too, without waiting for a writer; a terminal does not become ours."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def why(error: OSError | ValueError) -> str:
    """What kept a file from being read. ValueError: a NUL in its path."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def decoded(data: bytes) -> str:
    """UTF-8 as text. Unread."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unread("found UTF-16; save the file as UTF-8", 1)
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unread(f"found byte {data[error.start]:#04x}; write UTF-8 text", line) from error
    if BYTE_ORDER_MARK in text:
        line = line_at(text, text.index(BYTE_ORDER_MARK))
        raise Unread("found a byte order mark (U+FEFF); save the file as UTF-8 without it", line)
    return text
