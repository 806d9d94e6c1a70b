"""Everything this project asks of the kernel, in plain Python: bpf(2), maps, programs, links, BTF, interfaces."""
