"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell has its background jobs, and so all that they start, ignore SIGINT; the tests send it to their own processes.
signal.signal(signal.SIGINT, signal.default_int_handler)
