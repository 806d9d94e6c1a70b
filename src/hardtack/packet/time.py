"""What time it is: unix milliseconds, from a cheap clock and the offset that the control plane keeps in a table.

Time, epoch and key change at most once a tick, so each CPU works them out once a tick and remembers them; two divisions
and a call for every SYN would cost as much as the hash.
"""

from __future__ import annotations

from hardtack.compiler.language import address, at, entry_of, i64, inlined, own_entry, u64, viewed
from hardtack.packet.layout import CLOCK, KEY_SLOTS, KEYS, MOMENT, Clock, Key, Keys, Moment
from hardtack.packet.platform import coarse_ns, tick

EPOCH_MS = 64_000  # cookie.md: an epoch is 64 s
KEY_SIZE = Key.itemsize

clock = entry_of(CLOCK, Clock)
keys = entry_of(KEYS, Keys)
key_at = viewed(Key)
own_moment = own_entry(MOMENT, Moment)


@inlined
def now_ms():
    """Unix time in ms, right to the few ms of the coarse clock."""
    return (coarse_ns() + clock().offset_ns) // u64(1_000_000)


@inlined
def find_key(epoch):
    """The slot for an epoch. Its key is the epoch's only if the slot's `epoch` says so."""
    return key_at(at(address(keys()), i64(epoch & u64(KEY_SLOTS - 1)) * KEY_SIZE))


@inlined
def update(moment):
    """Bring this CPU's moment up to date."""
    now = tick()
    if now == moment.tick and now != u64(0):
        return
    moment.now = now_ms()
    moment.epoch = moment.now // u64(EPOCH_MS)
    key = find_key(moment.epoch)
    moment.known = 1 if key.epoch == moment.epoch else 0
    moment.key_low, moment.key_high = key.low, key.high
    moment.tick = now
