"""The master key file and the epochs' keys made from it: all that fronts and agents share. Standard library only.

The file holds 64 hex digits and a newline, and nobody but its owner may read it. Nothing here puts a key, or a part of
one, into a message.
"""

from __future__ import annotations

import errno
import hmac
import os
import re
import secrets
import struct
from dataclasses import dataclass, field
from pathlib import Path

from hardtack.mistake import Mistake
from hardtack.secret_file import read_secret

MASTER_SIZE = 32  # bytes
KEY_SIZE = 16  # bytes of an epoch's key: SipHash's
EPOCH = 64  # s; a cookie lives half of one to one and a half: its parity bit leaves its checker one epoch to try
AHEAD = -(-3600 // EPOCH)  # epochs written ahead: an hour in which the control process may be away
LABEL = b"hardtack cookie 1"
FORM = re.compile(rb"[0-9a-fA-F]{%d}\n?" % (2 * MASTER_SIZE))


class KeyFileError(Mistake):
    """A key file that cannot be used or made; says which, why, and what to type."""


@dataclass(frozen=True)
class Masters:
    """What a set of keys is made of: cookies are made by `new`, and taken of `old`, too, if there is one. Never shown."""

    new: bytes = field(repr=False)
    old: bytes | None = field(default=None, repr=False)


def make_key(path: Path) -> None:
    """Write a new random master key to `path`, mode 0600. KeyFileError if anything is there already."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise KeyFileError(f"{path}: {why_not_made(path, error)}") from error
    try:
        with os.fdopen(fd, "w", encoding="ascii") as file:
            os.fchmod(fd, 0o600)  # whatever the umask
            file.write(secrets.token_hex(MASTER_SIZE) + "\n")
            file.flush()
            os.fsync(fd)
    except OSError as error:
        path.unlink(missing_ok=True)  # half a key would be found on the next try and kept
        raise KeyFileError(f"{path}: cannot write the key: {error.strerror}") from error


def why_not_made(path: Path, error: OSError) -> str:
    """What stood in the way of a new key file, and what to do about it."""
    if error.errno == errno.EEXIST and path.exists() and not path.is_file():
        return "exists already, and is not a regular file; give another name"
    if error.errno == errno.EEXIST:
        return (
            "exists already, and other machines may use it; give another name, or to replace the key remove it first: "
            f"rm {path}"
        )
    if error.errno == errno.ENOENT:
        return f"no such folder; create it first: mkdir -p {path.parent}"
    if error.errno == errno.EACCES:
        return "permission denied; run as root or give another path"
    return f"cannot create it: {error.strerror}"


def read_key(path: Path) -> bytes:
    """The 32 bytes of the master key in `path`. KeyFileError if it is missing, somebody else's, or no key."""
    try:
        text, problem = read_secret(path, "key", "give a file created with: hardtack key FILE", 2 * MASTER_SIZE + 2)
    except OSError as error:
        raise KeyFileError(f"{path}: {why_not_read(path, error)}") from error
    if problem:
        raise KeyFileError(f"{path}: {problem}")
    if not FORM.fullmatch(text):
        raise KeyFileError(
            f"{path}: not a key: it must hold {2 * MASTER_SIZE} hex digits and a newline; copy it from another front "
            "or agent, or create a new one under another name: hardtack key FILE"
        )
    return bytes.fromhex(text.decode("ascii"))


def read_masters(key_file: Path, old_key_file: Path | None = None) -> Masters:
    """The keys in these files. KeyFileError as `read_key`, and if they are the same."""
    masters = Masters(read_key(key_file), read_key(old_key_file) if old_key_file else None)
    if old_key_file and masters.new == masters.old:
        raise same_key(key_file, old_key_file)
    return masters


def same_key(key_file: Path, old_key_file: Path) -> KeyFileError:
    """Two files where one would do; most likely one of them is not what it should be."""
    return KeyFileError(
        f"{old_key_file}: the same key as in {key_file}; give the previous key, or the next one, "
        "or leave it out"
    )


def why_not_read(path: Path, error: OSError) -> str:
    """What stood in the way of reading a key file, and what to do about it."""
    if error.errno == errno.ENOENT:
        return f"no such key file; copy it from another front or agent, or create the first one: hardtack key {path}"
    if error.errno == errno.EACCES:
        return "permission denied; run as root, or as the owner of this key file"
    return f"cannot read this key file: {error.strerror}"


def epoch_of(seconds: float) -> int:
    """The number of the epoch that unix time `seconds` falls into."""
    return int(seconds // EPOCH)


def epoch_key(master: bytes, epoch: int) -> bytes:
    """The 16 bytes of an epoch's key: HMAC-SHA256 under the master key, cut short."""
    return hmac.digest(master, LABEL + struct.pack("<Q", epoch), "sha256")[:KEY_SIZE]


def schedule(master: bytes, now: float) -> list[tuple[int, bytes]]:
    """Epochs and their keys at unix time `now`, from the last one (its cookies still live) to an hour ahead."""
    epoch = epoch_of(now)
    return [(number, epoch_key(master, number)) for number in range(max(epoch - 1, 0), epoch + AHEAD + 1)]
