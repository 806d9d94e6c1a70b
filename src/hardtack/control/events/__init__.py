"""Events for other programs: what the journal says of attacks, reloads and the like, by webhook and to a command."""
