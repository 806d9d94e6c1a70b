"""pcap expressions become packet programs: libpcap's classic BPF, translated to eBPF and to machine code.

`libpcap.compile` makes an Expression; `programs` makes eBPF images of a list of them, `native` machine code. Both say which
of the list is the first that matches a frame, from 1, or 0. Neither needs Numba: libpcap and llvmlite are enough.
"""
