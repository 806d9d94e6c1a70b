"""The native target: the same program as machine code, over tables in this process's memory.

The frame that the entry gets is `Frame` in memory: where the bytes begin and end, and how far they may grow. A table is a
symbol, bound to its memory when the object is linked, so one object serves any number of engines.
"""

from __future__ import annotations

import ctypes
import platform
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from types import MappingProxyType

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

from hardtack.compiler import bounds, frontend, objects, rings
from hardtack.compiler.optimise import ENTRY, merge, name_all, optimise
from hardtack.compiler.program import SIZE, Source
from hardtack.compiler.refuse import refuse_unsupported

WIDEST_VECTORS = ",-prefer-256-bit"  # LLVM shuns those of 512 bits on CPUs that once slowed down for them

PLATFORM = """
define void @barrier() alwaysinline { ret void }
define i64 @untold(i64 %value) alwaysinline { ret i64 %value }
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
define ptr @head(ptr %frame) alwaysinline {
  %start = load ptr, ptr %frame
  ret ptr %start
}
define ptr @tail(ptr %frame) alwaysinline {
  %place = getelementptr i8, ptr %frame, i64 8
  %end = load ptr, ptr %place
  ret ptr %end
}
define i64 @whole_length(ptr %frame) alwaysinline {
  %start = call ptr @head(ptr %frame)
  %end = call ptr @tail(ptr %frame)
  %first = ptrtoint ptr %start to i64
  %last = ptrtoint ptr %end to i64
  %length = sub i64 %last, %first
  ret i64 %length
}
define i64 @resize(ptr %frame, i64 %more) alwaysinline {
  %start = call ptr @head(ptr %frame)
  %end = call ptr @tail(ptr %frame)
  %wanted = getelementptr i8, ptr %end, i64 %more
  %place = getelementptr i8, ptr %frame, i64 16
  %limit = load ptr, ptr %place
  %long = icmp ugt ptr %wanted, %limit
  %short = icmp ult ptr %wanted, %start
  %bad = or i1 %long, %short
  br i1 %bad, label %no, label %yes
no:
  ret i64 -1
yes:
  %at = getelementptr i8, ptr %frame, i64 8
  store ptr %wanted, ptr %at
  ret i64 0
}
define i64 @move_head(ptr %frame, i64 %by) alwaysinline {
  %start = call ptr @head(ptr %frame)
  %end = call ptr @tail(ptr %frame)
  %wanted = getelementptr i8, ptr %start, i64 %by
  %place = getelementptr i8, ptr %frame, i64 24
  %floor = load ptr, ptr %place
  %low = icmp ult ptr %wanted, %floor
  %high = icmp ugt ptr %wanted, %end
  %bad = or i1 %low, %high
  br i1 %bad, label %no, label %yes
no:
  ret i64 -1
yes:
  store ptr %wanted, ptr %frame
  ret i64 0
}
define i64 @interface_of(ptr %frame) alwaysinline {
  %place = getelementptr i8, ptr %frame, i64 32
  %number = load i64, ptr %place
  ret i64 %number
}
define i64 @network_of(ptr %frame) alwaysinline { ret i64 14 }
define i64 @protocol_of(ptr %frame) alwaysinline { ret i64 0 }
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define i64 @copy(ptr %frame, i64 %from, ptr %to, i64 %size) alwaysinline {
  %start = call ptr @head(ptr %frame)
  %length = call i64 @whole_length(ptr %frame)
  %end = add i64 %from, %size
  %bad = icmp ugt i64 %end, %length
  br i1 %bad, label %no, label %yes
no:
  ret i64 -1
yes:
  %place = getelementptr i8, ptr %start, i64 %from
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %place, i64 %size, i1 false)
  ret i64 0
}
define i64 @copy_bytes(ptr %to, ptr %from, i64 %size) alwaysinline {
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %size, i1 false)
  ret i64 %size
}
define i64 @add_up(ptr %from, i64 %size, i64 %sum) {
  br label %again
again:
  %place = phi i64 [0, %0], [%after, %more]
  %total = phi i64 [%sum, %0], [%larger, %more]
  %over = icmp uge i64 %place, %size
  br i1 %over, label %done, label %more
more:
  %at = getelementptr i8, ptr %from, i64 %place
  %word = load i32, ptr %at, align 4
  %wide = zext i32 %word to i64
  %larger = add i64 %total, %wide
  %after = add i64 %place, 4
  br label %again
done:
  %low = and i64 %total, 4294967295
  %high = lshr i64 %total, 32
  %folded = add i64 %low, %high
  ret i64 %folded
}
"""

