"""The tags of a burst, side by side: the same hash as cookie.tag_of, in loops that LLVM turns into vector instructions.

Rows of words, not records: that is what vectors are loaded from. For native code alone.
"""

from __future__ import annotations

from hardtack.compiler.language import address, at, i64, inlined, load64, store64, u64
from hardtack.packet.burst_records import Lanes, offset_of
from hardtack.packet.cookie.cookie import LENGTH_4, LENGTH_6, addresses_4
from hardtack.packet.cookie.siphash import absorb, begin, finish

LOW, HIGH, PORTS_ISN, SAID, TAG, NUMBER = (
    offset_of(Lanes, name) for name in ("low", "high", "ports_isn", "said", "tag", "number")
)
SOURCE_HIGH, SOURCE_LOW, DESTINATION_HIGH, DESTINATION_LOW = (
    offset_of(Lanes, name) for name in ("source_high", "source_low", "destination_high", "destination_low")
)
ADDRESSES = SOURCE_LOW  # of IPv4: both in a word
WORD, AT_ONCE = 8, 8  # bytes; lanes of the widest vectors


@inlined
def ask(lanes, lane, number, key, said, ports_isn):
    """A question, but for its addresses, for the frame of this number."""
    place = at(address(lanes), lane * WORD)
    store64(place, LOW, key.low)
    store64(place, HIGH, key.high)
    store64(place, PORTS_ISN, ports_isn)
    store64(place, SAID, u64(said))
    store64(place, NUMBER, u64(number))


@inlined
def ask_of_4(lanes, lane, flow):
    """The addresses of an IPv4 segment."""
    store64(at(address(lanes), lane * WORD), ADDRESSES, addresses_4(flow))


@inlined
def ask_of_6(lanes, lane, flow):
    """The addresses of an IPv6 segment."""
    place = at(address(lanes), lane * WORD)
    store64(place, SOURCE_HIGH, flow.source_high)
    store64(place, SOURCE_LOW, flow.source_low)
    store64(place, DESTINATION_HIGH, flow.destination_high)
    store64(place, DESTINATION_LOW, flow.destination_low)


@inlined
def whole_vectors(count):
    """So many lanes, and those that fill the last vector: what is in them is hashed for nothing, and read by nobody."""
    return (count + AT_ONCE - 1) & -AT_ONCE


@inlined
def hash_4(lanes, count):
    """The tags of so many IPv4 segments."""
    base = address(lanes)
    for lane in range(whole_vectors(count)):
        place = at(base, lane * WORD)
        a, b, c, d = begin(load64(place, LOW), load64(place, HIGH))
        a, b, c, d = absorb(a, b, c, d, load64(place, ADDRESSES))
        a, b, c, d = absorb(a, b, c, d, load64(place, PORTS_ISN))
        a, b, c, d = absorb(a, b, c, d, u64(LENGTH_4) | load64(place, SAID))
        store64(place, TAG, finish(a, b, c, d))


@inlined
def hash_6(lanes, count):
    """The tags of so many IPv6 segments."""
    base = address(lanes)
    for lane in range(whole_vectors(count)):
        place = at(base, lane * WORD)
        a, b, c, d = begin(load64(place, LOW), load64(place, HIGH))
        a, b, c, d = absorb(a, b, c, d, load64(place, SOURCE_HIGH))
        a, b, c, d = absorb(a, b, c, d, load64(place, SOURCE_LOW))
        a, b, c, d = absorb(a, b, c, d, load64(place, DESTINATION_HIGH))
        a, b, c, d = absorb(a, b, c, d, load64(place, DESTINATION_LOW))
        a, b, c, d = absorb(a, b, c, d, load64(place, PORTS_ISN))
        a, b, c, d = absorb(a, b, c, d, u64(LENGTH_6) | load64(place, SAID))
        store64(place, TAG, finish(a, b, c, d))


@inlined
def tag_in(lanes, lane):
    """What has come out."""
    return load64(at(address(lanes), lane * WORD), TAG)


@inlined
def number_in(lanes, lane):
    """Whose it is: the frame's number."""
    return i64(load64(at(address(lanes), lane * WORD), NUMBER))
