"""What stands in the way of a front or an agent on this machine, found before it hurts. Standard library alone."""
