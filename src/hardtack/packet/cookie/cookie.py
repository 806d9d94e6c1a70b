"""The cookie: what a SYN-ACK's sequence number and timestamp say to whoever checks the client's ACK. docs/cookie.md.

Wire words go in as they lie in the frame: SipHash reads little-endian words, and so does this machine.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, swap32, u64
from hardtack.packet.cookie.mss import mss_at, mss_index
from hardtack.packet.cookie.siphash import absorb, begin, finish
from hardtack.packet.cookie.time import EPOCH_MS, find_key, neighbour_of

LENGTH_4, LENGTH_6 = 18 << 56, 42 << 56  # bytes hashed, in the top byte of SipHash's last word
LOW_32, HIGH_32 = 0xFFFFFFFF, 0xFFFFFFFF << 32
TAG_BITS = 0xFFFFFF00  # of the tag, in the sequence number
OPTION_BITS = 0x7F
PROOF_BITS = 0x7F  # of the tag, in the timestamp
CLOCK_BITS, FINE_TIME_SHIFT = 0x3FFFFF00, 30  # of the timestamp
SACK_SHIFT, MSS_SHIFT, FINE_SHIFT, SCALE_SHIFT = 4, 5, 8, 12
TRIES = 2  # a cookie is of the key or, if there is one, of the old key
EPOCH_SHIFT = ECN_SHIFT = TIMESTAMPS_SHIFT = 7


@inlined
def said_to(flow, scale):
    """What is promised to a client that has offered this, in the two bytes of `tag_of`; `scale`: our windows'.

    Bits 0-3 its window scale, 4 SACK, 5-6 and 8-9 its MSS, 7 timestamps, 12-15 our window scale.
    """
    index = mss_index(flow)
    offered = flow.scale | (flow.sack << SACK_SHIFT) | ((index >> 2) << MSS_SHIFT) | (flow.timestamps << TIMESTAMPS_SHIFT)
    return offered | ((index & 3) << FINE_SHIFT) | (scale << SCALE_SHIFT)


@inlined
def said_before(flow, scale):
    """The same, as the client's ACK says that it was. Without timestamps `tsecr` is 0."""
    offered = ((flow.acknowledgment - 1) & OPTION_BITS) | (flow.timestamps << TIMESTAMPS_SHIFT)
    return offered | ((swap32(flow.tsecr) >> FINE_TIME_SHIFT) << FINE_SHIFT) | (scale << SCALE_SHIFT)


@inlined
def mss_of(said, version):
    """The MSS in it."""
    return mss_at((((said >> MSS_SHIFT) & 3) << 2) | ((said >> FINE_SHIFT) & 3), version)


@inlined
def tag_of(flow, ports_isn, said, key_low, key_high):
    """SipHash-2-4 over addresses, ports, isn and two last bytes, which share the length word and so cost no round."""
    a, b, c, d = begin(key_low, key_high)
    if flow.version == 4:
        length = u64(LENGTH_4)
        a, b, c, d = absorb(a, b, c, d, addresses_4(flow))
    else:
        length = u64(LENGTH_6)
        a, b, c, d = absorb(a, b, c, d, flow.source_high)
        a, b, c, d = absorb(a, b, c, d, flow.source_low)
        a, b, c, d = absorb(a, b, c, d, flow.destination_high)
        a, b, c, d = absorb(a, b, c, d, flow.destination_low)
    a, b, c, d = absorb(a, b, c, d, ports_isn)
    a, b, c, d = absorb(a, b, c, d, length | u64(said))
    return finish(a, b, c, d)


@inlined
def addresses_4(flow):
    """Both IPv4 addresses in a word."""
    return (flow.source_low >> u64(32)) | (flow.destination_low & u64(HIGH_32))


@inlined
def sequence_of(tag, said, epoch):
    """The ISN of the SYN-ACK: 24 bits of proof, the epoch's parity, the options byte."""
    return i64(tag & u64(TAG_BITS)) | (i64(epoch & u64(1)) << EPOCH_SHIFT) | (said & OPTION_BITS)


@inlined
def tsval_of(tag, now, said, ecn):
    """The TSval of the SYN-ACK: MSS, the wall clock in ms but for its low 8 bits, ECN, and 7 more bits of proof."""
    carried = (((said >> FINE_SHIFT) & 3) << FINE_TIME_SHIFT) | (ecn << ECN_SHIFT)
    return i64(now & u64(CLOCK_BITS)) | carried | i64((tag >> u64(32)) & u64(PROOF_BITS))


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
    echo = (swap32(flow.tsecr) ^ i64(tag >> u64(32))) & PROOF_BITS & -flow.timestamps
    return (differs | echo) == 0


@inlined
def cookie_holds(flow, now, keys, scale):
    """Whether an ACK brings back a good cookie, by one set of keys, of a front that has promised this window scale."""
    cookie = (flow.acknowledgment - 1) & LOW_32
    this = now // u64(EPOCH_MS)
    epoch = this if i64(this & u64(1)) == parity_of(cookie) else neighbour_of(now, this)
    key = find_key(keys, epoch)
    if absent(key) or key.epoch != epoch:
        return False
    ports_isn, said, low, high = isn_before(flow), said_before(flow, scale), key.low, key.high
    for _ in range(TRIES):
        if proves(flow, cookie, tag_of(flow, ports_isn, said, low, high)):
            return True
        if not key.old:
            return False
        low, high = key.old_low, key.old_high
    return False
