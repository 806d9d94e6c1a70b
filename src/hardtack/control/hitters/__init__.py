"""Heavy hitters among sampled frames: which sources, prefixes and ports most of what is dropped has."""
