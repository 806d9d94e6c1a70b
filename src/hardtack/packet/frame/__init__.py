"""What lies in a frame."""
