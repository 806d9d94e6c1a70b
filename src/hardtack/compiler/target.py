"""eBPF as LLVM and the kernel know it. Whoever makes programs needs these, with Numba or without."""

from __future__ import annotations

TRIPLE = "bpfel"
LAYOUT = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
CPU = "v3"  # 32-bit jumps and arithmetic; kernels from 5.1 on

# Where the context keeps the frame's bounds: struct xdp_md, struct __sk_buff (include/uapi/linux/bpf.h)
BOUNDS = {"xdp": (0, 4), "tcx": (76, 80)}
INTERFACE = {"xdp": 12, "tcx": 40}  # and the interface: ingress_ifindex, ifindex
# bpf_xdp_load_bytes, bpf_skb_load_bytes
COPY = {"xdp": 189, "tcx": 26}
