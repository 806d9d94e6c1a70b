"""pcap expressions: what is refused, and whether eBPF, native code and libpcap agree."""
