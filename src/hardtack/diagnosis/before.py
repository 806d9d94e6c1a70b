"""Programs of others that have put themselves before ours since. For doctor alone: whoever starts, gets before them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.chain import chain
from hardtack.kernel.links import Direction

# By Site.role; at ingress where frames begin with IP
OURS: dict[str, tuple[tuple[str, Direction], ...]] = {
    "agent": (("agent", "ingress"),),
    "front": (("front_ip", "ingress"), ("leaving", "egress")),
    "inside": (("inside_ip", "ingress"),),
}
NAMES = frozenset(name for places in OURS.values() for name, _ in places)


def before(site: Site) -> Iterator[Finding]:
    """Who runs before what is at work there."""
    for name, direction in OURS[site.role]:
        try:
            there = chain(socket.if_nametoindex(site.interface), direction)
        except (BpfError, OSError):
            return  # there is no such interface, hook or right
        ours = [member.link for member in there.members if member.is_ours(name)]
        for member in there.before(ours[0]) if ours else ():
            if any(map(member.is_ours, NAMES)):
                continue  # they let each other see everything
            what = f"{member} runs before hardtack's {name} on {site.interface}, and may hide frames from it"
            yield Finding("before", what, "restart hardtack there to put it first, or have that program return TCX_NEXT")
