"""Least privilege: a process that has set up its programs and tables goes on as nobody in particular, with all its threads.

Capabilities, like "no new privileges", belong to a thread. What a thread has, those that it starts have too, and only it
can give it up; but when the C library changes the user, it does so in every thread, and the kernel takes all capabilities
from a thread that is root no more. So: `prepare` before there are others, `drop` when everything is set up.
"""

from __future__ import annotations

import ctypes
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from hardtack.kernel.bpf import CAP_BPF, capabilities, kernel_version, libc
from hardtack.mistake import Mistake

USER = "hardtack"  # etc/sysusers.d/hardtack.conf makes it
# Where that user is not: of those that systemd's "Users, Groups, UIDs and GIDs" leaves to nobody, so that no other process
# has it. `nobody` would not do: processes of one user may signal each other.
UNUSED = 2_100_000_000
CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID = 2, 6, 7  # linux/capability.h
VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
# linux/prctl.h
PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NAME, PR_SET_NO_NEW_PRIVS = 1, 2, 4, 8, 15, 38
TABLES_WITHOUT_CAPABILITY = (5, 19)  # since then an open table can be written without CAP_BPF (commit c8644cd0efe7)
SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")  # in /proc/PID/task/TID/status


class NotDropped(Mistake):
    """More rights would stay than a front or an agent may have."""

    status = 1


def prepare() -> None:
    """To be called before there are threads, so before numpy: it has some, as many as OpenBLAS thinks fit.

    NotDropped for a root that may not become somebody else: better now than when everything is set up.
    """
    held = capabilities()
    if os.geteuid() == 0 and held and not (held >> CAP_SETUID & held >> CAP_SETGID & 1):
        raise NotDropped(
            "the process changes to another user once everything is set up: add CAP_SETUID and CAP_SETGID to "
            "the capabilities of this service, or start it as a user with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
        )
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # nothing here multiplies matrices
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    effective, permitted, _ = held_sets()
    set_capabilities(effective, permitted)


def drop(keep: int | None = None) -> None:
    """Give up every capability in every thread, for good, but those of `keep`; root becomes `heir`. NotDropped.

    `keep`, in this thread, is by default what writing to open tables takes on this kernel.
    """
    keep = needed(kernel_version()) if keep is None else keep
    try:
        when_parent_dies = death_signal()
        if 0 in os.getresuid():
            change_user(*heir(), keep_capabilities=bool(keep))
        set_capabilities(keep, keep)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(PR_SET_DUMPABLE, 0)  # nobody but root may look into this memory: the master key is in it
        prctl(PR_SET_PDEATHSIG, when_parent_dies)  # forgotten when the user changes
    except OSError as error:
        raise NotDropped(f"cannot drop capabilities: {error.strerror}") from error
    if left := [*too_much(keep)]:
        raise NotDropped(f"this process would keep too many privileges: {'; '.join(left)}")


def restrict(keep: int) -> None:
    """Give up every capability but those of `keep`; the user stays. Before there are threads. OSError."""
    _, permitted, _ = held_sets()
    set_capabilities(permitted & keep, permitted & keep)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)


def name_process(name: bytes) -> None:
    """As `ps` shows it: at most 15 bytes. OSError."""
    checked(libc.prctl(PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0))


def needed(kernel: tuple[int, int]) -> int:
    """The capabilities that it takes to write to open tables, one bit each."""
    return 0 if kernel >= TABLES_WITHOUT_CAPABILITY else 1 << CAP_BPF


def heir() -> tuple[int, int]:
    """User and group to go on as."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return UNUSED, UNUSED
    return user.pw_uid, user.pw_gid


def change_user(uid: int, gid: int, keep_capabilities: bool) -> None:
    """In every thread, through the C library; the others lose their capabilities by it. OSError."""
    prctl(PR_SET_KEEPCAPS, int(keep_capabilities))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    prctl(PR_SET_KEEPCAPS, 0)


def too_much(keep: int, tasks: Path = Path("/proc/self/task")) -> Iterator[str]:
    """What each thread of this process has and should not have."""
    for path in sorted(tasks.iterdir()):
        try:
            text = (path / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        facts = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        held = {name: int(facts[name], 16) & ~keep for name in SETS}
        excess = [f"{name}={bits:x}" for name, bits in held.items() if bits]
        excess += ["uid 0"] if "0" in facts["Uid"].split() else []
        excess += ["new privileges by exec"] if facts["NoNewPrivs"] != "1" else []
        if excess:
            yield f"thread {path.name} ({facts['Name']}): {', '.join(excess)}"


def held_sets() -> tuple[int, int, int]:
    """This thread's capabilities: effective, permitted, inheritable. OSError."""
    header, sets = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
    checked(libc.capget(header, sets))
    effective, permitted, inheritable = (sets[at] | sets[at + 3] << 32 for at in range(3))
    return effective, permitted, inheritable


def set_capabilities(effective: int, permitted: int) -> None:
    """This thread's; none to be inherited by what it executes. OSError."""
    words = [bits >> shift & 0xFFFFFFFF for shift in (0, 32) for bits in (effective, permitted, 0)]
    checked(libc.capset((ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)(*words)))


def death_signal() -> int:
    """The signal that comes when the parent dies; 0: none. OSError."""
    number = ctypes.c_int()
    checked(libc.prctl(PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0))
    return number.value


def prctl(option: int, value: int) -> None:
    """prctl(2). OSError."""
    checked(libc.prctl(option, value, 0, 0, 0))


def checked(result: int) -> None:
    """OSError unless a call worked."""
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
