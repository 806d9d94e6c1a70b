"""The bench: what a frame costs, by hardtack and by Linux's own means, side by side in one run. bench/README.md."""
