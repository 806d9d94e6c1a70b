"""Disk images: a folder as an ext4 file system in a file, made without root and without mounting anything."""

from __future__ import annotations

import compileall
import os
import py_compile
import sys
from pathlib import Path

from hardtack.lab.machines.tools import Tools

ROOM = 64  # MB besides the files
PLAIN = "^has_journal,^metadata_csum,^64bit,^orphan_file"  # read by every kernel, whatever made it


def image(tools: Tools, folder: Path, path: Path) -> Path:
    """All of a folder, in a new image at `path`. Whole or not at all."""
    megabytes = size(folder) * 11 // 10 // 2**20 + ROOM
    fresh = path.with_suffix(f".{os.getpid()}")
    tools.run("sbin/mke2fs", "-q", "-F", "-t", "ext4", "-O", PLAIN, "-m", 0, "-d", folder, fresh, f"{megabytes}M")
    fresh.rename(path)
    return path


def precompile(folder: Path) -> None:
    """Byte code for the guest's Python, if it is of this one's version: under emulation, to compile takes a minute."""
    if sys.version_info[:2] == (3, 11):
        compileall.compile_dir(folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def size(folder: Path) -> int:
    """Bytes that its files take, in blocks of 4 KB."""
    return sum((path.lstat().st_size + 4096) // 4096 * 4096 for path in folder.rglob("*"))
