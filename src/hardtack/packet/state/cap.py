"""How many SYNs of a source prefix are answered in any case: or SYN-ACKs would hit whoever is named as their source."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, u64
from hardtack.packet.state.connections import places
from hardtack.packet.state.prefixes import GUESSED_SHIFT, PROVEN_TIMES, WIDE_TIMES, cell_for, is_guessed, more


@inlined
def is_capped(flow, cell, proven, second, most):
    """Whether the source's prefix has had as many answers in this second as it may; if not, this is one more.

    `most`: what an unproven one may have of this CPU.
    """
    if proven:
        most *= PROVEN_TIMES
    elif is_guessed(cell, second):
        most = most >> GUESSED_SHIFT if most >> GUESSED_SHIFT else 1
    if i64(cell.answered) >= (most if flow.version == 4 else most * WIDE_TIMES):
        return True
    if flow.version == 6:
        narrow = cell_for(flow.source_high * (places().factors[1] | u64(1)), second)
        if absent(narrow) or i64(narrow.answered) >= most:
            return True
        narrow.answered = more(i64(narrow.answered))
    cell.answered = more(i64(cell.answered))
    return False
