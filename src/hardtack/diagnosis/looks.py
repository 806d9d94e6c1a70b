"""All that is looked for. Each look is a file of its own: what it looks at, what it finds, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hardtack.diagnosis.bridge_port import bridge_port
from hardtack.diagnosis.finding import Finding, Site
from hardtack.diagnosis.nat import nat_before_the_socket
from hardtack.diagnosis.overflows import full_accept_queues
from hardtack.diagnosis.port_reuse import port_reuse
from hardtack.diagnosis.promises import promises
from hardtack.diagnosis.services import services
from hardtack.diagnosis.vrf import vrf

Look = Callable[[Site], Iterable[Finding]]

LOOKS: tuple[Look, ...] = (
    *(bridge_port, vrf, nat_before_the_socket),
    *(services, promises, port_reuse, full_accept_queues),
)


def findings(site: Site, looks: Iterable[Look] = LOOKS) -> Iterator[Finding]:
    """Everything that stands in the way of `site`, what is fatal too."""
    for look in looks:
        yield from look(site)
