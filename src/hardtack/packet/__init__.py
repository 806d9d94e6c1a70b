"""The packet programs: frame, tables and now go in; a verdict comes out. No clock, no I/O, no exceptions."""
