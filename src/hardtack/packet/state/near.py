"""Has the memory fetch what a look-up is about to read: of a whole burst, so that one waits for all at once.

A hint and no more: the look-up itself follows when the frame is judged. For native code alone.
"""

from __future__ import annotations

from hardtack.compiler.language import address, inlined, u64
from hardtack.compiler.memory import prefetch
from hardtack.packet.burst_records import NOWHERE
from hardtack.packet.layout import WAYS
from hardtack.packet.state.connections import (
    EACH,
    connection_at,
    find_seated,
    first_way,
    is_called,
    perhaps_free,
    seat,
    tag_at,
    tags_at,
)


@inlined
def fetch_tags(name):
    """The words of the two buckets of a name whose hash is known."""
    seat(name)
    prefetch(address(tags_at(name.first)))
    prefetch(address(tags_at(name.second)))


@inlined
def fetch_record(name):
    """The records that its tag fits, the first in each bucket: the place of one of them, or NOWHERE."""
    wanted, likely = name.tag * u64(EACH), NOWHERE
    one = perhaps_free(tags_at(name.first).word ^ wanted)
    other = perhaps_free(tags_at(name.second).word ^ wanted)
    if other:
        likely = name.second * WAYS + first_way(other)
        prefetch(address(connection_at(likely)))
    if one:
        likely = name.first * WAYS + first_way(one)
        prefetch(address(connection_at(likely)))
    return likely


@inlined
def find_near(name, likely):
    """As find_hashed; first where it is most likely. No mark is read: it only spares a wait for the tags, which are near."""
    if likely >= 0:
        entry = connection_at(likely)
        if is_called(entry, name) and tag_at(likely) == name.tag:
            name.place = likely
            return entry
    return find_seated(name)
