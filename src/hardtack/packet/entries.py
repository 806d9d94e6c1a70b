"""The table entries that fronts and agents write alike, as bytes. Standard library only; layout.py has the records."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from hardtack.image import ONLY as ONLY  # whoever writes entries needs it

KEY_SLOTS = 64
KEY_SETS = 16  # in a table of `keys`, unless whoever makes it wants more; an agent uses the first
MOST_KEY_SETS = 4096
NEVER = 1 << 63  # an epoch that cannot come; 2^64 - 1 can: it is the one before the first, on a clock never set
SLOT = struct.Struct("<Q16sQ16s")  # Key: epoch, then 16 bytes as the two words that SipHash reads; likewise the old key's


def keys_entry(schedule: Iterable[tuple[int, bytes]] = (), old: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """An entry of `keys`, which is a set: (epoch, 16 bytes) pairs, each in the slot of its epoch.

    The other slots match no epoch. `old`: of the key whose cookies are taken, too, for epochs that `schedule` has.
    """
    slots, before = [SLOT.pack(NEVER, bytes(16), 0, bytes(16))] * KEY_SLOTS, dict(old)
    for epoch, key in schedule:
        slots[epoch % KEY_SLOTS] = SLOT.pack(epoch, key, epoch in before, before.get(epoch, bytes(16)))
    return b"".join(slots)


def clock_entry(offset_ns: int, still_ns: int = 0) -> bytes:
    """The `clock` table: what to add, modulo 2^64, to the kernel's coarse monotonic clock to get unix time in ns.

    `still_ns`: of programs whose clock stands still, what it shows.
    """
    return struct.pack("<QQ", offset_ns % (1 << 64), still_ns)


def promise_entry(scale: int) -> bytes:
    """The `promise` table of an agent: the window scale that its fronts have told clients."""
    return struct.pack("<Q", scale)


def frames_of(tallies: Sequence[int]) -> Sequence[int]:
    """Of an entry of `counters`: frames, by reason."""
    return tallies[0::2]


def bytes_of(tallies: Sequence[int]) -> Sequence[int]:
    """Likewise: their bytes, as they came."""
    return tallies[1::2]
