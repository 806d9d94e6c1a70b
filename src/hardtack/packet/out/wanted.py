"""Addresses of networks that a frame has come for, and nobody knows the way to yet: noted, for the front's process to learn.

Who has frames come so far has brought a good cookie, or is known; still, he chooses the addresses. So the table is bounded,
each host has its own part of it (or shares it with few), and where in that part an address is noted nobody outside knows:
what one host's clients want is no reason for others to wait. An address that finds its place taken is noted another time.
The frame itself goes by the kernel.
"""

from __future__ import annotations

from hardtack.compiler.language import address, at, compare_exchange, entry_of, i64, inlined, set_bits, u64, viewed
from hardtack.packet.layout import NOTE_BITS, NOTED, NOTING, NOTING_BITS, UNNOTED, WANTED, Note, Wanted

FIRST_NOTE, NOTE_SIZE = Wanted.fields["notes"][1], Note.itemsize  # type: ignore[index]
PARTS = (1 << NOTING_BITS) - 1
LOW_32 = 0xFFFFFFFF

wanted = entry_of(WANTED, Wanted)
note_at = viewed(Note)


@inlined
def note(flow):
    """Note where the frame is for, if there is room. Whoever reads sees whole notes: NOTED comes last."""
    place = ((flow.host & PARTS) << NOTE_BITS) | place_in_part(flow.destination_high, flow.destination_low)
    one = note_at(at(address(wanted()), FIRST_NOTE + place * NOTE_SIZE))
    if one.state != u64(UNNOTED) or compare_exchange(address(one), u64(UNNOTED), u64(NOTING)) != u64(UNNOTED):
        return
    one.high, one.low = flow.destination_high, flow.destination_low
    set_bits(address(one), u64(NOTED))


@inlined
def place_in_part(high, low):
    """The upper bits of a multilinear hash under secret factors (Thorup 2015, 3.3)."""
    factors = wanted().factors
    total = (high & u64(LOW_32)) * factors[0] + (high >> u64(32)) * factors[1]
    total += (low & u64(LOW_32)) * factors[2] + (low >> u64(32)) * factors[3]
    return i64(total >> u64(64 - NOTE_BITS))
