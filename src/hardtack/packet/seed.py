"""Connections that were there before the front: remembered on the word of this machine's kernel, or of root.

Attached nowhere: whoever has heard of some has it run (control/seeding.py), because only a program can take a place in the
table while others do. Nothing is known of a seed but addresses and ports; its client is judged like one that the grace
period has taught, and until its host has confirmed it, it gives way as such a one does. It takes the place of nobody.

Frames may interrupt it, where the kernel lets them: so it touches no table that is a CPU's own.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, at, beyond, i64, inlined, new, swap16, u64, viewed
from hardtack.packet.frame.martians import is_mapped, is_martian
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.layout import AWAITED, BY_SEED, NO_HOST, START
from hardtack.packet.records import KNOWN_BEFORE, MOST_SEEDS, NO_ROOM, NOT_PROTECTED, SEEDED, Name, Seed, Tray
from hardtack.packet.state.connections import find, free_places, no_connection, seat, tags_at
from hardtack.packet.state.eviction import ATTEMPTS, roomier, taken
from hardtack.packet.state.follow import begin
from hardtack.packet.state.hosts import host_at, owner_of
from hardtack.packet.state.learn import may_matter
from hardtack.packet.state.names import name_from_record

DROP = 1  # enum xdp_action
BEGIN, SIZE = Tray.itemsize, Seed.itemsize

new_name = new(Name)
tray_record = viewed(Tray)
seed_record = viewed(Seed)


def seed(frame):
    """The frame is a Tray, and behind it Seeds, whose outcomes are written: struct xdp_md -> XDP_DROP."""
    start, end = head(frame), tail(frame)
    if beyond(start, BEGIN, end):
        return DROP
    tray, name = tray_record(start), new_name()
    for number in range(MOST_SEEDS):
        place = at(start, BEGIN + number * SIZE)
        if beyond(place, SIZE, end):
            break
        one = seed_record(place)
        name_from_record(one, name)
        one.outcome = plant(name, tray)
    return DROP


@inlined
def plant(name, tray):
    """What becomes of it."""
    if is_mapped(name.source_high, name.source_low) != (name.version == 4) or is_martian(name):
        return NOT_PROTECTED
    number = owner_of(name.version == 4, name.destination_high, name.destination_low)
    host = host_at(number)
    if number == NO_HOST or not may_matter(host, swap16(i64(name.ports >> u64(16)))):
        return NOT_PROTECTED
    if not absent(find(name)):
        return KNOWN_BEFORE
    if not tray.room:
        return NO_ROOM
    entry = free_place(name)
    if absent(entry):
        return NO_ROOM
    begin(entry, name, host.number, BY_SEED, tray.now)
    if host.heard:
        entry.state = AWAITED
        entry.left = START
    return SEEDED


@inlined
def free_place(name):
    """A record that nobody has in use, in one of its two buckets; nothing if there is none."""
    seat(name)
    for _ in range(ATTEMPTS):
        one, other = tags_at(name.first), tags_at(name.second)
        if absent(one) or absent(other):
            break
        place = roomier(name, free_places(one.word), free_places(other.word))
        if place < 0:
            break
        entry = taken(name, place)
        if not absent(entry):
            return entry
    return no_connection()
