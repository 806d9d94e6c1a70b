"""What is remembered between frames: hosts, connections, budgets, counters."""
