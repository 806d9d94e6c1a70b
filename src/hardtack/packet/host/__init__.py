"""The host's side: what the agent's program does."""
