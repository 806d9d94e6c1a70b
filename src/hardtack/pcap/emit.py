"""IR -> eBPF instructions, by LLVM alone."""

from __future__ import annotations

from functools import cache
from threading import Lock

import llvmlite.binding as llvm

from hardtack.compiler.bytecode import LOAD_IMMEDIATE, assemble, disassemble
from hardtack.compiler.target import CPU, LAYOUT, TRIPLE
from hardtack.image import Reference
from hardtack.pcap.writer import Writer

MAP = 1  # BPF_PSEUDO_MAP_FD: what a load of two instructions then holds
DECLARATIONS = """
declare i64 @llvm.bpf.pseudo(i64, i64)
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
attributes #0 = { "no-jump-tables"="true" nounwind }
"""

_lock = Lock()


def table(writer: Writer, number: int) -> str:
    """The address of a table, by its place in the list that `build` gets: a pointer."""
    return writer.let(f"inttoptr i64 {writer.let(f'call i64 @llvm.bpf.pseudo(i64 {MAP}, i64 {number})')} to ptr")


@cache
def machine() -> llvm.TargetMachine:
    """LLVM's eBPF back end; made once."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=CPU, opt=2)


def build(writer: Writer, tables: list[str]) -> tuple[bytes, tuple[Reference, ...]]:
    """The instructions of what was written, and which of them refer to which table."""
    head = f'target datalayout = "{LAYOUT}"\ntarget triple = "{TRIPLE}"\n'
    with _lock:
        module = llvm.parse_assembly(head + writer.function("i32 @entry(ptr %context) #0") + DECLARATIONS)
        simplify(module, machine())
        sections = llvm.ObjectFileRef.from_data(machine().emit_object(module)).sections()
        code = next(section.data() for section in sections if section.name() == b".text")
    return referring(code, tables)


def simplify(module: llvm.ModuleRef, target: llvm.TargetMachine) -> None:
    """Variables into registers, and what is plain to see. Nothing that moves code about: the verifier must follow."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_aggressive_dce_pass()
    passes.run(module, llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(2)))


def referring(code: bytes, tables: list[str]) -> tuple[bytes, tuple[Reference, ...]]:
    """The code without the numbers of tables in it, and the references that stand for them."""
    instructions, references = disassemble(code), []
    for index, here in enumerate(instructions):
        if here.opcode == LOAD_IMMEDIATE and here.source == MAP:
            references.append(Reference(index, "map", tables[here.immediate]))
            instructions[index] = here._replace(registers=here.target, immediate=0)
    return assemble(instructions), tuple(references)
