"""The table `listed`: which networks are protected, and from where to where, for the next start and for those who ask.

No program reads it: they find an address's record in another way, which does not lead back.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import numpy as np
import numpy.typing as npt

from hardtack.control.configuration.consistency import MOST_EXCLUDED
from hardtack.control.coverage import Network
from hardtack.control.protected import NOTHING, Protected
from hardtack.image import MMAPABLE, Table
from hardtack.kernel.maps import Map
from hardtack.packet.layout import MOST_NETS

# By place in `nets`: the address, IPv4 mapped (RFC 4291 2.5.5.2), and how many of its bits count, + 1; 0: nothing is there.
# Behind them, in any order, what is excluded
Written = np.dtype([("address", "u1", (16,)), ("length", "u8")], align=True)
LISTED = Table("listed", "array", 4, Written.itemsize, MOST_NETS + MOST_EXCLUDED, MMAPABLE, layout=f"{Written.descr}")
MAPPED = bytes(10) + b"\xff\xff"
MAPPED_BITS = 96


def fill_listed(table: Map, after: Protected, before: Protected = NOTHING) -> None:
    """Write them, where those of `before` are."""
    records = np.frombuffer(table.memory(), Written)
    for network in before.owners.keys() - after.owners.keys():
        records[before.places[network]]["length"] = 0
    for network in after.owners.keys() - before.owners.keys():
        records[after.places[network]] = written(network)
    if before.excluded != after.excluded:
        records["length"][MOST_NETS:] = 0
        for place, network in enumerate(after.excluded, MOST_NETS):
            records[place] = written(network)


def written(network: Network) -> tuple[npt.NDArray[np.uint8], int]:
    """As a record."""
    packed, length = network.network_address.packed, network.prefixlen + 1
    if network.version == 4:
        packed, length = MAPPED + packed, length + MAPPED_BITS
    return np.frombuffer(packed, np.uint8), length


def all_listed(table: Map) -> dict[int, Network]:
    """All that are protected, by place."""
    records = np.frombuffer(table.memory(), Written, MOST_NETS)
    return {int(place): network_of(records[place]) for place in np.flatnonzero(records["length"])}


def all_excluded(table: Map) -> set[Network]:
    """All that are not, in networks that are."""
    records = np.frombuffer(table.memory(), Written)[MOST_NETS:]
    return {network_of(one) for one in records[records["length"] > 0]}


def network_of(record: np.void) -> Network:
    """The network of a record."""
    packed, length = record["address"].tobytes(), int(record["length"]) - 1
    if length >= MAPPED_BITS and packed.startswith(MAPPED):
        return IPv4Network((packed[12:], length - MAPPED_BITS))
    return IPv6Network((packed, length))
