"""Programs written by hand: loaded, refused, run on one frame and on a flood."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest
from kernel_ground import image, needs_root, veth_pair

from hardtack.image import Image, ImageError, Line, Reference, Table
from hardtack.kernel import links, maps, programs
from hardtack.kernel.assembly import (
    ADD,
    CALL,
    EXIT,
    JUMP,
    JUMP_EQUAL,
    LOAD_BYTE,
    LOAD_WORD,
    MOV,
    MOV_REGISTER,
    STORE_WORD,
    op,
    op_map,
    returning,
)
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.btf import BtfError
from hardtack.kernel.programs import VerifierRefusal

pytestmark = needs_root
SETTINGS = Table("settings", "array", 4, 16, 1)
RDONLY_CAST = "bpf_rdonly_cast"  # a kfunc that every program type may call
ADJUST_TAIL, REDIRECT, MAP_LOOKUP = 65, 23, 1  # helpers


def test_a_program_loads_and_gives_its_verdict() -> None:
    with programs.load(image(returning(3)), {}) as program:
        run = program.test_run(b"frame of fourteen bytes at least")
        assert (run.verdict, run.frame) == (3, b"frame of fourteen bytes at least")
        assert run.nanoseconds >= 0
        assert program.verified == 2
        assert 0 < program.seconds < 10


def test_tcx_verdicts_may_be_negative() -> None:
    with programs.load(image(returning(-1), "tcx"), {}) as program:
        assert program.test_run(bytes(60)).verdict == -1
        assert program.test_run(bytes(60), repeat=1000, ifindex=1).frame == bytes(60)


def test_a_reference_to_a_value_keeps_its_offset() -> None:
    code = op_map(1, 8) + op(LOAD_WORD, 0, 1) + op(EXIT)
    with maps.create(SETTINGS) as table:
        table.update(bytes(4), struct.pack("=IIII", 10, 11, 12, 13))
        found = image(code, references=(Reference(0, "value", "settings"),), tables=(SETTINGS,))
        with programs.load(found, {"settings": table}) as program:
            assert program.test_run(bytes(60)).verdict == 12


def test_a_reference_to_a_map_is_what_helpers_want() -> None:
    code = op(MOV, 1) + op(STORE_WORD, 10, 1, -4) + op(MOV_REGISTER, 2, 10) + op(ADD, 2, value=-4)
    at = len(code) // 8
    code += op_map(1) + op(CALL, value=MAP_LOOKUP) + op(JUMP_EQUAL, 0, offset=1) + op(LOAD_WORD, 0, 0, 4) + op(EXIT)
    with maps.create(SETTINGS) as table:
        table.update(bytes(4), struct.pack("=IIII", 10, 11, 12, 13))
        found = image(code, references=(Reference(at, "map", "settings"),), tables=(SETTINGS,))
        with programs.load(found, {"settings": table}) as program:
            assert program.test_run(bytes(60)).verdict == 11


def test_a_reference_to_a_kfunc() -> None:
    code = op(MOV, 2) + op(CALL) + returning(7)
    with programs.load(image(code, "tcx", (Reference(1, "kfunc", RDONLY_CAST),)), {}) as program:
        assert program.test_run(bytes(60)).verdict == 7


def test_references_that_cannot_be_filled() -> None:
    with pytest.raises(ImageError, match="program test refers to table settings, which it was not given"):
        programs.load(image(op_map(1) + returning(1), references=(Reference(0, "map", "settings"),)), {})
    with pytest.raises(ImageError, match="instruction 0 cannot refer to settings"):
        programs.load(image(returning(1), references=(Reference(0, "map", "settings"),)), {})
    with pytest.raises(ImageError, match="bad reference"):
        programs.load(image(returning(1), references=(Reference(2, "map", "settings"),)), {})
    with pytest.raises(BtfError, match="needs no_such_kfunc, which this kernel lacks"):
        programs.load(image(op(CALL) + returning(1), references=(Reference(0, "kfunc", "no_such_kfunc"),)), {})


# Reads the frame's first byte without asking how long it is.
CARELESS = op(LOAD_WORD, 2, 1) + op(MOV, 0, value=2) + op(LOAD_BYTE, 3, 2) + op(EXIT)
CARELESS_LINES = (
    Line(0, "packet/frame/parse.py", 10, 5, "at = head(frame)"),
    Line(1, "packet/frame/parse.py", 12, 5, "verdict = PASS"),
    Line(2, "packet/frame/wire.py", 31, 9, "    return read_u8(at, 0)"),
    Line(3, "packet/frame/parse.py", 14, 5, "return verdict"),
)


def test_a_refusal_names_the_python_line() -> None:
    with pytest.raises(VerifierRefusal) as refused:
        programs.load(image(CARELESS, lines=CARELESS_LINES, name="careless"), {})
    refusal = refused.value
    assert (refusal.file, refusal.line, refusal.text) == ("packet/frame/wire.py", 31, "return read_u8(at, 0)")
    assert refusal.last_words.startswith("invalid access to packet, off=0 size=1")
    assert str(refusal).startswith(
        "packet/frame/wire.py:31: the kernel refused program careless here\n    return read_u8(at, 0)"
    )
    assert len(str(refusal).splitlines()) <= 10


def test_a_refusal_without_lines_names_the_instruction() -> None:
    with pytest.raises(VerifierRefusal, match="the kernel refused program test at instruction 2"):
        programs.load(image(CARELESS), {})


def test_an_endless_loop_is_named_by_its_line() -> None:
    code = op(MOV, 0) + op(JUMP, offset=-2) + op(EXIT)
    lines = (Line(0, "a.py", 1, 1, "while True:"), Line(2, "a.py", 2, 1, "return PASS"))
    with pytest.raises(VerifierRefusal, match=r"a\.py:[12]: the kernel refused program test here"):
        programs.load(image(code, lines=lines), {})


def test_a_walk_too_long_shows_where_it_was_spent() -> None:
    # for r6 in range(2 ** 30): the verifier walks every round
    code = op(MOV, 6) + op(ADD, 6, value=1) + op(0xA5, 6, offset=-2, value=1 << 30) + returning(2)
    lines = (
        Line(0, "a.py", 1, 1, "n = 0"),
        Line(1, "a.py", 3, 1, "    n += 1"),
        Line(2, "a.py", 2, 1, "while n < 2**30:"),
        Line(3, "a.py", 4, 1, "return PASS"),
    )
    with pytest.raises(VerifierRefusal, match=r"too large|infinite|too complex") as refused:
        programs.load(image(code, lines=lines), {})
    assert refused.value.line in (2, 3)
    assert "most of its walk on\n    a.py:" in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 10


@pytest.mark.skipif(not shutil.which("bpftool"), reason="needs bpftool")
def test_the_kernel_knows_the_python_lines() -> None:
    code = op(MOV, 0, value=1) + op_map(1) + op(LOAD_WORD, 0, 1) + op(EXIT)
    lines = (
        Line(0, "packet/decide.py", 7, 5, "reason = 1"),
        Line(1, "packet/decide.py", 8, 5, "settings()"),
        Line(2, "packet/decide.py", 9, 5, "in the middle of a load: left out"),
        Line(3, "packet/decide.py", 2000, 1, "return settings().first"),
    )
    with maps.create(SETTINGS) as table:
        found = image(code, references=(Reference(1, "value", "settings"),), lines=lines, name="lines")
        with programs.load(found, {"settings": table}) as program:
            command = ["bpftool", "prog", "dump", "xlated", "id", str(program.id), "linum"]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "int lines(void * context):" in shown
    assert "; reason = 1 [file:packet/decide.py line_num:7 line_col:5]" in shown
    assert "; return settings().first [file:packet/decide.py line_num:2000 line_col:1]" in shown
    assert "middle" not in shown


@pytest.mark.parametrize(("change", "size"), [(0, 60), (40, 100), (-46, 14)])
def test_a_program_may_resize_the_frame(change: int, size: int) -> None:
    code = op(MOV, 2, value=change) + op(CALL, value=ADJUST_TAIL) + returning(3)
    with programs.load(image(code), {}) as program:
        assert program.test_run(b"x" * 60).frame[: min(60, size)] == b"x" * min(60, size)
        assert len(program.test_run(b"x" * 60).frame) == size


@pytest.mark.parametrize("size", [14, 15, 1514, 3400, 4000, 9018])
def test_frames_of_every_size(size: int) -> None:
    frame = bytes(range(256)) * 36
    with programs.load(image(returning(2), flags=32), {}) as program:  # BPF_F_XDP_HAS_FRAGS
        assert program.test_run(frame[:size]).frame == frame[:size]


def test_a_frame_the_kernel_will_not_test() -> None:
    with (
        programs.load(image(returning(2)), {}) as program,
        pytest.raises(BpfError, match=r"frames of 14 bytes .* has 13$"),
    ):
        program.test_run(bytes(13))


def test_the_interface_that_a_frame_came_in_by() -> None:
    ingress = op(LOAD_WORD, 0, 1, 12) + op(EXIT)  # xdp_md.ingress_ifindex
    ingress_tcx = op(LOAD_WORD, 0, 1, 40) + op(EXIT)  # __sk_buff.ifindex
    with veth_pair() as (left, right):
        with programs.load(image(ingress), {}) as program, links.attach_xdp(program, left):
            assert program.test_run(bytes(60), ifindex=left).verdict == left
        with programs.load(image(ingress_tcx, "tcx"), {}) as program:
            assert program.test_run(bytes(60), ifindex=right).verdict == right


def test_live_frames_really_travel() -> None:
    """Redirected into left, they come out of right, where a program counts them."""
    counters = Table("counters", "array", 4, 8, 1)
    with veth_pair() as (left, right), maps.create(counters) as table:
        found = image(count_and(1), references=(Reference(0, "value", "counters"),), tables=(counters,))
        send = op(MOV, 1, value=left) + op(MOV, 2) + op(CALL, value=REDIRECT) + op(EXIT)
        with (
            programs.load(found, {"counters": table}) as counting,
            links.attach_xdp(counting, right),
            programs.load(image(send), {}) as sending,
        ):
            assert sending.run_live(b"\xff" * 12 + bytes(48), 6400, 0) >= 0
        assert struct.unpack("=Q", table.lookup(bytes(4)) or b"")[0] > 0


def count_and(verdict: int) -> bytes:
    """A program that adds 1 to the first 8 bytes of a table."""
    return op_map(1) + op(MOV, 2, value=1) + op(0xDB, 1, 2) + returning(verdict)  # BPF_STX | BPF_DW | BPF_ATOMIC, add


def test_names_of_any_kind() -> None:
    odd = Image(
        "a name: with räther more than it should", "xdp", returning(2), (), (), (Line(0, "a.py", 1, 1, "ä\0\n"),), ""
    )
    with programs.load(odd, {}) as program:
        assert program.verified == 2
