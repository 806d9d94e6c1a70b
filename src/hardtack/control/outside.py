"""What the program is to know of the interfaces that face the internet: the `outside` table, kept as the kernel has it.

Frames are answered and sent on that came in for a MAC address of this machine, whichever: that of a virtual router on a
macvlan, a bridge's, another one since a moment ago. Others are somebody else's, or everybody's; also those for an address
that is this machine's at another interface: a switch has flooded them, and they come in there as well.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping

from hardtack import journal
from hardtack.control.following import Entries, Keeper
from hardtack.control.uplinks import Uplink, outside_entry
from hardtack.image import ONLY
from hardtack.kernel import mac_addresses, netlink
from hardtack.kernel.veth import IN_DRIVER
from hardtack.packet.layout import MOST_MACS, MOST_WAYS_IN


class Outside(Keeper):
    """Keeps the `outside` table of a front whose uplinks have these indices, by number."""

    def __init__(self, uplinks: Mapping[int, int], table: Entries) -> None:
        super().__init__()
        self._uplinks, self._table = uplinks, table
        self._kernel = netlink.opened(socket.NETLINK_ROUTE)
        self._known: dict[int, Uplink] = {}
        self._macs: tuple[bytes, ...] = ()
        self._entry = b""

    def follow(self) -> None:
        """Look again if it is news of interfaces, or of what bridges and filters hold, which have no IP addresses."""
        news = self._events.read()
        if news.everything or any(not address for _, address in news.neighbours):
            self.write()

    def write(self) -> None:
        """Look, and write what has changed: netlink tells nothing of other namespaces' macvlans. What has gone stays."""
        for number, index in self._uplinks.items():
            if mac_addresses.facts_of(self._kernel, index):
                macs, ways_in = mac_addresses.of(self._kernel, index), mac_addresses.ways_in(self._kernel, index)
                self._known[number] = Uplink(macs, self._may_be_unfinished(index), ways_in)
        if not self._known:
            return
        uplinks, all_macs = limited(self._known)
        entry = outside_entry(uplinks)
        if entry != self._entry:
            self._table.update(ONLY, entry)
            self._entry = entry
        if all_macs != self._macs:
            usual = not self._macs and {*all_macs} == {mac for one in uplinks.values() for mac in one.macs[:1]}
            self._macs = all_macs
            if not usual:
                tell(all_macs)

    def _may_be_unfinished(self, index: int) -> bool:
        """Whether checksums may be left to do, and nobody else does them: see packet/out/finish.py.

        Of a veth's driver. The generic hook sends on the kernel's own buffers, with all that is noted beside them.
        """
        facts = mac_addresses.facts_of(self._kernel, index)
        return netlink.kind(facts) == "veth" and netlink.xdp_program(facts)[0] == IN_DRIVER

    def close(self) -> None:
        """Hear no more news, and ask no more."""
        super().close()
        self._kernel.close()


def limited(uplinks: Mapping[int, Uplink]) -> tuple[dict[int, Uplink], tuple[bytes, ...]]:
    """The same with as many MAC addresses and ways in as there is room for; and all addresses, the interfaces' own first."""
    every = [mac for uplink in uplinks.values() for mac in uplink.macs]
    macs = tuple(dict.fromkeys([*(mac for uplink in uplinks.values() for mac in uplink.macs[:1]), *every]))
    kept, room, fitting = set(macs[:MOST_MACS]), MOST_WAYS_IN // len(uplinks), {}
    for number, uplink in uplinks.items():
        here = [mac for mac in uplink.macs if mac in kept]
        fitting[number] = Uplink(here, uplink.unfinished, uplink.ways_in[:room])
    return fitting, macs


def tell(macs: tuple[bytes, ...]) -> None:
    """One line of the journal on whom frames may come in for."""
    journal.note("addresses", macs=",".join(mac.hex(":") for mac in macs[:MOST_MACS]))
    if more := macs[MOST_MACS:]:
        why = f"a front handles up to {MOST_MACS} MAC addresses of its interfaces: frames for others are left to the kernel"
        journal.note("too-many-addresses", logging.WARNING, more=len(more), why=why)
