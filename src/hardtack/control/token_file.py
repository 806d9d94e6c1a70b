"""A file with a secret that another service wants, a token or user:password: only its owner may read it, as a key file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hardtack.mistake import Mistake

LONGEST = 4096  # bytes


class TokenFileError(Mistake):
    """It cannot be used; says which file, why, and what to do. Never what is in it."""


def read_token(path: Path) -> str:
    """What is in the file, without the line's end. TokenFileError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO answers at once instead of waiting for a writer
    except OSError as error:
        raise TokenFileError(f"{path}: cannot read this token file: {error.strerror}") from error
    try:
        if problem := fault(path, os.fstat(fd)):
            raise TokenFileError(f"{path}: {problem}")
        text = os.read(fd, LONGEST + 1).rstrip(b"\r\n")
    finally:
        os.close(fd)
    if not text or len(text) > LONGEST or not all(33 <= byte <= 126 for byte in text):
        raise TokenFileError(f"{path}: not a token: write it on one line, or user:password, without spaces")
    return text.decode("ascii")


def fault(path: Path, status: os.stat_result) -> str | None:
    """What is wrong with the file, and what to do."""
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file; put the token into one"
    if status.st_uid not in (0, os.geteuid()):
        return f"uid {status.st_uid} owns this token; write: chown {os.geteuid()} {path}"
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        return f"users other than its owner can read this token (mode {mode}); write: chmod 600 {path}"
    return None
