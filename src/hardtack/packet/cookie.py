"""The cookie: what a SYN-ACK's sequence number and timestamp say to whoever checks the client's ACK. docs/cookie.md.

Wire words go in as they lie in the frame: SipHash reads little-endian words, and so does this machine.
"""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, swap32, u64
from hardtack.packet.siphash import absorb, begin, finish
from hardtack.packet.time import EPOCH_MS, find_key, neighbour_of

LENGTH_4, LENGTH_6 = 17 << 56, 41 << 56  # bytes hashed, in the top byte of SipHash's last word
LOW_32, HIGH_32 = 0xFFFFFFFF, 0xFFFFFFFF << 32
TAG_BITS = 0xFFFFFF00  # of the tag, in the sequence number
OPTION_BITS = 0x7F
PROOF_BITS = 0x7F  # of the tag, in the timestamp
EPOCH_SHIFT = ECN_SHIFT = TIMESTAMPS_SHIFT = 7


@inlined
def options_byte(flow):
    """Bits 0-3 window scale, 4 SACK, 5-6 the largest table entry not above the client's MSS."""
    index, mss = 0, flow.mss
    if flow.version == 4:  # 536 1300 1440 1460
        if mss >= 1460:
            index = 3
        elif mss >= 1440:
            index = 2
        elif mss >= 1300:
            index = 1
    else:  # 1220 1420 1440 8940
        if mss >= 8940:
            index = 3
        elif mss >= 1440:
            index = 2
        elif mss >= 1420:
            index = 1
    return flow.scale | (flow.sack << 4) | (index << 5)


@inlined
def mss_of(options, version):
    """The MSS that an options byte stands for."""
    index = options >> 5
    if version == 4:
        return 1460 if index == 3 else 1440 if index == 2 else 1300 if index == 1 else 536
    return 8940 if index == 3 else 1440 if index == 2 else 1420 if index == 1 else 1220


@inlined
def tag_of(flow, ports_isn, options, key_low, key_high):
    """SipHash-2-4 over addresses, ports, isn and a last byte, which shares the length word and so costs no round."""
    a, b, c, d = begin(key_low, key_high)
    if flow.version == 4:
        length = u64(LENGTH_4)
        a, b, c, d = absorb(a, b, c, d, (flow.source_low >> u64(32)) | (flow.destination_low & u64(HIGH_32)))
    else:
        length = u64(LENGTH_6)
        a, b, c, d = absorb(a, b, c, d, flow.source_high)
        a, b, c, d = absorb(a, b, c, d, flow.source_low)
        a, b, c, d = absorb(a, b, c, d, flow.destination_high)
        a, b, c, d = absorb(a, b, c, d, flow.destination_low)
    a, b, c, d = absorb(a, b, c, d, ports_isn)
    a, b, c, d = absorb(a, b, c, d, length | u64(options | (flow.timestamps << TIMESTAMPS_SHIFT)))
    return finish(a, b, c, d)


@inlined
def sequence_of(tag, options, epoch):
    """The ISN of the SYN-ACK: 24 bits of proof, the epoch's parity, the options byte."""
    return i64(tag & u64(TAG_BITS)) | (i64(epoch & u64(1)) << EPOCH_SHIFT) | options


@inlined
def tsval_of(tag, now, ecn):
    """The TSval of the SYN-ACK: the wall clock in ms, but for the low 8 bits: ECN, and 7 more bits of proof."""
    return i64(now & u64(TAG_BITS)) | (ecn << ECN_SHIFT) | i64((tag >> u64(32)) & u64(PROOF_BITS))


@inlined
def parity_of(cookie):
    """The lowest bit of its epoch: of this one and the nearer of its neighbours, it says which to try."""
    return (cookie >> EPOCH_SHIFT) & 1


@inlined
def isn_before(flow):
    """Ports and sequence number as they were in the SYN that this ACK follows, wire."""
    isn = swap32((swap32(i64(flow.ports_isn >> u64(32))) - 1) & LOW_32)
    return (flow.ports_isn & u64(LOW_32)) | (u64(isn) << u64(32))


@inlined
def proves(flow, cookie, tag):
    """Whether a cookie that came back has the tag. All bits are compared at once, whichever differ first."""
    differs = (cookie ^ i64(tag & u64(LOW_32))) & TAG_BITS
    if flow.timestamps:
        differs |= (swap32(flow.tsecr) ^ i64(tag >> u64(32))) & PROOF_BITS
    return differs == 0


@inlined
def cookie_holds(flow, now, keys):
    """Whether an ACK brings back a good cookie, by one set of keys."""
    cookie = (flow.acknowledgment - 1) & LOW_32
    this = now // u64(EPOCH_MS)
    epoch = this if i64(this & u64(1)) == parity_of(cookie) else neighbour_of(now, this)
    key = find_key(keys, epoch)
    if key.epoch != epoch:
        return False
    return proves(flow, cookie, tag_of(flow, isn_before(flow), cookie & OPTION_BITS, key.low, key.high))
