"""Headers of a socket buffer that lie in pages of their own are brought to where the program can read them."""

from __future__ import annotations

from hardtack.compiler.language import Pointer, distance, helper, i64, inlined, load32, types
from hardtack.packet.frame.platform import head, tail

HEADERS = 14 + 40 + 60 + 64  # bytes: Ethernet, IPv6, TCP, and some extension headers

pull_data = helper(39, i64, Pointer, types.uint32)  # bpf_skb_pull_data


@inlined
def make_linear(frame):
    """Pull, but only where something is missing: most drivers hand over headers that are whole."""
    length = load32(frame, 0)  # __sk_buff.len
    wanted = length if length < HEADERS else HEADERS
    if distance(head(frame), tail(frame)) < wanted:
        pull_data(frame, wanted)
