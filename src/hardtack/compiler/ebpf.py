"""The eBPF target: platform calls become kernel helpers, tables become maps; the result is an Image."""

from __future__ import annotations

import io

import llvmlite.binding as llvm
from elftools.elf.elffile import ELFFile

from hardtack.compiler import falls, sums, zeros
from hardtack.compiler.errors import CompileError
from hardtack.compiler.lines import lines_of
from hardtack.compiler.optimise import merge, optimise
from hardtack.compiler.program import FIELD, SIZE, Source
from hardtack.compiler.refuse import refuse_unsupported
from hardtack.compiler.target import BOUNDS, COPY, CPU, INTERFACE, LAYOUT, TRIPLE
from hardtack.image import Image, Reference, Table

LOAD_IMMEDIATE, CALL = 0x18, 0x85  # BPF_LD | BPF_IMM | BPF_DW, BPF_JMP | BPF_CALL

COMMON = """
define void @barrier() alwaysinline {{
  call void asm sideeffect "", "~{{memory}}"()
  ret void
}}
define i64 @untold(i64 %value) alwaysinline {{
  %same = call i64 asm "", "=r,0"(i64 %value)
  ret i64 %same
}}
define ptr @head(ptr %frame) alwaysinline {{
  %place = getelementptr i8, ptr %frame, i64 {head}
  %low = load i32, ptr %place, align 4
  %wide = zext i32 %low to i64
  %pointer = inttoptr i64 %wide to ptr
  ret ptr %pointer
}}
define ptr @tail(ptr %frame) alwaysinline {{
  %place = getelementptr i8, ptr %frame, i64 {tail}
  %low = load i32, ptr %place, align 4
  %wide = zext i32 %low to i64
  %pointer = inttoptr i64 %wide to ptr
  ret ptr %pointer
}}
define i64 @copy(ptr %frame, i64 %from, ptr %to, i64 %size) alwaysinline {{
  %offset = trunc i64 %from to i32
  %length = trunc i64 %size to i32
  %failed = call i64 inttoptr (i64 {copy} to ptr)(ptr %frame, i32 %offset, ptr %to, i32 %length)
  ret i64 %failed
}}
define i64 @interface_of(ptr %frame) alwaysinline {{
  %place = getelementptr i8, ptr %frame, i64 {interface}
  %low = load i32, ptr %place, align 4
  %wide = zext i32 %low to i64
  ret i64 %wide
}}
"""

# bpf_xdp_adjust_tail, bpf_xdp_adjust_head, bpf_xdp_get_buff_len
RESIZE = """
define i64 @resize(ptr %frame, i64 %more) alwaysinline {
  %delta = trunc i64 %more to i32
  %failed = call i64 inttoptr (i64 65 to ptr)(ptr %frame, i32 %delta)
  ret i64 %failed
}
define i64 @move_head(ptr %frame, i64 %by) alwaysinline {
  %delta = trunc i64 %by to i32
  %failed = call i64 inttoptr (i64 44 to ptr)(ptr %frame, i32 %delta)
  ret i64 %failed
}
define i64 @add_up(ptr %from, i64 %size, i64 %sum) alwaysinline {
  %length = trunc i64 %size to i32
  %seed = trunc i64 %sum to i32
  %total = call i64 inttoptr (i64 28 to ptr)(ptr null, i32 0, ptr %from, i32 %length, i32 %seed)
  ret i64 %total
}
define i64 @whole_length(ptr %frame) alwaysinline {
  %length = call i64 inttoptr (i64 188 to ptr)(ptr %frame)
  ret i64 %length
}
define i64 @queue_of(ptr %frame) alwaysinline {
  %place = getelementptr i8, ptr %frame, i64 16
  %low = load i32, ptr %place, align 4
  %wide = zext i32 %low to i64
  ret i64 %wide
}
"""

# bpf_skb_change_tail, which takes the whole length: __sk_buff.len
RESIZE_BUFFER = """
define i64 @whole_length(ptr %frame) alwaysinline {
  %low = load i32, ptr %frame, align 4
  %length = zext i32 %low to i64
  ret i64 %length
}
define i64 @resize(ptr %frame, i64 %more) alwaysinline {
  %length = call i64 @whole_length(ptr %frame)
  %wanted = add i64 %length, %more
  %low = trunc i64 %wanted to i32
  %failed = call i64 inttoptr (i64 38 to ptr)(ptr %frame, i32 %low, i64 0)
  ret i64 %failed
}
"""

