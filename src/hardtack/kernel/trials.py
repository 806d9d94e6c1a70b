"""Is it there? Each trial asks the kernel for the thing itself, and leaves no trace."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

from hardtack.image import Image, ProgramKind, Reference
from hardtack.kernel import bpf, btf, links, programs
from hardtack.kernel.assembly import ADD, CALL, FRAME, JUMP_EQUAL, MOV, MOV_REGISTER, STORE_LONG, op, returning
from hardtack.kernel.bpf import BpfError, libc
from hardtack.kernel.datapath import Datapath
from hardtack.mistake import Mistake

XDP_DROP, XDP_PASS = 1, 2
HAS_FRAGMENTS = 32  # BPF_F_XDP_HAS_FRAGS
KTIME_GET_COARSE_NS, XDP_LOAD_BYTES, XDP_GET_BUFF_LEN = 160, 189, 188  # helpers: linux/bpf.h
SKC_LOOKUP_TCP, SKC_TO_TCP_SOCK, SK_RELEASE = 99, 137, 86
ASSIGN = "bpf_sk_assign_tcp_reqsk"
LO, NOWHERE = 1, 0x7FFFFFFF  # interfaces: lo has number 1 in every network namespace; the other is in none
FEW = 64  # entries of a table that is only tried
JITED_SIZE = 16  # jited_prog_len in struct bpf_prog_info
SETTINGS = Path("/proc/sys/net/ipv4")  # IPv6's too
TIME_ERROR = 5  # of adjtimex(2): nobody keeps the clock in step


def xdp_programs() -> bool:
    """Whether it takes any XDP program at all."""
    return takes(returning(XDP_PASS))


def jit() -> bool:
    """Whether programs become machine code."""
    with load(returning(XDP_PASS)) as program:
        size: int = struct.unpack_from("=I", bpf.info(program.fd, programs.INFO_SIZE), JITED_SIZE)[0]
    return size > 0


def coarse_clock() -> bool:
    """Linux 5.11."""
    return takes(op(CALL, value=KTIME_GET_COARSE_NS) + returning(XDP_PASS))


def frame_calls() -> bool:
    """Linux 5.18: frames of several buffers, bpf_xdp_get_buff_len and bpf_xdp_load_bytes."""
    code = op(MOV_REGISTER, 6, 1) + op(CALL, value=XDP_GET_BUFF_LEN) + op(MOV_REGISTER, 1, 6) + op(MOV, 2)
    code += op(MOV_REGISTER, 3, FRAME) + op(ADD, 3, value=-8) + op(MOV, 4, value=8) + op(CALL, value=XDP_LOAD_BYTES)
    return takes(code + returning(XDP_PASS), flags=HAS_FRAGMENTS)


def xdp_links() -> bool:
    """Linux 5.9. Asks for driver mode on lo, which cannot have it: a refusal that says so proves links are known."""
    with load(returning(XDP_PASS)) as program:
        return refused(program, LO, links.XDP, links.MODES["driver"]) in (errno.EOPNOTSUPP, errno.EEXIST, errno.EBUSY)


def tcx_links() -> bool:
    """Linux 6.6. Asks for an interface that is not there."""
    with load(returning(-1), "tcx") as program:
        return refused(program, NOWHERE, links.DIRECTIONS["ingress"], 0) == errno.ENODEV


def live_frames() -> bool:
    """Linux 5.18. The one frame is dropped."""
    with load(returning(XDP_DROP)) as program:
        try:
            program.run_live(bytes(60), 1, 0)
        except BpfError:
            return False
    return True


def assign(vmlinux: Path) -> bool:
    """Linux 6.9. A whole program: look for a socket, cast it, hand it over with the attributes of a request."""
    if ASSIGN not in btf.function_ids([ASSIGN], vmlinux):
        return False
    code = op(MOV_REGISTER, 6, 1) + op(MOV)
    code += b"".join(op(STORE_LONG, FRAME, 0, -8 * slot) for slot in range(1, 6))  # tuple at -16, attributes at -40
    code += (
        op(MOV_REGISTER, 2, FRAME) + op(ADD, 2, value=-16) + op(MOV, 3, value=12) + op(MOV, 4, value=-1) + op(MOV, 5)
    )
    code += op(CALL, value=SKC_LOOKUP_TCP) + op(JUMP_EQUAL, 0, offset=12) + op(MOV_REGISTER, 7)
    code += op(MOV_REGISTER, 1, 7) + op(CALL, value=SKC_TO_TCP_SOCK) + op(JUMP_EQUAL, 0, offset=6)
    code += op(MOV_REGISTER, 1, 6) + op(MOV_REGISTER, 2, 0) + op(MOV_REGISTER, 3, FRAME) + op(ADD, 3, value=-40)
    code += op(MOV, 4, value=20)  # sizeof(struct bpf_tcp_req_attrs)
    call = Reference(len(code) // 8, "kfunc", ASSIGN)
    code += op(CALL) + op(MOV_REGISTER, 1, 7) + op(CALL, value=SK_RELEASE) + returning(-1)
    return takes(code, "tcx", references=(call,))


def objection(image: Image) -> str:
    """What the kernel has against a real program, in a line; empty if it takes it. Tables of many entries are made small."""
    few = {table.name: FEW for table in image.tables if table.entries > FEW}
    try:
        Datapath(image, sizes=few).close()
    except programs.VerifierRefusal as refusal:
        return refusal.in_a_line()
    except Mistake as mistake:
        return str(mistake).splitlines()[0]
    return ""


def cookies_allowed() -> bool:
    """Whether this namespace's kernel makes sockets of cookies at all: cookie_v4_check() asks this setting first."""
    return int((SETTINGS / "tcp_syncookies").read_text()) != 0


def clock_in_step() -> bool:
    """Whether NTP or the like keeps the clock."""
    return int(libc.adjtimex(bpf.space(256))) != TIME_ERROR  # struct timex, all zeroes: only asks


def takes(code: bytes, kind: ProgramKind = "xdp", references: tuple[Reference, ...] = (), flags: int = 0) -> bool:
    """Whether the kernel takes a program. BpfError: it never came to judge it."""
    try:
        load(code, kind, references, flags).close()
    except programs.VerifierRefusal:
        return False
    except BpfError as error:
        if error.errno == errno.EINVAL:  # an unknown program type or flag is refused without a word
            return False
        raise
    return True


def load(
    code: bytes, kind: ProgramKind = "xdp", references: tuple[Reference, ...] = (), flags: int = 0
) -> programs.Program:
    """A tiny program, through the same loader as the real ones."""
    return programs.load(Image("trial", kind, code, references, (), (), "", flags=flags), {})


def refused(program: programs.Program, ifindex: int, place: int, flags: int) -> int:
    """The errno with which a link is refused."""
    try:
        links.attach(program, ifindex, place, flags, "a trial").close()
    except BpfError as error:
        return error.errno or 0
    return 0
