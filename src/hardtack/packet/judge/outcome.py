"""What becomes of a segment where no reason says it yet: numbers beside those of reasons, which are not negative."""

from __future__ import annotations

FOLLOW = -2  # its connection is known, and decides
# Its connection becomes known: by a good cookie; in the grace period; by a SYN that goes on to its host, at the cost of its
# source's allowance or not
ADMIT, LEARN, OPEN, OPEN_CHARGED = -3, -4, -5, -6