# Time stands still, as far as the program knows; or it is as whoever runs it has written into the table BURST_CLOCK
STILL = """
define i64 @coarse_ns() alwaysinline { ret i64 0 }
define i64 @tick() alwaysinline { ret i64 0 }
"""
BURST_CLOCK = "burst_clock"
PER_BURST = """
define i64 @coarse_ns() alwaysinline {
  %ns = load i64, ptr @burst_clock
  ret i64 %ns
}
define i64 @tick() alwaysinline {
  %ns = load i64, ptr @burst_clock
  ret i64 %ns
}
"""

PREFETCH = """
define void @prefetch(ptr %place) alwaysinline {
  call void @llvm.prefetch.p0(ptr %place, i32 0, i32 3, i32 1)
  ret void
}
"""
NO_PREFETCH = """
define void @prefetch(ptr %place) alwaysinline { ret void }
"""

TABLE = """
@{name} = external global i8
define ptr @{name}.own() alwaysinline {{ ret ptr @{name} }}
define ptr @{name}.at(i64 %index) alwaysinline {{
  %offset = mul i64 %index, {size}
  %entry = getelementptr inbounds i8, ptr @{name}, i64 %offset
  ret ptr %entry
}}
"""

# XDP_REDIRECT, and above 8 bits where to
DEVICES = """
define i64 @{name}.send(i64 %index) alwaysinline {{
  %place = shl i64 %index, 8
  %action = or i64 %place, 4
  ret i64 %action
}}
"""

# A table of programs has the addresses of functions, 8 bytes each: of a frame, how much of it there is, how long it was. At
# place 0 is whoever has called: nothing is matched
PROGRAMS = """
@{name} = external global i8
define i64 @{name}.go(ptr %frame, i64 %index) {{
  %here = icmp eq i64 %index, 0
  br i1 %here, label %none, label %look
none:
  ret i64 0
look:
  %place = getelementptr i64, ptr @{name}, i64 %index
  %function = load ptr, ptr %place
  %empty = icmp eq ptr %function, null
  br i1 %empty, label %nobody, label %match
nobody:
  ret i64 -1
match:
  %start = call ptr @head(ptr %frame)
  %length = call i64 @whole_length(ptr %frame)
  %position = call i32 %function(ptr %start, i64 %length, i64 %length)
  %wide = sext i32 %position to i64
  ret i64 %wide
}}
"""

CALLS = {"devmap": DEVICES, "prog_array": PROGRAMS}

Tables = Mapping[str, npt.NDArray[np.uint8]]


class Frame(ctypes.Structure):
    """What the entry takes: the frame's first byte, the place after its last one, how far either may move; its interface."""

    _fields_ = [*((name, ctypes.c_void_p) for name in ("head", "tail", "limit", "floor")), ("interface", ctypes.c_uint64)]


@dataclass(frozen=True)
class Means:
    """What the code may use. Benchmarks go without, to see what each is worth. `checked`: compiler/checked.py."""

    vectors: bool = True
    prefetch: bool = True
    checked: bool = False

    @property
    def target(self) -> str:
        """A name for it."""
        return "native" + "-scalar" * (not self.vectors) + "-unfetched" * (not self.prefetch) + "-checked" * self.checked


EVERYTHING = Means()


