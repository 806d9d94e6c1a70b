"""Socket buffers whose Ethernet header is not where a program begins to read: it is brought back.

XDP's generic hook copies a buffer that is shared or has too little room before it, and the copy no longer knows how long its
Ethernet header was: tc then begins with the IP header. Such a segment could not come in again, as `again` would have it: on
an Ethernet interface the kernel would take the first bytes for the Ethernet header.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    Pointer,
    external,
    helper,
    i64,
    inlined,
    load16,
    scratch,
    types,
    u64,
)
from hardtack.compiler.told_later import field_offset
from hardtack.packet.frame.platform import network_of
from hardtack.packet.frame.wire import ETHERNET

FROM_ETHERNET = 0  # BPF_HDR_START_MAC

# bpf_skb_load_bytes_relative, bpf_skb_change_head, bpf_skb_store_bytes
read_from = helper(68, i64, Pointer, types.uint32, Pointer, types.uint32, types.uint32)
grow_head = helper(43, i64, Pointer, types.uint32, u64)
write = helper(9, i64, Pointer, types.uint32, Pointer, types.uint32, u64)
buffer_of = external("bpf_cast_to_kern_ctx", Pointer, Pointer)

ethernet, network = field_offset("sk_buff.mac_header"), field_offset("sk_buff.network_header")


@inlined
def make_whole(frame):
    """Bring it back where it is missing. Bare IP, as of tunnels, has none: there both headers begin at one place."""
    if network_of(frame) != 0:
        return
    buffer = buffer_of(frame)
    if load16(buffer, network()) - load16(buffer, ethernet()) != ETHERNET:
        return
    header = scratch(16)
    if read_from(frame, 0, header, ETHERNET, FROM_ETHERNET) == 0 and grow_head(frame, ETHERNET, u64(0)) == 0:
        write(frame, 0, header, ETHERNET, u64(0))
