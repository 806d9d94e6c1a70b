"""Handshakes through a real front and a real agent, by real kernels in network namespaces. Root, or a visible skip."""
