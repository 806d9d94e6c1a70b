"""Of the interfaces that face the internet: whose MAC addresses are whose, as the packet program looks for them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hardtack.control.uplinks import NOBODY, Uplink, numbered, outside_entry
from hardtack.packet import layout
from hardtack.packet.layout import Outside

MACS = st.lists(st.binary(min_size=6, max_size=6), min_size=1, max_size=layout.MOST_MACS, unique=True)
INDEX = st.integers(1, (1 << 31) - 1)


def place(key: int, factor: int, bits: int) -> int:
    """Where a key is looked for."""
    return ((key * int(factor)) & (1 << 64) - 1) >> (64 - bits)


def test_a_tunnel_has_no_mac_address_and_what_nobody_brought_is_of_no_uplink() -> None:
    """0 is the interface that what this machine sends itself has come in by."""
    for uplinks in ({0: Uplink([], ways_in=[7])}, {1: Uplink([], ways_in=[7]), 2: Uplink([bytes(6)], ways_in=[8])}):
        record = np.frombuffer(outside_entry(uplinks), Outside)[0]
        assert record["mac"] == layout.NO_MAC
        assert int(record["ways_in"][place(0, record["spread"], layout.WAYS_IN_BITS)]) >> layout.INTERFACE_SHIFT != 0


@given(MACS, st.integers(1, layout.MOST_UPLINKS), st.data())
@settings(deadline=None)
def test_everything_is_found_at_its_place(macs: list[bytes], several: int, data: st.DataObject) -> None:
    """Each address is ours where it is, and nowhere else; each interface leads to its uplink, and no other to any."""
    numbers = [*numbered([f"eth{n}" for n in range(several)]).values()]
    indices = data.draw(st.lists(INDEX, min_size=several, max_size=layout.MOST_WAYS_IN, unique=True))
    some = st.lists(st.sampled_from(macs), min_size=1, unique=True)
    uplinks = {
        number: Uplink(data.draw(some), data.draw(st.booleans()), indices[n::several]) for n, number in enumerate(numbers)
    }
    record = np.frombuffer(outside_entry(uplinks), Outside)[0]
    for mac in macs:
        word = int.from_bytes(mac, "little") << layout.MAC_SHIFT
        differs = int(record["others"][place(word, record["factor"], layout.MAC_SLOTS_BITS)]) ^ word
        found = differs if differs >> layout.MAC_SHIFT == 0 else 0
        ours = {number for number in numbers if found >> number & 1 or record["mac"] == word}
        assert ours == {number for number, uplink in uplinks.items() if mac in uplink.macs}
    assert record["unfinished"] == sum(uplink.unfinished << number for number, uplink in uplinks.items())
    assert (bool(record["several"]), record["mac"] == layout.NO_MAC) == (several > 1, several > 1)
    for number, uplink in uplinks.items():
        for index in uplink.ways_in:
            found = int(record["ways_in"][place(index, record["spread"], layout.WAYS_IN_BITS)])
            assert (found >> layout.INTERFACE_SHIFT, found & layout.MOST_EXITS - 1) == (index, number)
    assert np.count_nonzero(record["ways_in"] != NOBODY) == len(indices)
