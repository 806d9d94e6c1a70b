"""Source prefixes: how many SYNs of each are answered, how many wrong cookies are tried, how many connections it opens.

All of it is counted on each CPU for itself, in cells that prefixes share where their hashes meet.
"""

from __future__ import annotations

from collections.abc import Sequence

from naive.cpu import Cell
from naive.moment import SHORT, Moment
from naive.seats import hashed
from naive.state import Name, State

GUESSES = 128  # wrong cookies in a second, before no more are tried
MOST_GUESSES = 1024  # and before none is, whoever was asked
DOUBTS = 256  # segments in a second that may be wrong and are let through
TRIES = 4  # for whom a SYN was answered nevertheless
PROVEN, GUESSED = 64, 8  # seconds for which a good cookie, and too many wrong ones, are remembered
ASKED_BITS = 13
MOST = 65535
IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"


def network(source: bytes) -> bytes:
    """The /24, or the /48."""
    return source[:3] if len(source) == 4 else source[:6]


def network_of(name: Name) -> bytes:
    """The same, of a connection's client."""
    return name.client[12:15] if name.host.startswith(IPV4_IN_IPV6) else name.client[:6]


def mixed(factors: Sequence[int], prefix: bytes, number: int = 0) -> int:
    """64 bits; /64s are mixed by a factor of their own."""
    factor = factors[1 if len(prefix) == 8 else 0] | 1
    return ((int.from_bytes(prefix, "little") ^ number << 48) * factor) % (1 << 64)


def cell_of(state: State, prefix: bytes, moment: Moment) -> Cell:
    """The prefix's cell, turned to this second."""
    cell = state.cpus[moment.cpu].cells[mixed(state.factors, prefix) >> 52]
    if cell.window != moment.second:
        cell.opened = cell.opened >> 1 if (moment.second - cell.window) % SHORT == 1 else 0
        cell.window, cell.answered, cell.failed, cell.doubted = moment.second, 0, 0, 0
    return cell


def tag_of(state: State, prefix: bytes) -> int:
    """What tells prefixes apart that share a cell."""
    return mixed(state.factors, prefix) >> 32 & 0xFFFF or 1


def is_proven(state: State, source: bytes, moment: Moment) -> bool:
    """Whether the /24 or /48 has lately brought a good cookie."""
    cell = cell_of(state, network(source), moment)
    return cell.tag == tag_of(state, network(source)) and (moment.second - cell.proven) % SHORT < PROVEN


def has_guessed(cell: Cell, moment: Moment) -> bool:
    """Whether too many cookies were wrong lately."""
    return cell.guessed != 0 and (moment.second - cell.guessed) % SHORT < GUESSED


def cpus(state: State, moment: Moment) -> int:
    """How many CPUs share what a prefix may have."""
    return max(1, state.cpus[moment.cpu].shares[0].cpus)


def is_capped(state: State, source: bytes, moment: Moment) -> bool:
    """Whether the prefix has had its SYN-ACKs of this second; if not, it has one more."""
    whole = cell_of(state, network(source), moment)
    most = max(1, state.prefix_replies // cpus(state, moment))
    if is_proven(state, source, moment):
        most *= 64
    elif has_guessed(whole, moment):
        most = max(1, most >> 3)
    cells = [(whole, most)]
    if len(source) == 16:
        cells = [(whole, 16 * most), (cell_of(state, source[:8], moment), most)]
    if any(cell.answered >= limit for cell, limit in cells):
        return True
    for cell, _ in cells:
        cell.answered = min(MOST, cell.answered + 1)
    return False


def ask(state: State, name: Name, moment: Moment) -> None:
    """A SYN is answered: the connection of a prefix that has guessed may bring its cookie."""
    if has_guessed(cell_of(state, network_of(name), moment), moment):
        asked = state.cpus[moment.cpu].asked[place_of(state, name)]
        asked.when, asked.tries = moment.second % (1 << ASKED_BITS), TRIES


def may_guess(state: State, name: Name, moment: Moment) -> bool:
    """Whether a cookie is tried at all."""
    failed = cell_of(state, network_of(name), moment).failed
    if failed < GUESSES:
        return True
    if failed >= MOST_GUESSES:
        return False
    asked = state.cpus[moment.cpu].asked[place_of(state, name)]
    if asked.tries > 0 and (moment.second - asked.when) % (1 << ASKED_BITS) < GUESSED:
        asked.tries -= 1
        return True
    return False


def place_of(state: State, name: Name) -> int:
    """A connection's cell among those that were asked."""
    return hashed(name, state.factors) >> 20 & 16383


def count_failure(state: State, name: Name, moment: Moment) -> None:
    """A cookie was tried, and was none."""
    cell = cell_of(state, network_of(name), moment)
    cell.failed = min(MOST, cell.failed + 1)
    if cell.failed >= GUESSES:
        cell.guessed = moment.second or SHORT - 1  # 0: never


def may_open(state: State, name: Name, moment: Moment) -> bool:
    """Whether the prefix may open one more connection, which then is counted; its cookie was good."""
    cell = cell_of(state, network_of(name), moment)
    if cell.opened >= 2 * most_opened(state, moment):
        return False
    open_one(state, name, moment)
    cell.tag, cell.proven = tag_of(state, network_of(name)), moment.second
    return True


def open_one(state: State, name: Name, moment: Moment) -> None:
    """It opens one more."""
    cell = cell_of(state, network_of(name), moment)
    cell.opened = min(MOST, cell.opened + 1)


def is_busy(state: State, name: Name, moment: Moment) -> bool:
    """Whether the prefix opens so many connections that they had better displace its own."""
    return opened(state, name, moment) > max(1, most_opened(state, moment) >> 4)


def opened(state: State, name: Name, moment: Moment) -> int:
    """How many its prefix has opened, lately."""
    return cell_of(state, network_of(name), moment).opened


def may_doubt(state: State, prefix: bytes, moment: Moment) -> bool:
    """Whether one more packet that may be wrong is let through, of all that a source prefix sends."""
    cell = cell_of(state, prefix, moment)
    if cell.doubted >= DOUBTS:
        return False
    cell.doubted += 1
    return True


def most_opened(state: State, moment: Moment) -> int:
    """Connections that a prefix may open in a second, on this CPU."""
    return max(1, state.prefix_connections // cpus(state, moment))
