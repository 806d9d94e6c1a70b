"""`hardtack capture`: frames out of running fronts, each with what became of it, as they come or as a pcapng file."""
