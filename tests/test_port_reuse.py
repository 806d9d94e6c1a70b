"""What is said where clients cannot come back by their ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardtack.diagnosis.finding import Site
from hardtack.diagnosis.port_reuse import port_reuse

AGENT, FRONT = Site("agent", "eth0"), Site("front", "eth0")
TOLD = (
    "net.ipv4.tcp_rfc1337 is set: clients that reuse a source port within a minute are reset: "
    "sysctl -w net.ipv4.tcp_rfc1337=0, the default"
)


@pytest.mark.parametrize(
    ("site", "value", "told"), [(AGENT, "1\n", [TOLD]), (AGENT, "0\n", []), (FRONT, "1\n", []), (AGENT, None, [])]
)
def test_rfc1337(tmp_path: Path, site: Site, value: str | None, told: list[str]) -> None:
    """Of the host's namespace; without IPv4 there is no such setting."""
    setting = tmp_path / "tcp_rfc1337"
    if value is not None:
        setting.write_text(value)
    assert [str(finding) for finding in port_reuse(site, setting)] == told
