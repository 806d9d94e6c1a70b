"""Ways to single addresses of networks with via = "direct", learned as frames need them, and kept as the kernel has them.

The network's own record says TO_LEARN: frames for it are the kernel's, and their addresses are noted in the table `wanted`,
as far as it has room. What is noted is looked up here as the kernel would send it. Once that is known, the address has a
record of its own (learned.py), and its frames go straight there.

All of it is bounded, in memory and in work, and the kernel is always there to fall back on. Only frames of known
connections, or with a good cookie, come so far as to be noted. Who has them sent to very many addresses displaces addresses
of the host that has most. When something may have changed for very many, they are the kernel's until they have been looked
at.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from hardtack import journal
from hardtack.control.configuration.schema import Config
from hardtack.control.configuration.values import Address
from hardtack.control.exits import Exit
from hardtack.control.following import Keeper
from hardtack.control.hops import Hop, Hops
from hardtack.control.learned import Learned, Neighbour, Owner, Records
from hardtack.control.networks.memory import TableFull
from hardtack.control.protected import Protected, content, is_alone, networks_of
from hardtack.control.wanted import Notes
from hardtack.kernel import routes
from hardtack.kernel.routes import Routing
from hardtack.packet.layout import LED_BITS

LOOKS = 1024  # ways that are looked up in a second because something has changed: some 50 µs each
LEARNED = 256  # addresses that are learned in a second
STIRRED = 128  # neighbours that the kernel is to ask for, likewise
EXITS = 16  # looks that it takes to find out which interfaces can be used
ROUND = 30.0  # s until each is looked at again, should news have been missed; who has had no frame then is given up
STIR_AGAIN = 10.0  # s between attempts to have the kernel ask for a neighbour
MOST_NETWORKS = 1000  # that routes have changed for, before looking at all is cheaper


class Learning(Keeper):
    """Keeps these records. To be made where the front's interfaces are; then no capability is needed."""

    def __init__(
        self, config: Config, protected: Protected, exits: Sequence[Exit], records: Records, notes: Notes
    ) -> None:
        super().__init__()
        self._exits, self._records, self._notes, self._kernel = exits, records, notes, Routing()
        self._left = LOOKS  # until the next `write`
        self._queue: dict[int, Learned] = {}  # by place: those that are to be looked at soon
        self._go: dict[int, Learned] = {}  # those that no frame comes for, or nobody knows the way to
        self._told: set[str] = set()
        self._protected, self._owners = protected, owners_in(config, protected)

    def configure(self, config: Config, protected: Protected) -> None:
        """Have the tree of destinations lead to all this; what was learned of networks that are as before, stays.

        TableFull, and nothing has changed. Within `Trees.together`, when that ends.
        """
        owners = owners_in(config, protected)

        def then() -> None:
            self._protected, self._owners = protected, owners
            self._notes.clear()
            self._told.clear()

        self._records.replant(content(protected), self._outdated(protected, owners), then)

    def follow(self) -> None:
        """Look at the ways that the news is of; at very many later."""
        news = self._events.read()
        if not news or not self._records:
            return
        if news.everything or len(news.networks) > MOST_NETWORKS:
            self._look_or_doubt([*self._records])
            self._queue |= {one.place: one for one in self._records}  # what it is news of may have only begun
        else:
            those = [*self._records.inside(news.networks), *self._behind(news.neighbours)]
            self._look_or_doubt([*{one.place: one for one in those}.values()])

    def write(self) -> None:
        """What a second has brought: ways in doubt, some that are to be looked at again, addresses that are wanted."""
        self._left = LOOKS
        noted = self._notes.take(LEARNED)
        if not noted and not self._records:
            return
        now, hops = time.monotonic(), Hops(self._exits, self._kernel)
        for place in [*islice(self._queue, LOOKS)]:
            if (one := self._queue.pop(place)) in self._records:
                self._look(one, hops)
        used, unused = self._records.asked(now, ROUND, LOOKS)
        for one in used:
            self._look(one, hops)
        self._go |= {one.place: one for one in [*unused, *self._records.surplus(LEARNED)]}
        self._change([*self._found(noted, hops)], now)
        self._stir(now)

    def close(self) -> None:
        """Hear no more news, and ask no more."""
        super().close()
        self._kernel.close()

    def _outdated(self, protected: Protected, owners: Mapping[int, Owner]) -> list[Learned]:
        """Those whose network is another one from now on, or another host's, or its host has changed."""
        if not self._records:
            return []
        concerned = {one.owner.place: one.owner for one in self._records}
        changed = {place for place, owner in concerned.items() if owners.get(place) != owner}
        now, then = (one.places.keys() | one.excluded for one in (self._protected, protected))
        found = {one.place: one for one in self._records if one.owner.place in changed}
        return [*(found | {one.place: one for one in self._records.inside(then - now)}).values()]

    def _behind(self, neighbours: Iterable[Neighbour]) -> Iterator[Learned]:
        """Those whose neighbour has another MAC address, or none, or one again."""
        for neighbour in neighbours:
            if behind := self._records.neighbours.get(neighbour):
                behind.state, mac = self._kernel.neighbour(*neighbour)
                if behind.mac != (mac if behind.state & routes.USABLE else b""):
                    yield from behind.those.values()

    def _look_or_doubt(self, those: Sequence[Learned]) -> None:
        """At once, if they are few; if not, their frames are the kernel's until then."""
        if not those:
            return
        if len(those) + EXITS > self._left:
            self._records.doubt(those)
            self._queue |= {one.place: one for one in those}
            return
        self._left -= EXITS
        hops = Hops(self._exits, self._kernel)
        for one in those:
            self._look(one, hops)

    def _look(self, one: Learned, hops: Hops) -> None:
        """Its way as it is now. As long as only its neighbour is not known, the kernel asks for that."""
        self._left -= 1
        hop = hops.of(one)
        if hop.mac or one.neighbour:
            self._records.update(one, hop)
        else:
            self._records.doubt([one])
            self._go[one.place] = one

    def _found(self, noted: Iterable[Address], hops: Hops) -> Iterator[tuple[Learned, Hop]]:
        """Those whose way is known. Of others the frames are the kernel's, and they will be noted again."""
        everybody = self._records.content
        for address in dict.fromkeys(noted):
            if owner := self._owners.get(everybody.longest(address) >> LED_BITS):
                one = Learned(0, owner.host, address, owner=owner)
                hop = hops.of(one)
                if hop.mac:
                    yield one, hop
                elif hop.lasting:
                    self._tell(owner.host.name, hop.why)

    def _change(self, come: Sequence[tuple[Learned, Hop]], now: float) -> None:
        """Have all this in the tree. If it has no room they are the kernel's."""
        go = [one for one in self._go.values() if one in self._records]
        self._go.clear()
        if not come and not go:
            return
        try:
            self._records.change(come, go, now)
        except TableFull as full:
            self._tell("", str(full))

    def _tell(self, host: str, why: str) -> None:
        """One line for each host: an attacker chooses the addresses."""
        if host not in self._told:
            self._told.add(host)
            journal.note("by-kernel", logging.WARNING, hosts=host, why=why)

    def _stir(self, now: float) -> None:
        """Have the kernel ask for neighbours that it has not heard of for long: frames past it do not."""
        due = (
            (*neighbour, behind)
            for neighbour, behind in self._records.neighbours.items()
            if not behind.state & routes.FRESH and now - behind.stirred >= STIR_AGAIN
        )
        for interface, address, behind in islice(due, STIRRED):
            behind.stirred = now
            if link := self._kernel.link(interface):
                routes.stir(link, address)


def owners_in(config: Config, protected: Protected) -> dict[int, Owner]:
    """The networks whose addresses are to be learned, by their places."""
    direct = ((host, network) for host, network in networks_of(config) if host.via == "direct" and not is_alone(network))
    owners = (Owner(protected.places[network], network, host, protected.owners[network]) for host, network in direct)
    return {owner.place: owner for owner in owners}
