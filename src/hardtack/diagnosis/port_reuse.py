"""Whether a client may come back by its port while the host has its last connection in TIME_WAIT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hardtack.diagnosis.finding import Finding, Site

SETTING = Path("/proc/sys/net/ipv4/tcp_rfc1337")  # of this network namespace; it holds for IPv6, too


def port_reuse(site: Site, setting: Path = SETTING) -> Iterator[Finding]:
    """With this setting no RST ends a TIME_WAIT, and that is how an agent ends one."""
    if site.role == "agent" and setting.exists() and setting.read_text().strip() != "0":
        what = "net.ipv4.tcp_rfc1337 is set: clients that reuse a source port within a minute are reset"
        yield Finding("rfc1337", what, "sysctl -w net.ipv4.tcp_rfc1337=0, the default")
