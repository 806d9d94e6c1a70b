"""Hardtack: SYN-flood protection for TCP services on stock Linux, with a packet path in Python."""

__version__ = "0.1.0"
