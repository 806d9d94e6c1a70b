"""A fixed number of inputs from libFuzzer, the same in each run; and that it finds what only its guidance leads to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from captures.guarded import ends
from fuzz.libfuzzer import archive, counted, fuzz, linked
from fuzz.target import Target, read, seeds

from hardtack.compiler.checked import CheckedProgram
from hardtack.compiler.program import Source

RUNS = 50_000
REACHED = 1000  # blocks of instructions, at least, by the rows alone
FOUND = 77  # status of libFuzzer's when an input has failed
HIDDEN = Source("hidden", "parts.wrong:hidden", "xdp", (), clock="table")
TESTS = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    not archive() or not shutil.which("ld"), reason="libFuzzer or ld is missing: apt-get install libclang-rt-dev binutils"
)


def test_50_000_inputs(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "fuzz", "corpus", f"-runs={RUNS}", "-seed=1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{TESTS.parent / 'src'}:{TESTS}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-4000:]
    assert f"Done {RUNS} runs" in told.stdout
    reached = re.search(r"INITED cov: (\d+)", told.stdout)
    assert reached and int(reached[1]) > REACHED


def test_what_it_judges() -> None:
    """An input begins with nothing that an earlier one has left."""
    target, first = Target(), [*seeds()][:300]
    found = [target.judge(data) for data in first]
    assert [target.judge(data) for data in reversed(first)] == found[::-1]
    assert len({reason for outcome in found for reason, _ in outcome}) > 10
    assert max(len(read(data)[2]) for data in seeds()) > 1


def test_it_finds_a_hidden_mistake(tmp_path: Path) -> None:
    """Four bytes that must be right: blindly it would take 4,000,000,000 inputs."""
    program, log = CheckedProgram(HIDDEN, {}), tmp_path / "log"

    def searched() -> None:
        output = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        library = linked(tmp_path)
        counted(library, program.blocks)
        fuzz(library, program.run, ["-runs=1000000", "-seed=1", "-max_len=16", f"-artifact_prefix={tmp_path}/"])

    assert os.waitstatus_to_exitcode(ends(searched)) == FOUND, log.read_text()[-2000:]
    (found,) = tmp_path.glob("crash-*")
    assert found.read_bytes().startswith(b"hard")
    assert "wrong.py" in log.read_text() and "reads 1 bytes" in log.read_text()
