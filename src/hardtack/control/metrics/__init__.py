"""What a front counts, for monitoring: read from its tables when asked, in a process of its own that holds no key."""
