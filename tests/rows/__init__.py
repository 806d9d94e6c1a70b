"""The hand-written frames, a file for each layer. `frame_table` puts them together."""
