"""The policy for each kind of frame."""
