"""Which engine the fronts under test have: `pytest --engine af_xdp` runs the tests that there are for both."""

from __future__ import annotations

import os

VARIABLE = "HARDTACK_TESTED_ENGINE"


def engine() -> str:
    """As in a configuration."""
    return os.environ.get(VARIABLE, "xdp")
