"""The interfaces that face the internet, as the packet program knows them: lowering to the `outside` table.

With one, all is as if there were no such word: its MAC address is compared, and that is all. With several, each address has
bits that say at which of them it is ours, and the kernel is asked by which one a frame came in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardtack.control.tables import WORD, factors
from hardtack.packet.layout import INTERFACE_SHIFT, MAC_SHIFT, MAC_SLOTS_BITS, NO_MAC, WAYS_IN_BITS, Outside

NOBODY = WORD  # in `ways_in`: no interface has such a number
ONLY_ONE, FIRST_OF_SEVERAL = 0, 1  # places in `exits`, which are the uplinks' numbers


@dataclass(frozen=True)
class Uplink:
    """`macs`: for which frames may come in there, the interface's own first; a tunnel has none. `unfinished`: checksums may
    be left to do.

    `ways_in`: the interfaces that its frames may be said to come in by, by index: itself, a bond's slaves, the bond.
    """

    macs: Sequence[bytes]
    unfinished: bool = False
    ways_in: Sequence[int] = ()


def numbered(names: Collection[str]) -> dict[str, int]:
    """Each uplink's number, by name."""
    return {name: place for place, name in enumerate(names, FIRST_OF_SEVERAL if len(names) > 1 else ONLY_ONE)}


def outside_entry(uplinks: Mapping[int, Uplink]) -> bytes:
    """The `outside` table, by the uplinks' numbers. At most MOST_MACS MAC addresses and MOST_WAYS_IN interfaces."""
    record = np.zeros((), Outside)
    record["several"], record["mac"] = ONLY_ONE not in uplinks, NO_MAC
    record["unfinished"] = sum(1 << number for number, uplink in uplinks.items() if uplink.unfinished)
    others: dict[int, int] = {}
    for number, uplink in uplinks.items():
        for mac in uplink.macs:
            word = int.from_bytes(mac, "little") << MAC_SHIFT
            others[word] = others.get(word, 0) | 1 << number
    if ONLY_ONE in uplinks and others:
        record["mac"] = next(iter(others))
        del others[int(record["mac"])]
    record["factor"] = spread(record["others"], MAC_SLOTS_BITS, {mac: mac | bits for mac, bits in others.items()})
    record["ways_in"] = NOBODY
    ways_in = {index: index << INTERFACE_SHIFT | number for number, uplink in uplinks.items() for index in uplink.ways_in}
    record["spread"] = spread(record["ways_in"], WAYS_IN_BITS, ways_in)
    return record.tobytes()


def spread(slots: npt.NDArray[np.uint64], bits: int, entries: Mapping[int, int]) -> int:
    """Put each entry into the slot that the upper bits of a product of its key say; the multiplier.

    Multipliers are tried until one gives each a slot of its own, as for `index`; with 64 of 1,024 it takes seven or so.
    """
    for factor in factors():
        places = [((key * factor) & WORD) >> (64 - bits) for key in entries]
        if len(set(places)) == len(places):
            slots[places] = [*entries.values()]
            return factor
    raise ValueError("no arrangement of these was found")
