"""What a CPU knows of source prefixes: who has brought good cookies, who guesses, who has been answered how often.

Prefixes are /24, and for IPv6 /48; how many SYNs are answered is counted for each /64 as well. They are counted in 4,096
cells under secret factors: two that meet in a cell share what it may have. Each CPU has cells of its own, so that no flood
makes CPUs wait for each other; where it matters, each allows its part.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, entry_at, i64, inlined, nothing_of, own_entry, u64
from hardtack.packet.cookie.time import second_of
from hardtack.packet.layout import ASKED_CELLS, ASKED_FOR, EVERYBODY, PREFIX_CELLS, PREFIXES, Asked, Prefix
from hardtack.packet.state.budget import policy, share_at
from hardtack.packet.state.connections import places
from hardtack.packet.state.names import prefix_of

CELL_SHIFT = 64 - PREFIX_CELLS.bit_length() + 1
LOW_16 = 0xFFFF
MOST = 0xFFFF  # that is counted to

PROVEN = 64  # s that a good cookie speaks for its prefix: as long as an epoch
PROVEN_TIMES = 64  # so many times as many SYNs as others' are answered
WIDE_TIMES = 16  # a /48 may have so many times as many as a /64
GUESSED = 8  # s that too many wrong cookies speak against theirs
GUESSED_SHIFT = 3  # then an 8th of the SYNs is answered

GUESSES, MOST_GUESSES = 128, 1024  # wrong cookies in a second; more than the first are not tried
TRIES = 4  # but for so many of a connection whose SYN has just been answered, until there were as many as the second
BUSY_SHIFT = 4  # who opens a 16th of what he may is busy
DOUBTS = 256  # frames in a second that may be wrong and are let through
TRIES_BITS, WHEN_BITS = 7, 0x1FFF

own_prefix_at = entry_at(PREFIXES, Prefix)
no_cell = nothing_of(Prefix)
own_asked = own_entry(ASKED_FOR, Asked)


@inlined
def mixed_prefix(whose):
    """The source prefix of a flow or a name, under the secret factor: cell and tag."""
    return mixed_number(prefix_of(whose.source_high, whose.source_low, whose.version == 4))


@inlined
def mixed_number(prefix):
    """The same of a prefix by its number."""
    return prefix * (places().factors[0] | u64(1))


@inlined
def cell_for(mixed, second):
    """The cell of a prefix, as it is in this second. There always is one, but the verifier wants it tested."""
    cell = own_prefix_at(i64(mixed >> u64(CELL_SHIFT)))
    if not absent(cell) and i64(cell.window) != second:
        lately = i64(cell.opened) if (second - i64(cell.window)) & LOW_16 == 1 else 0
        cell.window = second
        cell.answered, cell.failed, cell.opened, cell.doubted = 0, 0, lately >> 1, 0
    return cell


@inlined
def tag_of_prefix(mixed):
    """Tells apart prefixes that share a cell, mostly; never 0."""
    tag = i64(mixed >> u64(32)) & LOW_16
    return tag if tag else 1


@inlined
def is_proven(cell, mixed, second):
    """Whether this very prefix has brought a good cookie of late."""
    return i64(cell.tag) == tag_of_prefix(mixed) and (second - i64(cell.proven)) & LOW_16 < PROVEN


@inlined
def is_guessed(cell, second):
    """Whether too many wrong cookies have come from here of late."""
    guessed = i64(cell.guessed)  # 0: never
    return guessed != 0 and (second - guessed) & LOW_16 < GUESSED


@inlined
def may_guess(name, cell, second):
    """Whether a cookie from here may be tried. If too many were wrong, only for somebody whose SYN was answered just now."""
    if i64(cell.failed) < GUESSES:
        return True
    asked = own_asked()
    if absent(asked) or i64(cell.failed) >= MOST_GUESSES:
        return False
    place = place_asked(name)
    told = i64(asked.cells[place])
    if not told & TRIES_BITS or (second - (told >> 3)) & WHEN_BITS >= GUESSED:
        return False
    asked.cells[place] = told - 1
    return True


@inlined
def note_asked(name, second):
    """This connection's SYN is being answered: its cookie may be tried, whoever else guesses."""
    asked = own_asked()
    if not absent(asked):
        asked.cells[place_asked(name)] = (second & WHEN_BITS) << 3 | TRIES


@inlined
def place_asked(name):
    """Where it is noted."""
    return i64(name.hashed >> u64(20)) & (ASKED_CELLS - 1)


@inlined
def count_failure(cell, second):
    """One more wrong cookie."""
    failed = more(i64(cell.failed))
    cell.failed = failed
    if failed >= GUESSES:
        cell.guessed = second if second else MOST


@inlined
def count_newcomer(cell, mixed, second):
    """A good cookie: one connection more, and a prefix that is real."""
    cell.opened = more(i64(cell.opened))
    cell.tag, cell.proven = tag_of_prefix(mixed), second


@inlined
def most_newcomers():
    """Connections that a source prefix may open by this CPU in a second."""
    share = share_at(EVERYBODY)
    return i64(policy().prefix_connections if absent(share) or not share.newcomers else share.newcomers)


@inlined
def is_busy(cell, most):
    """Whether its prefix opens so many connections, of the most that it may, that they had better displace its own."""
    gently = most >> BUSY_SHIFT
    return i64(cell.opened) > (gently if gently else 1)


@inlined
def more(count):
    """One more, as far as there is room."""
    return count + 1 if count < MOST else count


@inlined
def may_doubt(name, ms):
    """Whether one more of its known connections' frames may be let through that may be wrong; it is counted then."""
    cell = cell_for(mixed_prefix(name), second_of(ms))
    if absent(cell) or i64(cell.doubted) >= DOUBTS:
        return False
    cell.doubted = i64(cell.doubted) + 1
    return True
