"""IR -> eBPF instructions, by LLVM alone."""

from __future__ import annotations

from functools import cache
from threading import Lock

import llvmlite.binding as llvm

from hardtack.compiler.bytecode import LOAD_IMMEDIATE, assemble, disassemble
from hardtack.compiler.target import CPU, LAYOUT, TRIPLE
from hardtack.image import Reference
from hardtack.pcap.writer import Writer

CALL, CALL_OF_ANOTHER = 0x85, 1  # BPF_JMP | BPF_CALL; BPF_PSEUDO_CALL: what LLVM makes of the call of a symbol
MAP = 1  # BPF_PSEUDO_MAP_FD: what a load of two instructions then holds; here: that it stands for something
CAST = "bpf_cast_to_kern_ctx"  # the kernel's function that a program may call
HEAD, DATA, NETWORK = 1000, 1001, 1002  # what a load may stand for, besides tables, which have their place in a list
FIELDS = {HEAD: "sk_buff.head", DATA: "sk_buff.data", NETWORK: "sk_buff.network_header"}
DECLARATIONS = f"""
declare ptr @{CAST}(ptr)
declare i64 @llvm.bpf.pseudo(i64, i64)
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
attributes #0 = {{ "no-jump-tables"="true" nounwind }}
"""

_lock = Lock()


def table(writer: Writer, place: int) -> str:
    """The address of a table, by its place in the list that `build` gets: a pointer."""
    return writer.let(f"inttoptr i64 {number(writer, place)} to ptr")


def number(writer: Writer, place: int) -> str:
    """What the loader will know: of a table, or one of FIELDS, which are places in structures of the kernel's (i64)."""
    return writer.let(f"call i64 @llvm.bpf.pseudo(i64 {MAP}, i64 {place})")


@cache
def machine() -> llvm.TargetMachine:
    """LLVM's eBPF back end; made once."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=CPU, opt=2)


def build(writer: Writer, tables: list[str]) -> tuple[bytes, tuple[Reference, ...]]:
    """The instructions of what was written, and which of them refer to which table."""
    with _lock:
        sections = llvm.ObjectFileRef.from_data(machine().emit_object(simple(writer))).sections()
        code = next(section.data() for section in sections if section.name() == b".text")
    return referring(code, tables)


def assembly(writer: Writer) -> list[str]:
    """The same as text."""
    with _lock:
        lines: list[str] = machine().emit_assembly(simple(writer)).splitlines()
    text = [line.partition("#")[0].rstrip().expandtabs(8) for line in lines]
    return [line for line in text if line.startswith((".LBB", "LBB")) or (line.startswith(" ") and line.strip()[0] != ".")]


def simple(writer: Writer) -> llvm.ModuleRef:
    """The module of what was written.

    Variables into registers, and what is plain to see. Nothing that moves code about: the verifier must follow.
    """
    head = f'target datalayout = "{LAYOUT}"\ntarget triple = "{TRIPLE}"\n'
    module = llvm.parse_assembly(head + writer.function("i32 @entry(ptr %context) #0") + DECLARATIONS)
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_aggressive_dce_pass()
    passes.run(module, llvm.create_pass_builder(machine(), llvm.create_pipeline_tuning_options(2)))
    return module


def referring(code: bytes, tables: list[str]) -> tuple[bytes, tuple[Reference, ...]]:
    """The code without our own numbers in it, and the references that stand for them."""
    instructions, references = disassemble(code), []
    for index, here in enumerate(instructions):
        if here.opcode == LOAD_IMMEDIATE and here.source == MAP:
            known = here.immediate in FIELDS
            name = FIELDS[here.immediate] if known else tables[here.immediate]
            references.append(Reference(index, "field" if known else "map", name))
            instructions[index] = here._replace(registers=here.target, immediate=0)
        elif here.opcode == CALL and here.source == CALL_OF_ANOTHER:
            references.append(Reference(index, "kfunc", CAST))
    return assemble(instructions), tuple(references)
