"""The configuration file: read, checked, and turned into values that do nothing. Imports neither Numba nor a network.

`schema.py` has every key; `CONTRIBUTING.md` says how one is added.
"""
