"""Programs on interfaces, by BPF links: attached while the link lives, replaced atomically, kept by a pin.

A link goes when its last file descriptor and its pin have gone, so a crash leaves nothing attached that was not pinned.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from hardtack.kernel import bpf, netlink
from hardtack.kernel.bpf import BpfError, Command, buffer, call, info, pin, unpinned
from hardtack.kernel.maps import MismatchError
from hardtack.kernel.programs import Program

Mode = Literal["driver", "generic"]
Direction = Literal["ingress", "egress"]
Hook = Literal["xdp", "ingress", "egress"]
MODES = {"generic": 2, "driver": 4}  # XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE
XDP = 37  # BPF_XDP, an attach type
DIRECTIONS = {"ingress": 46, "egress": 47}  # BPF_TCX_INGRESS, BPF_TCX_EGRESS
FIRST = 1 << 3  # BPF_F_BEFORE, and no program named: before all others
XDP_LINK, TCX_LINK = 6, 11  # enum bpf_link_type
# Another program is there, the interface has gone, or we may not: the generic hook would say the same
NOT_THE_DRIVER = (errno.EBUSY, errno.EEXIST, errno.ENODEV, errno.EPERM)
NO_INTERFACE = "no such interface in this network namespace: see `ip link`"


class Link:
    """One program on one interface."""

    def __init__(self, fd: int, about: str) -> None:
        self.fd = fd
        self.about = about

    def update(self, program: Program) -> None:
        """Put `program` in the place of the one attached; no frame goes without one of the two. Raises BpfError."""
        call(Command.LINK_UPDATE, buffer(struct.pack("=IIII", self.fd, program.fd, 0, 0)), self.about)

    def pin(self, path: Path) -> None:
        """Name it under bpffs: the program then stays attached without this process. Raises BpfError."""
        pin(self.fd, path, self.about)

    def detach(self) -> None:
        """Take the program off now, pinned or not. The pin of such a link leads nowhere."""
        call(Command.LINK_DETACH, buffer(struct.pack("=I", self.fd)), self.about)

    def is_on(self, ifindex: int, hook: Hook) -> bool:
        """Whether it holds its program to this place: not any more once its interface has gone."""
        kind, _, _, where, direction = describe(self.fd)
        if hook == "xdp":
            return (kind, where) == (XDP_LINK, ifindex)
        return (kind, where, direction) == (TCX_LINK, ifindex, DIRECTIONS[hook])

    def close(self) -> None:
        """Let go; the program comes off unless the link is pinned."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    @property
    def ifindex(self) -> int:
        """The interface it is on; 0 once that has gone."""
        return describe(self.fd)[3]

    @property
    def program_id(self) -> int:
        """The kernel's id of the program attached."""
        return describe(self.fd)[2]

    @property
    def id(self) -> int:
        """The kernel's id of the link."""
        return describe(self.fd)[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def attach_xdp(program: Program, ifindex: int, mode: Mode = "driver") -> Link:
    """Run `program` on every frame that comes in: in the driver, or (slower) generic. Raises BpfError."""
    return attach(program, ifindex, XDP, MODES[mode], f"XDP ({mode} mode) on {interface_name(ifindex)}")


def attach_best(program: Program, generic: Callable[[], Program], ifindex: int) -> tuple[Link, str]:
    """Run `program` in the driver if it can be, else `generic` in the generic hook: why then, else "". Raises BpfError."""
    try:
        return attach_xdp(program, ifindex, "driver"), ""
    except BpfError as error:
        if error.errno in NOT_THE_DRIVER:
            raise
        return attach_xdp(generic(), ifindex, "generic"), str(error)


def attach_tcx(program: Program, ifindex: int, direction: Direction = "ingress", revision: int = 0) -> Link:
    """Run `program` before those already there, on frames that come in or go out. Raises BpfError.

    `revision`: of the chain as it must be (ESTALE: it has changed); 0: whatever it is.
    """
    return attach(program, ifindex, DIRECTIONS[direction], FIRST, f"tcx {direction} on {interface_name(ifindex)}", revision)


def attach(program: Program, ifindex: int, place: int, flags: int, about: str, revision: int = 0) -> Link:
    """BPF_LINK_CREATE, its errors explained."""
    attr = buffer(struct.pack("=IIII8xQ", program.fd, ifindex, place, flags, revision).ljust(48, b"\0"))
    try:
        return Link(call(Command.LINK_CREATE, attr, about), about)
    except BpfError as error:
        assert error.errno is not None
        remedy = xdp_remedy(error.errno, ifindex) if place == XDP else tcx_remedy(error.errno)
        raise BpfError(error.errno, error.command, about, remedy) from None


def adopt(path: Path) -> Link:
    """The link pinned at `path`. BpfError if nothing is there, MismatchError if it is something else."""
    fd = unpinned(path, "link")
    kind, _, _, ifindex, _ = describe(fd) if bpf.object_kind(fd) == "link" else (0, 0, 0, 0, 0)
    if kind not in (XDP_LINK, TCX_LINK):
        os.close(fd)
        raise MismatchError(f"{path} is not an XDP or tcx link: remove it with `rm {path}`")
    return Link(fd, f"{'XDP' if kind == XDP_LINK else 'tcx'} on {interface_name(ifindex)}")


def describe(fd: int) -> tuple[int, int, int, int, int]:
    """Type, id, program id, interface, direction (of a tcx link: DIRECTIONS) of a link: struct bpf_link_info."""
    kind, number, program, _, ifindex, direction = struct.unpack("=6I", info(fd, 24, "link"))
    return kind, number, program, ifindex, direction


def interface_name(ifindex: int) -> str:
    """Its name in this network namespace, or its number."""
    try:
        return socket.if_indextoname(ifindex)
    except OSError:
        return f"interface {ifindex}"


def xdp_remedy(number: int, ifindex: int) -> str:
    """What stands in the way of an XDP link, and what to do."""
    name = interface_name(ifindex)
    if name not in (known for _, known in socket.if_nameindex()):
        return NO_INTERFACE
    if number in (errno.EBUSY, errno.EEXIST):
        return occupant(ifindex, name)
    if number == errno.EOPNOTSUPP:
        return f"the driver of {name} has no native XDP support: use generic mode"
    if number in (errno.EINVAL, errno.ERANGE, errno.E2BIG, errno.ENOSPC):
        return f"the driver may need a smaller MTU (ip link set {name} mtu 1500), LRO off, or fewer queues: see `dmesg`"
    return ""


def tcx_remedy(number: int) -> str:
    """What stands in the way of a tcx link, and what to do."""
    if number == errno.EINVAL:
        return "this kernel has no tcx links: Linux 6.6 or newer is needed"
    return NO_INTERFACE if number == errno.ENODEV else ""


def occupant(ifindex: int, name: str) -> str:
    """Which XDP program is on the interface now, by a link or by netlink, and how to take it off."""
    _, number = netlink.xdp_program(netlink.link(ifindex))
    program = program_name(number) if number else "another program"
    for link in links_of(number, ifindex):
        return f"{program} is attached to {name} by link {link}: stop its process, or `bpftool link detach id {link}`"
    return f"{program} is attached to {name}: stop its process, or `ip link set dev {name} xdp off`"


def links_of(number: int, ifindex: int) -> list[int]:
    """The ids of the XDP links that hold this program to this interface.

    The program is asked for because links tell no namespace, and each namespace has an interface of this number.
    """
    found = []
    link = 0
    while link := next_link(link):
        try:
            fd = call(Command.LINK_GET_FD_BY_ID, buffer(struct.pack("=I", link)))
        except BpfError:
            continue  # it went meanwhile
        try:
            kind, _, program, where, _ = describe(fd)
        finally:
            os.close(fd)
        if (kind, program, where) == (XDP_LINK, number, ifindex):
            found.append(link)
    return found


def next_link(link: int) -> int:
    """The id of the link after `link`; 0 if it was the last, or we may not ask."""
    attr = buffer(struct.pack("=III", link, 0, 0))
    try:
        call(Command.LINK_GET_NEXT_ID, attr)
    except BpfError:
        return 0
    return int(struct.unpack_from("=I", attr.raw, 4)[0])


def program_name(number: int) -> str:
    """`program "x" (id 7)`."""
    try:
        fd = call(Command.PROG_GET_FD_BY_ID, buffer(struct.pack("=I", number)))
    except BpfError:
        return f"program id {number}"
    try:
        name = info(fd, 80)[64:80].rstrip(b"\0").decode("ascii", "replace")
    finally:
        os.close(fd)
    return f'program "{name}" (id {number})'
