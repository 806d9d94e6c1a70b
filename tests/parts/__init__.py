"""Single parts of the packet program, behind entries of their own."""
