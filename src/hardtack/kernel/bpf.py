"""bpf(2) through ctypes: the commands, their arguments, and errors that say what to do.

Layouts are those of `union bpf_attr` in linux/bpf.h; a shorter attr than the kernel's means zeroes for the rest.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from enum import IntEnum
from functools import cache
from pathlib import Path

from hardtack.mistake import Mistake

NUMBERS = {"x86_64": 321, "aarch64": 280}  # of the system call: asm/unistd_64.h, asm-generic/unistd.h
NAME_SIZE = 16  # BPF_OBJ_NAME_LEN, with its final zero
CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF = 21, 12, 38, 39  # linux/capability.h
PRIVILEGES = "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"

libc = ctypes.CDLL(None, use_errno=True)  # CDLL lets go of the GIL for the duration of a call
Buffer = ctypes.Array[ctypes.c_char]


class Command(IntEnum):
    """enum bpf_cmd, as far as it is used here."""

    MAP_CREATE = 0
    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    MAP_DELETE_ELEM = 3
    MAP_GET_NEXT_KEY = 4
    PROG_LOAD = 5
    OBJ_PIN = 6
    OBJ_GET = 7
    PROG_TEST_RUN = 10
    PROG_GET_FD_BY_ID = 13
    MAP_GET_FD_BY_ID = 14
    OBJ_GET_INFO_BY_FD = 15
    PROG_QUERY = 16
    BTF_LOAD = 18
    MAP_LOOKUP_BATCH = 24
    LINK_CREATE = 28
    LINK_UPDATE = 29
    LINK_GET_FD_BY_ID = 30
    LINK_GET_NEXT_ID = 31
    LINK_DETACH = 34


class BpfError(OSError, Mistake):
    """A bpf(2) command that failed: which one, about what, the kernel's reason, and a remedy where one is known."""

    status = 1

    def __init__(self, number: int, command: Command, about: str, remedy: str = "") -> None:
        super().__init__(number, os.strerror(number))
        self.command = command
        self.about = about
        self.remedy = remedy or usual_remedy(number, command)

    def __str__(self) -> str:
        subject = f"{self.about}: " if self.about else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{subject}the kernel refused BPF_{self.command.name}: {self.strerror}{remedy}"


def buffer(data: bytes) -> Buffer:
    """A copy of `data` at an address of its own; keep the reference until the call that uses it is over."""
    return ctypes.create_string_buffer(data, len(data))


def space(size: int) -> Buffer:
    """`size` zero bytes for the kernel to write to."""
    return ctypes.create_string_buffer(size)


def address(memory: Buffer) -> int:
    """Where `memory` is, as bpf_attr wants it."""
    return ctypes.addressof(memory)


def call(command: Command, attr: Buffer, about: str = "") -> int:
    """Run one command: its result (a file descriptor or 0); the kernel may write to `attr`. Raises BpfError."""
    result = int(libc.syscall(syscall_number(), int(command), attr, len(attr)))
    if result < 0:
        raise BpfError(ctypes.get_errno(), command, about)
    return result


@cache
def syscall_number() -> int:
    """The number of bpf(2) on this machine; OSError where it is not known."""
    machine = os.uname().machine
    if machine not in NUMBERS:
        raise OSError(errno.ENOSYS, f"hardtack supports {' and '.join(NUMBERS)}, not {machine}")
    return NUMBERS[machine]


def usual_remedy(number: int, command: Command) -> str:
    """What to do about the errors that mean the same for every command."""
    if number in (errno.EPERM, errno.EACCES):
        if not privileged():
            return PRIVILEGES
        if command in (Command.MAP_CREATE, Command.PROG_LOAD) and kernel_version() < (5, 11):
            return "this kernel limits BPF memory by RLIMIT_MEMLOCK: set LimitMEMLOCK=infinity, or use Linux 5.11+"
        if command in (Command.OBJ_PIN, Command.OBJ_GET):
            return "the path must be on a bpffs: mount -t bpf bpf /sys/fs/bpf"
        return "a container's seccomp filter or kernel lockdown forbids it: check `dmesg` and the container's settings"
    if command == Command.OBJ_PIN and number == errno.EEXIST:
        return "something is already pinned there: remove it with `rm`"
    if number == errno.ENOSYS:
        return "this kernel was built without CONFIG_BPF_SYSCALL"
    if number == errno.ENOMEM:
        return "not enough memory: raise the memory limit of this service's cgroup, or ask for smaller tables"
    return ""


def privileged() -> bool:
    """Whether this process may load programs and attach them."""
    held = capabilities()
    needed = 1 << CAP_BPF | 1 << CAP_NET_ADMIN | 1 << CAP_PERFMON
    return bool(held & 1 << CAP_SYS_ADMIN) or held & needed == needed


def capabilities() -> int:
    """The effective capabilities of this process, one bit each."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def kernel_version() -> tuple[int, int]:
    """(6, 18) on Linux 6.18.44."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(digit for digit in minor if digit.isdigit()) or 0)


def object_name(name: str) -> bytes:
    """`name` as the kernel takes it: at most 15 letters, digits, underscores and points."""
    clean = "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name)
    return clean.encode("ascii")[: NAME_SIZE - 1]


def info(fd: int, size: int, about: str = "") -> bytes:
    """The first `size` bytes of the kernel's bpf_{map,prog,link}_info on `fd`; zeroes for what it does not know."""
    reply = space(size)
    call(Command.OBJ_GET_INFO_BY_FD, buffer(struct.pack("=IIQ", fd, size, address(reply))), about)
    return reply.raw


def pin(fd: int, path: Path, about: str) -> None:
    """Give the object a name under bpffs, which keeps it alive without us. Raises BpfError."""
    name = buffer(os.fsencode(path) + b"\0")
    call(Command.OBJ_PIN, buffer(struct.pack("=QII", address(name), fd, 0)), f"{about}: pinning at {path}")


def object_kind(fd: int) -> str:
    """What a descriptor from a pin is: "map", "link" or "prog" (it shows as "anon_inode:bpf-map")."""
    return str(Path(f"/proc/self/fd/{fd}").readlink())[-4:].lstrip("-_")


def unpinned(path: Path, about: str, flags: int = 0) -> int:
    """A file descriptor for the object pinned at `path`. Raises BpfError (ENOENT: nothing is there)."""
    name = buffer(os.fsencode(path) + b"\0")
    return call(Command.OBJ_GET, buffer(struct.pack("=QII", address(name), 0, flags)), f"{about}: adopting {path}")
