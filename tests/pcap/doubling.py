"""Code that is too much for the verifier, as none is that libpcap makes: the walk over that is as long as it is."""

from __future__ import annotations

from hardtack.pcap.classic import Instruction
from hardtack.pcap.libpcap import Expression


def doubling(steps: int, text: str = "doubling") -> Expression:
    """The verifier walks once more for each way through, which are 2^steps."""
    code = []
    for step in range(steps):
        code += [Instruction(0x30, 0, 0, step), Instruction(0x25, 0, 3, 100)]  # a byte; if it is more,
        code += [Instruction(0x87, 0, 0, 0), Instruction(0x04, 0, 0, 1 << step), Instruction(0x07, 0, 0, 0)]  # X grows
    code += [Instruction(0x50, 0, 0, 20), Instruction(0x15, 0, 1, 7)]
    return Expression(text, (*code, Instruction(0x06, 0, 0, 1), Instruction(0x06, 0, 0, 0)))
