"""What Prometheus' own tool says: of the alerts, and of what is exported."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hardtack.agent.families import AGENT
from hardtack.agent.textfile import text
from hardtack.control.metrics.exposition import exposition
from metrics.test_metrics_exposition import FACTS, OWN, seen

RULES = Path(__file__).parents[2] / "etc" / "prometheus"
pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: it comes with prometheus")


def promtool(*arguments: object, given: bytes = b"") -> str:
    """What it says; all must be well."""
    done = subprocess.run(["promtool", *map(str, arguments)], input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout + done.stderr).decode()


def test_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("check", "rules", RULES / "hardtack.rules.yml")
    assert "SUCCESS" in promtool("test", "rules", RULES / "hardtack.test.yml")


def test_nothing_is_to_be_said_against_the_metrics() -> None:
    body, _ = exposition(seen(), FACTS, OWN, "")
    assert promtool("check", "metrics", given=body) == ""
    samples = ((family, tuple(family.labels), 1) for family in AGENT)
    assert promtool("check", "metrics", given=text(samples).encode()) == ""
