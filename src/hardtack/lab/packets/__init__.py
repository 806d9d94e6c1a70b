"""The lab's own packet programs, written in the packet program's language, and the record that the flood reads."""
