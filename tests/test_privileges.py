"""What a process may still do when it has dropped its rights: nothing, in any of its threads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kernel_ground import needs_root

from hardtack.kernel import privileges
from hardtack.kernel.bpf import CAP_BPF

# Threads before `prepare`, between, and after `drop`; what each then is, by its status file
STORY = """
import ctypes, json, sys, threading
from pathlib import Path
from hardtack.kernel import privileges
from hardtack.mistake import Mistake

def idle(first=lambda: None):
    ready = threading.Event()
    threading.Thread(target=lambda: (first(), ready.set(), threading.Event().wait()), daemon=True).start()
    ready.wait()

{before}
privileges.prepare()
idle({first})
try:
    privileges.drop({keep})
except Mistake as mistake:
    print(json.dumps(str(mistake)))
    sys.exit()
idle()
told = [(path / "status").read_text() for path in sorted(Path("/proc/self/task").iterdir())]
facts = [dict(line.split(":\\t", 1) for line in text.splitlines()) for text in told]
held = [{{name: fact[name] for name in (*privileges.SETS, "Uid", "Gid", "Groups", "NoNewPrivs")}} for fact in facts]
print(json.dumps([held, privileges.death_signal(), privileges.libc.prctl(3)]))  # PR_GET_DUMPABLE
"""


def python(script: str, **environment: str) -> str:
    """What a script prints in a Python of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(privileges.__file__).parents[2]), **environment}
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(before: str = "", first: str = "", keep: int | None = None) -> Any:
    """What the story ends with, in a process that is to die with this one."""
    dies = "from hardtack.kernel import privileges\nprivileges.prctl(privileges.PR_SET_PDEATHSIG, 15)\n"
    return json.loads(python(dies + STORY.format(before=before, first=first, keep=keep)))


@needs_root
@pytest.mark.parametrize("keep", [0, 1 << CAP_BPF])
def test_no_thread_keeps_a_right(keep: int) -> None:
    """But for the one that is kept, and only by the thread that writes to tables. The process cannot be looked into."""
    threads, when_parent_dies, dumpable = told(keep=keep)
    assert len(threads) == 3
    uid, gid = privileges.heir()
    assert uid and gid
    for number, held in enumerate(threads):
        own = keep if number != 1 else 0  # a thread that was there; a later one has what its maker has
        assert [int(held[name], 16) for name in privileges.SETS] == [0, own, own, 0]
        assert (held["Uid"].split(), held["Gid"].split()) == ([str(uid)] * 4, [str(gid)] * 4)
        assert (held["Groups"].strip(), held["NoNewPrivs"]) == ("", "1")
    assert (when_parent_dies, dumpable) == (signal.SIGTERM, 0)


@needs_root
@pytest.mark.parametrize(
    ("before", "first", "what"),
    [
        ("", "lambda: privileges.prctl(privileges.PR_SET_KEEPCAPS, 1)", "CapPrm=1ff"),
        ("idle()", "", "new privileges by exec"),
    ],
    ids=["a thread that keeps its capabilities", "a thread from before"],
)
def test_a_thread_that_keeps_a_right_is_named(before: str, first: str, what: str) -> None:
    said = told(before, first)
    assert said.startswith("this process would keep too many privileges: thread ") and what in said, said


@needs_root
def test_numpy_comes_without_threads() -> None:
    script = "from hardtack.kernel import privileges; privileges.prepare(); import numpy\n"
    tasks = "import os; print(*os.listdir('/proc/self/task'))"
    assert len(python(script + tasks, OPENBLAS_NUM_THREADS="4").split()) == 1


@needs_root
def test_a_root_that_must_stay_root_is_told_before_anything_is_done() -> None:
    """As under systemd's CapabilityBoundingSet."""
    effective, permitted, _ = privileges.held_sets()
    less = ~(1 << privileges.CAP_SETUID)
    script = (
        "from hardtack.kernel import privileges\n"
        f"privileges.set_capabilities({effective & less}, {permitted & less})\n"
        "try:\n    privileges.prepare()\nexcept privileges.NotDropped as told:\n    print(told)"
    )
    said = python(script)
    assert "add CAP_SETUID and CAP_SETGID" in said and said.count("\n") == 1


@pytest.mark.parametrize(("kernel", "kept"), [((5, 18), 1 << CAP_BPF), ((5, 19), 0), ((6, 18), 0)])
def test_old_kernels_want_a_capability_to_write_to_tables(kernel: tuple[int, int], kept: int) -> None:
    assert privileges.needed(kernel) == kept
