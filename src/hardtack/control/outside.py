"""What the program is to know of the interface that faces the internet: the `outside` table, kept as the kernel has it.

Frames are answered and sent on that came in for a MAC address of this machine, whichever: that of a virtual router on a
macvlan, a bridge's, another one since a moment ago. Others are somebody else's, or everybody's.
"""

from __future__ import annotations

import logging
import socket

from hardtack import journal
from hardtack.control.following import Entries, Keeper
from hardtack.control.tables import outside_entry
from hardtack.image import ONLY
from hardtack.kernel import mac_addresses, netlink
from hardtack.kernel.veth import IN_DRIVER
from hardtack.packet.layout import MOST_MACS


class Outside(Keeper):
    """Keeps the `outside` table of a front whose interface has this index."""

    def __init__(self, interface: int, table: Entries) -> None:
        super().__init__(table)
        self._interface = interface
        self._kernel = netlink.opened(socket.NETLINK_ROUTE)
        self._macs: tuple[bytes, ...] = ()
        self._entry = b""

    def follow(self) -> None:
        """Look again if it is news of interfaces, or of what bridges and filters hold, which have no IP addresses."""
        news = self._events.read()
        if news.everything or any(not address for _, address in news.neighbours):
            self.write()

    def write(self) -> None:
        """Look, and write what has changed: netlink tells nothing of other namespaces' macvlans. What has gone stays."""
        macs = mac_addresses.of(self._kernel, self._interface)
        if not macs:
            return
        entry = outside_entry(macs[:MOST_MACS], self._may_be_unfinished())
        if entry != self._entry:
            self._table.update(ONLY, entry)
            self._entry = entry
        if macs != self._macs:
            is_usual = not self._macs and len(macs) == 1  # at the start: that of the interface, as everybody would think
            self._macs = macs
            if not is_usual:
                tell(macs)

    def _may_be_unfinished(self) -> bool:
        """Whether checksums may be left to do, and nobody else does them: see packet/out/finish.py.

        Of a veth's driver. The generic hook sends on the kernel's own buffers, with all that is noted beside them.
        """
        facts = mac_addresses.facts_of(self._kernel, self._interface)
        return netlink.kind(facts) == "veth" and netlink.xdp_program(facts)[0] == IN_DRIVER

    def close(self) -> None:
        """Hear no more news, and ask no more."""
        super().close()
        self._kernel.close()


def tell(macs: tuple[bytes, ...]) -> None:
    """One line of the journal on whom frames may come in for."""
    journal.note("addresses", macs=",".join(mac.hex(":") for mac in macs[:MOST_MACS]))
    if more := macs[MOST_MACS:]:
        why = f"a front knows {MOST_MACS} MAC addresses of its interface: frames for others are left to the kernel"
        journal.note("too-many-addresses", logging.WARNING, more=len(more), why=why)
