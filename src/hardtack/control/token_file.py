"""A file with a secret that another service wants, a token or user:password: only its owner may read it, as a key file."""

from __future__ import annotations

from pathlib import Path

from hardtack.mistake import Mistake
from hardtack.secret_file import read_secret

LONGEST = 4096  # bytes


class TokenFileError(Mistake):
    """It cannot be used; says which file, why, and what to do. Never what is in it."""


def read_token(path: Path) -> str:
    """What is in the file, without the line's end. TokenFileError."""
    try:
        content, problem = read_secret(path, "token", "put the token into one", LONGEST + 1)
    except OSError as error:
        raise TokenFileError(f"{path}: cannot read this token file: {error.strerror}") from error
    if problem:
        raise TokenFileError(f"{path}: {problem}")
    text = content.rstrip(b"\r\n")
    if not text or len(text) > LONGEST or not all(33 <= byte <= 126 for byte in text):
        raise TokenFileError(f"{path}: not a token: write it on one line, or user:password, without spaces")
    return text.decode("ascii")
