"""OR of two numbers that have no bit in common becomes their sum, which it was in Python before LLVM made it an OR.

The CPU finds the same number. The verifier before Linux 6.10 forgets all it knew of two registers once they are ORed, so it
refuses a place in a table that was worked out so ("math between map_value pointer and register with unbounded min value");
sums it follows. See adjust_scalar_min_max_vals() in kernel/bpf/verifier.c. It must be done on the finished code: LLVM makes
ORs of sums to the very end.
"""

from __future__ import annotations

from dataclasses import replace

from hardtack.compiler.bits import possible_bits
from hardtack.compiler.bytecode import assemble, disassemble
from hardtack.image import Image

SUMS = {0x4F: 0x0F, 0x4C: 0x0C}  # BPF_OR of a register -> BPF_ADD: BPF_ALU64 and BPF_ALU


def mended(image: Image) -> Image:
    """The image, with sums for all ORs that can only be sums."""
    code = disassemble(image.instructions)
    possible = possible_bits(code, {reference.index for reference in image.references})
    for index, bits in possible.items():
        here = code[index]
        if here.opcode in SUMS and not bits[here.target] & bits[here.source]:
            code[index] = here._replace(opcode=SUMS[here.opcode])
    return replace(image, instructions=assemble(code))
