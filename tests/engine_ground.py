"""Which engine the fronts under test have: `pytest --engine af_xdp` runs the tests that there are for both."""

from __future__ import annotations

import os

VARIABLE = "HARDTACK_TESTED_ENGINE"


def of_the_engine() -> dict[str, str]:
    """Keys of [front]. Without their process both are to go on protecting."""
    engine = os.environ.get(VARIABLE, "xdp")
    return {"engine": engine} | ({"when_down": "judge"} if engine == "af_xdp" else {})
