"""`hardtack example`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

FILES = {
    "configuration": "hardtack.toml",
    "front": "systemd/hardtack-front.service",
    "agent": "systemd/hardtack-agent@.service",
    "target": "systemd/hardtack.target",
    "sysusers": "sysusers.d/hardtack.conf",
    "alerts": "prometheus/hardtack.rules.yml",
    "alert-tests": "prometheus/hardtack.test.yml",
    "grafana-prometheus": "grafana/hardtack-prometheus.json",
    "grafana-influx": "grafana/hardtack-influx.json",
    "tmpfiles": "tmpfiles.d/hardtack.conf",
}
What = Literal[
    "configuration", "front", "agent", "target", "sysusers", "tmpfiles", "alerts", "alert-tests",
    "grafana-prometheus", "grafana-influx",
]  # fmt: skip
ABOUT = (
    "The configuration; a systemd unit; the user that they run as; their folder in /run; Prometheus alert rules and "
    "their tests; a dashboard for Grafana, for either data source."
)


def example(
    what: Annotated[
        What,
        typer.Argument(metavar="WHAT", help=ABOUT),
    ] = "configuration",
) -> None:
    """Print an example file: a configuration with every key, or a file for systemd, Prometheus or Grafana.

    Example: hardtack example > hardtack.toml
    """
    package = Path(__file__).parents[1]
    places = (package / "examples", package.parents[1] / "etc")  # in the wheel, in a checkout
    folder = next(folder for folder in places if folder.is_dir())
    typer.echo((folder / FILES[what]).read_text(encoding="utf-8"), nl=False)
