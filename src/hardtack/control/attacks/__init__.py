"""When a host is under attack: judged once a second from the front's counters, and kept in a pinned table."""
