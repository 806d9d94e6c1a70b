"""Python functions become eBPF objects and machine code, from the same source. The only place that touches LLVM."""
