"""Prefixes of addresses: lists of them, and the trees that packet programs look them up in."""
