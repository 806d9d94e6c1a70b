"""Whether a segment is for this machine, or only comes by: hosts that are routed, bridged, macvlan'd or ipvlan'd through it.

A listener on every address would be found for theirs, too. `locals` has what the kernel delivers here (agent/locals.py).
"""

from __future__ import annotations

from hardtack.compiler.language import absent, at, entry_of_key, inlined, load32, scratch, store32, store64
from hardtack.packet.layout import LOCALS

SOURCE_4, SOURCE_6 = 24, 28  # bpf_sock.src_ip4, src_ip6: what a socket is bound to
WHOLE = 128  # bits of an address

local_of = entry_of_key(LOCALS)


@inlined
def is_elsewhere(flow, listener):
    """Whether the listener has all addresses, and the segment's is none of this machine's."""
    if load32(listener, SOURCE_4) | load32(listener, SOURCE_6) | load32(listener, SOURCE_6 + 4):
        return False
    if load32(listener, SOURCE_6 + 8) | load32(listener, SOURCE_6 + 12):
        return False
    key = scratch(24)
    store32(key, 4, WHOLE)
    store64(key, 8, flow.destination_high)
    store64(key, 16, flow.destination_low)
    return absent(local_of(at(key, 4)))