LINK = {
    "xdp": """
define i64 @network_of(ptr %frame) alwaysinline { ret i64 14 }
define i64 @protocol_of(ptr %frame) alwaysinline { ret i64 0 }
""",
    # sk_buff.network_header counts from head, what the program sees begins at data; __sk_buff.protocol is in network order
    "tcx": f"""
@"{FIELD}sk_buff.head" = external global i8
@"{FIELD}sk_buff.data" = external global i8
@"{FIELD}sk_buff.network_header" = external global i8
declare ptr @bpf_cast_to_kern_ctx(ptr)
define i64 @network_of(ptr %frame) alwaysinline {{
  %buffer = call ptr @bpf_cast_to_kern_ctx(ptr %frame)
  %1 = getelementptr i8, ptr %buffer, i64 ptrtoint (ptr @"{FIELD}sk_buff.head" to i64)
  %head = load i64, ptr %1, align 8
  %2 = getelementptr i8, ptr %buffer, i64 ptrtoint (ptr @"{FIELD}sk_buff.data" to i64)
  %data = load i64, ptr %2, align 8
  %3 = getelementptr i8, ptr %buffer, i64 ptrtoint (ptr @"{FIELD}sk_buff.network_header" to i64)
  %header = load i16, ptr %3, align 2
  %wide = zext i16 %header to i64
  %before = sub i64 %data, %head
  %place = sub i64 %wide, %before
  ret i64 %place
}}
declare i16 @llvm.bswap.i16(i16)
define i64 @protocol_of(ptr %frame) alwaysinline {{
  %place = getelementptr i8, ptr %frame, i64 16
  %word = load i32, ptr %place, align 4
  %low = trunc i32 %word to i16
  %kind = call i16 @llvm.bswap.i16(i16 %low)
  %wide = zext i16 %kind to i64
  ret i64 %wide
}}
""",
}

CLOCK = {
    "coarse": """
define i64 @coarse_ns() alwaysinline {
  %ns = call i64 inttoptr (i64 160 to ptr)()
  ret i64 %ns
}
define i64 @tick() alwaysinline {
  %jiffies = call i64 inttoptr (i64 118 to ptr)()
  ret i64 %jiffies
}
""",
    "table": """
define i64 @coarse_ns() alwaysinline { ret i64 0 }
define i64 @tick() alwaysinline { ret i64 0 }
""",
}

TABLE = """
@{name} = external global i8
define ptr @{name}.own() alwaysinline {{
  %key = alloca i32, align 4
  store i32 0, ptr %key, align 4
  %entry = call ptr inttoptr (i64 1 to ptr)(ptr @{name}, ptr %key)
  ret ptr %entry
}}
define ptr @{name}.at(i64 %index) alwaysinline {{
  %key = alloca i32, align 4
  %number = trunc i64 %index to i32
  store i32 %number, ptr %key, align 4
  %entry = call ptr inttoptr (i64 1 to ptr)(ptr @{name}, ptr %key)
  ret ptr %entry
}}
"""

# bpf_map_lookup_elem, bpf_map_update_elem
KEYED = """
@{name} = external global i8
define ptr @{name}.of(ptr %key) alwaysinline {{
  %entry = call ptr inttoptr (i64 1 to ptr)(ptr @{name}, ptr %key)
  ret ptr %entry
}}
define i64 @{name}.put(ptr %key, ptr %value) alwaysinline {{
  %failed = call i64 inttoptr (i64 2 to ptr)(ptr @{name}, ptr %key, ptr %value, i64 0)
  ret i64 %failed
}}
"""

# bpf_redirect_map; 2: without a device there, XDP_PASS
DEVICES = """
@{name} = external global i8
define i64 @{name}.send(i64 %index) alwaysinline {{
  %action = call i64 inttoptr (i64 51 to ptr)(ptr @{name}, i64 %index, i64 2)
  ret i64 %action
}}
"""

