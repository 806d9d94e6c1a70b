"""What time it is, from a cheap clock: monotonic milliseconds for all that lasts, and unix milliseconds for epochs.

Unix time is the clock and an offset that the control plane keeps in a table; it may be stepped, and nothing may hang on
that but which key is tried. CPUs may be some ms apart: a CPU keeps a tick's time, and the kernel advances its clock a little
after its ticks.

Times and epoch change at most once a tick, so each CPU works them out once a tick and remembers them; two divisions and a
call for every SYN would cost as much as the hash.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    address,
    at,
    entry_at,
    entry_of,
    i64,
    inlined,
    nothing_of,
    own_entry,
    u64,
    viewed,
)
from hardtack.packet.entries import KEY_SLOTS
from hardtack.packet.frame.platform import coarse_ns, tick
from hardtack.packet.layout import CLOCK, KEYS, MOMENT, SECOND_BITS, WINDOW_BITS, Clock, Key, Keys, Moment

EPOCH_MS = 64_000  # cookie.md: an epoch is 64 s
NS = 1_000_000  # in a ms
LOW_16 = 0xFFFF
KEY_SIZE = Key.itemsize

clock = entry_of(CLOCK, Clock)
keys_at = entry_at(KEYS, Keys)
key_at = viewed(Key)
no_key = nothing_of(Key)
own_moment = own_entry(MOMENT, Moment)


@inlined
def now_ms():
    """Unix time in ms, right to the few ms of the coarse clock."""
    return (coarse_ns() + clock().offset_ns) // u64(NS)


@inlined
def find_key(which, epoch):
    """The slot for an epoch in one of the sets of keys; nothing if there is no such set.

    Its keys are the epoch's only if the slot's `epoch` says so.
    """
    keys = keys_at(which)
    return no_key() if absent(keys) else key_at(at(address(keys), i64(epoch & u64(KEY_SLOTS - 1)) * KEY_SIZE))


@inlined
def has_key(host, moment):
    """Whether the host has a key for this epoch. Without, it must answer SYNs by itself."""
    key = find_key(i64(host.keys), moment.epoch)
    return not absent(key) and key.epoch == moment.epoch


@inlined
def update(moment):
    """Bring this CPU's moment up to date."""
    now = tick()
    if now == moment.tick and now != u64(0):
        return
    ns = coarse_ns()
    moment.now = (ns + clock().offset_ns) // u64(NS)
    moment.ms = (ns + clock().still_ns) // u64(NS)
    moment.epoch = moment.now // u64(EPOCH_MS)
    parity = i64(moment.epoch & u64(1))
    moment.epochs[parity], moment.epochs[1 - parity] = moment.epoch, neighbour_of(moment.now, moment.epoch)
    moment.tick = now


@inlined
def neighbour_of(now, epoch):
    """The epoch after this one in its second half, in its first half the one before."""
    return epoch + u64(1) if now - epoch * u64(EPOCH_MS) >= u64(EPOCH_MS // 2) else epoch - u64(1)


@inlined
def stamp(ms):
    """A moment as connections keep it: monotonic ms, low 32 bits."""
    return i64(ms & u64(0xFFFFFFFF))


@inlined
def window_of(ms):
    """The window of budgets, counted from 1, so that a share that was never used is of none."""
    return (ms >> u64(WINDOW_BITS)) + u64(1)


@inlined
def second_of(ms):
    """The second, nearly, in which source prefixes may have so much: low 16 bits."""
    return i64((ms >> u64(SECOND_BITS)) + u64(1)) & LOW_16
