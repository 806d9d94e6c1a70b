"""libFuzzer, from the archive in Debian's package libclang-rt-dev, made a library that this process can load.

Atheris has it, too, but keeps the functions to itself by which code that is no Python tells what it has reached.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

ARCHIVES = "llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer_no_main-{machine}.a"
ONE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)  # int (*)(const uint8_t *, size_t)
LIBRARIES = ("libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6")
FOLDERS = ("/usr/lib", "/lib")
# What a compiler would bring along: crtbeginS.o has the library's handle, libc_nonshared.a has atexit()
BROUGHT = """
target triple = "{triple}"
@__dso_handle = hidden global ptr @__dso_handle
declare i32 @__cxa_atexit(ptr, ptr, ptr)
define hidden i32 @atexit(ptr %function) {{
  %result = call i32 @__cxa_atexit(ptr %function, ptr null, ptr null)
  ret i32 %result
}}
"""
MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64"}  # as LLVM's archives call them


def archive() -> Path | None:
    """The newest there is."""
    name = ARCHIVES.format(machine=MACHINES.get(platform.machine(), "none"))
    found = sorted(Path("/usr/lib").glob(name), key=lambda path: int(path.parts[3].removeprefix("llvm-").split(".")[0]))
    return found[-1] if found else None


def linked(folder: Path) -> ctypes.CDLL:
    """The library, made in this folder."""
    fuzzer = archive()
    assert fuzzer, "libFuzzer is not installed: apt-get install libclang-rt-dev"
    brought, library = folder / "brought.o", folder / "libfuzzer.so"
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    machine = llvm.Target.from_triple(triple).create_target_machine(reloc="pic", codemodel="small")
    brought.write_bytes(machine.emit_object(llvm.parse_assembly(BROUGHT.format(triple=triple))))
    places = [f"-L{base}/{platform.machine()}-linux-gnu" for base in FOLDERS]
    whole = ["--whole-archive", str(fuzzer), "--no-whole-archive"]
    needed = [f"-l:{name}" for name in LIBRARIES]
    subprocess.run(["ld", "-shared", "-o", str(library), str(brought), *whole, *places, *needed], check=True)
    return ctypes.CDLL(str(library))


def counted(library: ctypes.CDLL, blocks: npt.NDArray[np.uint8]) -> None:
    """Have it led by these counters, one for each block of instructions, until the process ends.

    It wants to know the blocks' addresses; it only tells them apart by these.
    """
    first = blocks.ctypes.data
    library.__sanitizer_cov_8bit_counters_init(ctypes.c_void_p(first), ctypes.c_void_p(first + blocks.nbytes))
    KEPT.append(places := np.zeros((len(blocks), 2), np.uint64))  # address and flags
    places[:, 0] = first + np.arange(len(blocks), dtype=np.uint64)
    begin = places.ctypes.data
    library.__sanitizer_cov_pcs_init(ctypes.c_void_p(begin), ctypes.c_void_p(begin + places.nbytes))


KEPT: list[npt.NDArray[np.uint64]] = []


NO_LIMIT = b"-rss_limit_mb=0"  # of memory: much of this process' is from before


def fuzz(library: ctypes.CDLL, judge: Callable[[bytes], object], arguments: Sequence[str]) -> None:
    """Run libFuzzer with these arguments. It ends the process: with status 0, or after an input that `judge` raises for."""

    def one(data: int, size: int) -> int:
        try:
            judge(ctypes.string_at(data, size))
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            os.abort()  # libFuzzer keeps the input
        return 0

    words = [b"fuzz", NO_LIMIT, *(argument.encode() for argument in arguments)]
    values = (ctypes.c_char_p * (len(words) + 1))(*words)
    count, place = ctypes.c_int(len(words)), ctypes.cast(values, ctypes.c_void_p)
    library.LLVMFuzzerRunDriver(ctypes.byref(count), ctypes.byref(place), ONE(one))
    raise AssertionError("libFuzzer has returned")