class NativeProgram:
    """A program as machine code, bound to the memory of its tables, which must outlive it.

    `address`: of `int32_t entry(Frame *)`, or of whatever record its entry takes. `calls`: functions that it calls in place
    of those of the C library, by rings.symbols()'s names; they must outlive it, too.
    """

    _names = count()

    def __init__(
        self, source: Source, tables: Tables, means: Means = EVERYTHING, calls: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._tables = {name: np.ascontiguousarray(memory) for name, memory in tables.items()}
        library = llvm.JITLibraryBuilder().add_object_img(prepared(source, means))
        library.add_current_process()  # memcpy() and its like, which LLVM calls for what is long
        for name, memory in self._tables.items():
            library.import_symbol(name, memory.ctypes.data)
            library.import_symbol(SIZE + name, memory.nbytes)
        for name, place in {**rings.symbols(), **self.symbols(), **calls}.items():
            library.import_symbol(name, place)
        self._engine = llvm.create_lljit_compiler(_machine())
        name = f"{source.name}-{next(self._names)}"
        self._tracker = library.export_symbol(ENTRY).link(self._engine, name)
        self.address = int(self._tracker[ENTRY])
        self._entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.POINTER(Frame))(self.address)

    def symbols(self) -> dict[str, int]:
        """More that is to be linked: none."""
        return {}

    def run(self, frame: bytes, room: int = 256, interface: int = 0) -> tuple[int, bytes]:
        """What the entry returns for one frame that may grow by `room` bytes at each end, and the frame afterwards.

        `interface`: the number of the one that it came in by.
        """
        memory = self.laid(frame, room)
        floor = ctypes.addressof(memory)
        start, end = floor + room, floor + room + len(frame)
        bounds = Frame(start, end, end + room, floor, interface)
        result = self.judged(bounds)
        return result, memory.raw[bounds.head - floor : bounds.tail - floor]

    def laid(self, frame: bytes, room: int) -> ctypes.Array[ctypes.c_char]:
        """A frame in memory, with so much room before it and behind it."""
        return ctypes.create_string_buffer(bytes(room) + frame, len(frame) + 2 * room)

    def judged(self, bounds: Frame) -> int:
        """What the entry returns for one frame."""
        return self.call(ctypes.addressof(bounds))

    def call(self, address: int) -> int:
        """What the entry returns for a record of its own at this address, which must outlive the call."""
        return int(self._entry(ctypes.cast(address, ctypes.POINTER(Frame))))


def prepared(source: Source, means: Means = EVERYTHING) -> bytes:
    """The object file of a program: from the cache, or built now, which may take a minute."""
    return objects.cached(source, means.target, partial(build, means=means))


def build(source: Source, means: Means = EVERYTHING) -> bytes:
    """The object file of a program for this very CPU."""
    machine = _machine()
    tables = [CALLS.get(table.kind, TABLE).format(name=table.name, size=table.value_size) for table in source.tables]
    clock = PER_BURST if any(table.name == BURST_CLOCK for table in source.tables) else STILL
    calls = "\n".join([PLATFORM, clock, PREFETCH if means.prefetch else NO_PREFETCH, *tables])
    triple, layout = llvm.get_process_triple(), str(machine.target_data)
    module = merge(_typed(source), calls, triple, layout)
    optimise(module, machine, vectorise=means.vectors)
    refuse_unsupported(module, source.name)
    if means.checked:
        name_all(module, machine)
        module = llvm.parse_assembly(bounds.checked(str(module)))
        module.verify()
        machine = _machine(effort=0)  # in a tenth of the time
    return bytes(machine.emit_object(module))


@lru_cache(maxsize=1)
def _typed(source: Source) -> str:
    """The IR, which takes half a minute for a large program: once for all that is built of it, now or later."""
    return zlib.decompress(objects.cached(source, "native-ir", _typed_now)).decode()


def _typed_now(source: Source) -> bytes:
    return zlib.compress(frontend.to_ir(source.function()).encode(), 1)


def _machine(effort: int = 2) -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    features = llvm.get_host_cpu_features().flatten()
    if platform.machine() == "x86_64":
        features += WIDEST_VECTORS
    cpu = llvm.get_host_cpu_name()
    return target.create_target_machine(cpu=cpu, features=features, opt=effort, reloc="pic", codemodel="small")
