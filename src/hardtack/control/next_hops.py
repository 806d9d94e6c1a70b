"""Where frames for hosts with via = "direct" or "mac" go: Net.next_hop, kept as the kernel knows the way.

What the kernel does not know, or what only it can do, has no entry: the packet program then hands the frame to the kernel,
which asks for the neighbour, answers with an ICMP error, encapsulates. Entries are single words, written whole.

The entry of a network with via = "direct" has the program note what addresses are wanted in it: learning.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from hardtack.control.configuration.schema import Config
from hardtack.control.exits import Exit, as_now, usable
from hardtack.control.following import Entries, Follower
from hardtack.control.hops import NOT_KNOWN, Destination, Hop, Hops, tell
from hardtack.control.protected import Places, is_alone, networks_of
from hardtack.control.tables import exits_entry
from hardtack.image import ONLY
from hardtack.kernel import routes
from hardtack.packet.layout import TO_LEARN

STIR_AGAIN = 10.0  # s between attempts to have the kernel ask for a neighbour
LEARN_EACH = TO_LEARN.to_bytes(8, "little")


class NextHops(Follower[Destination]):
    """Keeps Net.next_hop of a front's networks, and the MAC addresses of its `exits`."""

    def __init__(
        self, config: Config, places: Places, exits: Sequence[Exit], table: Entries, exits_table: Entries
    ) -> None:
        super().__init__(table)
        self._exits, self._exits_table = tuple(exits), exits_table
        self._usable = self._exits
        exits_table.update(ONLY, exits_entry(exits))
        self._stirred: dict[tuple[int, bytes], float] = {}
        self.configure(config, places)

    def configure(self, config: Config, places: Places) -> None:
        """Keep the ways to these from now on, beginning with the next `write`; what is known of those that stay, stays."""
        known = {one.place: one for one in self._all}
        self._all = [
            Destination(places[network], host, network.network_address)
            for host, network in networks_of(config)
            if host.via == "mac" or (host.via == "direct" and is_alone(network))
        ]
        for one in self._all:
            if (was := known.get(one.place)) and was.address == one.address:
                one.hop, one.neighbour, one.state = was.hop, was.neighbour, was.state
                del known[one.place]
        for place in known:  # nobody's now, or somebody else's: to the kernel, until there is a look
            self._table.update(place.to_bytes(4, "little"), NOT_KNOWN)
        for host, network in networks_of(config):
            if host.via == "direct" and not is_alone(network):
                self._table.update(places[network].to_bytes(4, "little"), LEARN_EACH)
        self._again = True

    def write(self) -> None:
        """Bring everything up to date, and have the kernel ask for neighbours that it does not know."""
        super().write()
        self._stir(time.monotonic())

    def _look(self, those: Iterable[Destination]) -> None:
        """Ask the kernel for the way to each; write and tell what has changed."""
        self._exits = as_now(self._exits, self._kernel)
        if (usable_now := usable(self._exits, self._kernel)) != self._usable:
            self._usable = usable_now
            self._exits_table.update(ONLY, exits_entry(usable_now))
        hops = Hops(self._exits, self._kernel)
        changed: dict[Hop, list[str]] = {}
        for one in those:
            hop = hops.of(one)
            if hop == one.hop:
                continue
            if one.hop is None or hop.entry != one.hop.entry:
                self._table.update(one.place.to_bytes(4, "little"), hop.entry)
            one.hop = hop
            changed.setdefault(hop, []).append(one.host.name)
        for hop, names in changed.items():
            tell(hop, list(dict.fromkeys(names)))

    def _stir(self, now: float) -> None:
        """Have the kernel ask for neighbours it does not know, or has not heard of for long: frames that bypass it do not.

        Without this, a host that has got another network card, and does not say so, would lose its frames for ever.
        """
        for one in self._all:
            if not one.neighbour or one.state & routes.FRESH:
                continue
            if now - self._stirred.get(one.neighbour, -STIR_AGAIN) >= STIR_AGAIN:
                self._stirred[one.neighbour] = now
                if link := self._kernel.link(one.neighbour[0]):
                    routes.stir(link, one.neighbour[1])

