"""Values that the verifier shall know less about, so that fewer cases are left for it to walk."""

from __future__ import annotations

from hardtack.compiler.language import absent, barrier, inlined, own_entry, untold
from hardtack.packet.layout import WALK
from hardtack.packet.records import Walk

own_walk = own_entry(WALK, Walk)


@inlined
def opaque(value, mask):
    """`value`, of which the verifier now knows only that it is within `mask`.

    It follows each possible constant on its own through all the rest of the program; what it reads from a table it takes
    for one unknown number. Costs 2 ns, so it is for what most frames do not have.
    """
    walk = own_walk()
    if absent(walk):
        return 0
    walk.start = value
    barrier()
    return walk.start & mask


@inlined
def blurred(value, by, mask):
    """The same for a few instructions: `by` is a number that the verifier does not know, so it knows of no xor with it.

    It still remembers where `value` came from. Where an exact number is wanted later, a table forgets more.
    """
    return (value ^ by ^ untold(by)) & mask
