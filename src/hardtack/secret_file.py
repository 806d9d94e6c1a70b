"""Files with a secret, a key or a token: only their owner may touch them. Standard library only."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_secret(path: Path, what: str, instead: str, most: int) -> tuple[bytes, str]:
    """Up to `most` bytes of the file; or b"", and what is wrong with it and what to write. OSError if it cannot be opened.

    `what`: what is in it, as in "owns this key"; `instead`: what to give in place of what is no file.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO answers at once instead of waiting for a writer
    try:
        problem = fault(path, os.fstat(fd), what, instead)
        return (b"" if problem else os.read(fd, most)), problem
    finally:
        os.close(fd)


def fault(path: Path, status: os.stat_result, what: str, instead: str) -> str:
    """What is wrong with a file that is not one, or that others than root and this user may touch; "": nothing."""
    if not stat.S_ISREG(status.st_mode):
        return f"not a regular file; {instead}"
    if status.st_uid not in (0, os.geteuid()):
        return (
            f"uid {status.st_uid} owns this {what} and could have changed it; if it is still your {what}, "
            f"write: chown {os.geteuid()} {path}"
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        return f"users other than its owner can access this {what} (mode {mode}); write: chmod 600 {path}"
    return ""