# bpf_map_lookup_elem, bpf_redirect_map: AF_XDP sockets
SOCKETS = """
@{name} = external global i8
define i64 @{name}.has(i64 %index) alwaysinline {{
  %key = alloca i32, align 4
  %number = trunc i64 %index to i32
  store i32 %number, ptr %key, align 4
  %socket = call ptr inttoptr (i64 1 to ptr)(ptr @{name}, ptr %key)
  %there = icmp ne ptr %socket, null
  %wide = zext i1 %there to i64
  ret i64 %wide
}}
define i64 @{name}.send(i64 %index, i64 %otherwise) alwaysinline {{
  %action = call i64 inttoptr (i64 51 to ptr)(ptr @{name}, i64 %index, i64 %otherwise)
  ret i64 %action
}}
"""

# bpf_tail_call, which does not come back, unless nothing is there
PROGRAMS = """
@{name} = external global i8
define i64 @{call}.go(ptr %frame, i64 %index) alwaysinline {{
  %low = trunc i64 %index to i32
  %failed = call i64 inttoptr (i64 12 to ptr)(ptr %frame, ptr @{name}, i32 %low)
  ret i64 -1
}}
"""

# What a program may do with a table, by its kind; with the others: TABLE
CALLS = {"devmap": DEVICES, "lpm_trie": KEYED, "lru_hash": KEYED, "prog_array": PROGRAMS, "xskmap": SOCKETS}


def platform(source: Source) -> str:
    """The platform calls for this kind of program, as IR."""
    head, tail = BOUNDS[source.kind]
    places = {"head": head, "tail": tail, "interface": INTERFACE[source.kind]}
    parts = [COMMON.format(copy=COPY[source.kind], **places), LINK[source.kind], CLOCK[source.clock]]
    parts.append(RESIZE if source.kind == "xdp" else RESIZE_BUFFER)
    names = [(table, table.name.removesuffix("_ip")) for table in source.tables]  # those of another kind of program
    parts += [CALLS.get(table.kind, TABLE).format(name=table.name, call=call) for table, call in names]
    return "\n".join(parts)


def build(source: Source, program: str, sources: str) -> Image:
    """The image of a program whose Numba IR is `program`; `sources` is the hash it shall carry."""
    for initialise in (llvm.initialize_all_targets, llvm.initialize_all_asmprinters):
        initialise()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=CPU, opt=2)
    module = merge(program, platform(source), TRIPLE, LAYOUT)
    optimise(module, machine, vectorise=False)
    refuse_unsupported(module, source.name)
    elf = ELFFile(io.BytesIO(machine.emit_object(module)))
    code = elf.get_section_by_name(".text").data()
    image = Image(
        name=source.name,
        kind=source.kind,
        instructions=code,
        references=_references(elf, code, source),
        tables=source.tables,
        lines=lines_of(elf),
        sources=sources,
        flags=source.flags,
    )
    return falls.mended(zeros.mended(sums.mended(image)))  # for the sake of older verifiers


def _references(elf: ELFFile, code: bytes, source: Source) -> tuple[Reference, ...]:
    section = elf.get_section_by_name(".rel.text")
    if section is None:
        return ()
    tables = {table.name: table for table in source.tables}
    symbols = elf.get_section_by_name(".symtab")
    found = []
    for relocation in section.iter_relocations():
        index, name = relocation["r_offset"] // 8, symbols.get_symbol(relocation["r_info_sym"]).name
        opcode = code[index * 8]
        if opcode == LOAD_IMMEDIATE and name in tables:
            found.append(Reference(index, "value" if _is_plain(tables[name]) else "map", name))
        elif opcode == LOAD_IMMEDIATE and name.startswith(FIELD):
            found.append(Reference(index, "field", name.removeprefix(FIELD)))
        elif opcode == LOAD_IMMEDIATE and name.startswith(SIZE):
            found.append(Reference(index, "size", name.removeprefix(SIZE)))
        elif opcode == CALL and name:
            found.append(Reference(index, "kfunc", name))
        else:
            what = name or "a section of constants"
            raise CompileError(f"{source.name}: LLVM refers to {what}, which eBPF cannot reach here")
    return tuple(found)


def _is_plain(table: Table) -> bool:
    """One entry that every CPU shares: the program may use its memory without a look-up."""
    return table.kind == "array" and table.entries == 1
