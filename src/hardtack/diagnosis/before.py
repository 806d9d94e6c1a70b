"""Programs of others that have put themselves before ours since. For doctor alone: whoever starts, gets before them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.chain import chain
from hardtack.kernel.links import Direction

OURS: dict[str, tuple[str, Direction]] = {"agent": ("agent", "ingress"), "front": ("leaving", "egress")}  # by Site.role


def before(site: Site) -> Iterator[Finding]:
    """Who runs before what is at work there."""
    if site.role not in OURS:
        return
    name, direction = OURS[site.role]
    try:
        there = chain(socket.if_nametoindex(site.interface), direction)
    except (BpfError, OSError):
        return  # there is no such interface, hook or right
    ours = [member.link for member in there.members if member.is_ours(name)]
    for member in there.before(ours[0]) if ours else ():
        what = f"{member} is on {site.interface} before hardtack's {name}, and may keep frames from it"
        yield Finding("before", what, "start hardtack there again, and it is first; or have that program return TCX_NEXT")
