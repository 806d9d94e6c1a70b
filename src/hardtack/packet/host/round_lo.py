"""What segments that go once more round `lo` are known by. Standard library only: see agent/round_lo.py."""

LOOPBACK = 1  # the number of lo, in every network namespace: LOOPBACK_IFINDEX
PRIORITY = 32  # of __sk_buff; where a packet comes in nobody else uses it, and it goes along with a copy
OURS = 0x48  # its highest byte: "H"; then the number of the interface that the segment came in by
OURS_SHIFT = 24
NUMBERS = (1 << OURS_SHIFT) - 1


def mark_of(interface: int) -> int:
    """What marks a segment that was admitted on the interface of this number."""
    return OURS << OURS_SHIFT | interface & NUMBERS
