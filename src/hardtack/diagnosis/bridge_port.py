"""An agent on a bridge's port: what it makes of a cookie gets lost on the way through the bridge to this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel import interfaces

SWITCHES = ("bridge", "openvswitch")


def bridge_port(site: Site) -> Iterator[Finding]:
    """That the interface is one. The bridge itself is the place: what is for this machine comes in by it."""
    with suppress(OSError):
        if site.role == "agent" and (kind := interfaces.port_of(site.interface)) in SWITCHES:
            what = f"{site.interface} is a bridge port ({kind}), where an agent's clients are reset"
            remedy = "run the agent on the bridge interface itself, which has the address"
            yield Finding("bridge-port", what, remedy, fatal=True)
