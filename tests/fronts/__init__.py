"""Whole fronts with real kernels: the ways to a host, connections that must survive, floods, limits."""
