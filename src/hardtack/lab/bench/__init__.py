"""The bench: what a SYN costs, by hardtack and by Linux's own means, side by side in one run. bench/README.md."""
