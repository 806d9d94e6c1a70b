"""What older kernels' verifiers say, and what is told of it: the ends of real logs of Linux 6.1."""

from __future__ import annotations

import pytest

from hardtack.image import Image, Line
from hardtack.kernel import refusal

LINES = (Line(0, "packet/walk.py", 3, 1, "def walk(frame):"), Line(4, "packet/walk.py", 23, 1, "if copy(frame, at, size):"))
IMAGE = Image("walker", "xdp", bytes(8 * 8), (), (), LINES, "")

SMALLER = """\
; size, options = flow.header - TCP, scratch(80)
3: (07) r4 += -20                  ; R4_w=scalar(smin=-20,smax=40,umax=18446744073709551612)
R0=0 R1_w=ctx(off=0,imm=0) R4=scalar(smin=-20,smax=40) R10=fp0
; if copy(frame, at, size):
5: (85) call bpf_xdp_load_bytes#189
R4 min value is negative, either use unsigned or 'var &= const'
processed 11455 insns (limit 1000000) max_states_per_insn 8 total_states 420 peak_states 385 mark_read 115
"""
BACK_EDGE = """\
4: for _ in range(ATTEMPTS):
5: word = tags_at(place >> WAY_BITS)
back-edge from insn 4 to 5
processed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
UNBOUNDED = """\
from 2355 to 1165: R0=0 R1_w=scalar(umax=1,var_off=(0x0; 0x1)) R2=fp-40
5: (0f) r1 += r3
math between map_value pointer and register with unbounded min value is not allowed
processed 5294 insns (limit 1000000) max_states_per_insn 8 total_states 217 peak_states 203 mark_read 40
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (SMALLER, "R4 min value is negative, either use unsigned or 'var &= const'"),
        (BACK_EDGE, "back-edge from insn 4 to 5"),
        (UNBOUNDED, "math between map_value pointer and register with unbounded min value is not allowed"),
    ],
    ids=["a register's bound", "a loop", "a place in a table"],
)
def test_its_last_words_are_told(log: str, words: str) -> None:
    told = refusal.explain(IMAGE, log)
    assert told.last_words == words
    assert (told.file, told.line) == ("packet/walk.py", 23)
    assert told.in_a_line() == f"packet/walk.py:23: {words}"
