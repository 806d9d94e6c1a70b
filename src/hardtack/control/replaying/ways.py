"""Where frames go on to, as far as a configuration alone says so: hosts with `via = "mac"`.

Other next hops only a running front knows, from its kernel: such frames keep the MAC addresses that they came with.
"""

from __future__ import annotations

import numpy as np

from hardtack.control.explaining.filled import Filled
from hardtack.control.protected import NetColumn, networks_of
from hardtack.packet import layout

EXIT = 1  # a place in `exits` that is no uplink's
OURS = bytes((2, 0, 0, 0, 0, 1))  # this machine's MAC address, as captures/frames.py has it
ANY_LENGTH = 1 << 16  # bytes: no frame is too long


def fill_ways(filled: Filled) -> None:
    """Next hops, and the one exit that they have."""
    exits = np.frombuffer(filled.tables["exits"].memory(), layout.Exits)["slots"][0]
    exits["mac"], exits["mtu"], exits["scatters"] = int.from_bytes(OURS, "little"), ANY_LENGTH, 1
    column = NetColumn(filled.tables["nets"], "next_hop")
    for host, network in networks_of(filled.plan.config):
        if host.via == "mac" and host.mac:
            hop = int.from_bytes(bytes.fromhex(host.mac.replace(":", "")), "little") | EXIT << 48
            column.update(filled.plan.protected.places[network].to_bytes(4, "little"), hop.to_bytes(8, "little"))
