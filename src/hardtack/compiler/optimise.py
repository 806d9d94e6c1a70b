"""IR of Numba's + IR of the platform -> one module for the target, everything inlined into the entry, optimised."""

from __future__ import annotations

import re

import llvmlite.binding as llvm

ENTRY = "entry"


def merge(program: str, platform: str, triple: str, layout: str) -> llvm.ModuleRef:
    """Both texts as one module for `triple`, in which only the function named ENTRY can be seen from outside."""
    module = llvm.parse_assembly(_retarget(program, triple, layout))
    for function in module.functions:
        if function.name.startswith("cfunc."):
            function.name = ENTRY
    module.link_in(llvm.parse_assembly(_retarget(platform, triple, layout)))
    for function in module.functions:
        if not function.is_declaration and function.name != ENTRY:
            function.linkage = "internal"
            function.add_function_attribute("alwaysinline")
    return module


def optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine, *, vectorise: bool) -> None:
    """Inline and optimise in place. eBPF wants loops left alone: the verifier walks them, and they must stay small."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_vectorization = tuning.loop_unrolling = vectorise
    tuning.slp_vectorization = False  # wide loads of what narrow stores have just written wait for these: 20 ns a frame
    builder = llvm.create_pass_builder(machine, tuning)
    _dissolve().run(module, builder)
    builder.getModulePassManager().run(module, builder)


def name_all(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Give every value a name, so that more instructions can be put between them."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_namer_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))


def _dissolve() -> llvm.ModulePassManager:
    """Everything into the entry, then variables into registers, and Numba's error returns away, which cannot happen.

    It must come first: LLVM's eBPF pipeline begins by shielding comparisons from being simplified (BPFAdjustOpt, for the
    verifier's sake), and behind the shields the error paths would live on.
    """
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    for _ in range(2):
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        passes.add_sccp_pass()
        passes.add_jump_threading_pass()
    passes.add_aggressive_dce_pass()
    passes.add_global_dead_code_eliminate_pass()
    return passes


def _retarget(text: str, triple: str, layout: str) -> str:
    text = re.sub(r'target datalayout = ".*"\n', "", text)
    text = re.sub(r'target triple = ".*"\n', "", text)
    text = re.sub(r'"(target-cpu|target-features|tune-cpu)"="[^"]*"', "", text)
    text = text.replace("optnone", "").replace("noinline", "alwaysinline")
    return f'target datalayout = "{layout}"\ntarget triple = "{triple}"\n{text}'
