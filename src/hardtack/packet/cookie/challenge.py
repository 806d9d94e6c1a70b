"""The challenge: an ACK whose acknowledgment number is a cookie, and wrong. docs/cookie.md.

A client that has sent the SYN answers by an RST with that number as its sequence number (RFC 9293 3.10.7.3), which proves
that its address lives, and asks again.
"""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, u64

CHALLENGE_SAID = 1 << 10  # what is said of options in its tag: no other cookie says that
PARITY = 1 << 7  # of its epoch
SIDE = 1 << 31  # chosen so that it is far from what the client expects
PROOF_BITS = ~(PARITY | SIDE) & 0xFFFFFFFF
LOW_32, QUARTER = 0xFFFFFFFF, 1 << 30


@inlined
def challenge_of(tag, epoch, isn):
    """The acknowledgment number: 30 bits of the tag, the epoch's parity, and 2^30 away from isn + 1 at least."""
    number = i64(tag & u64(PROOF_BITS)) | (i64(epoch & u64(1)) << 7)
    ahead = (number - isn - 1 + QUARTER) & LOW_32
    return number ^ SIDE if ahead < 2 * QUARTER else number


@inlined
def proves_source(number, tag):
    """Whether a number that came back has the tag."""
    return (number ^ i64(tag & u64(LOW_32))) & PROOF_BITS == 0
