"""What runs the packet program."""
