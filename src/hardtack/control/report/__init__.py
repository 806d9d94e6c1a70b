"""Attack reports: what prevails in a flood beside ordinary traffic, and rules that would drop it. They propose, no more."""
