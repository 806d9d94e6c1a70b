"""Whether a program has run since somebody asked: a front's process asks, and says when frames pass a program by.

A word that is set already is only read, so that no CPU takes its cache line from another.
"""

from __future__ import annotations

from hardtack.compiler.language import entry_of, inlined, u64
from hardtack.packet.layout import SEEN, Seen

seen = entry_of(SEEN, Seen)


@inlined
def seen_by_front(uplink):
    """It runs, where this uplink is."""
    if seen().front[uplink] == u64(0):
        seen().front[uplink] = u64(1)


@inlined
def seen_by_inside():
    """It runs."""
    if seen().inside == u64(0):
        seen().inside = u64(1)


@inlined
def seen_by_leaving():
    """It runs."""
    if seen().leaving == u64(0):
        seen().leaving = u64(1)
