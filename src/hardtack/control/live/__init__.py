"""What `hardtack top` shows, before it is shown: counters as they move, read from the pinned tables."""
