"""The client's MSS, as a cookie keeps it: the largest value in a table that is not above it. docs/cookie.md.

Four fours for each IP version. Which of the fours is in the sequence number, which of its values in the timestamp; without
timestamps it is the first. None is smaller than what Linux takes with a cookie (bpf_sk_assign_tcp_reqsk).
"""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, u64

LANE, LANE_BITS = 0xFFFF, 16


def packed(*values: int) -> int:
    """A four as a word."""
    return sum(value << (place * LANE_BITS) for place, value in enumerate(values))


# Ethernet 1460; PPPoE 1452; tunnels of IP in IP 1440; Google's cloud 1420; WireGuard 1380; IPsec, mobile 1360; least MTU of
# IPv6 1240. Jumbo frames: 8856 and 8960 are of MTUs of 8896 and 9000.
SMALL_4, TUNNEL_4 = packed(536, 1024, 1200, 1240), packed(1300, 1360, 1380, 1420)
NEAR_4, FULL_4 = packed(1440, 1448, 1452, 1456), packed(1460, 4048, 8856, 8960)
# The same less 20: 1432 PPPoE, 1400 Google's cloud, 1360 WireGuard, 1340 IPsec
SMALL_6, TUNNEL_6 = packed(1220, 1340, 1360, 1400), packed(1420, 1424, 1432, 1436)
FULL_6, JUMBO_6 = packed(1440, 4028, 8836, 8890), packed(8940, 9138, 9156, 16324)


@inlined
def mss_index(flow):
    """Which value of the table is the client's MSS: bits 2-3 which of the fours, bits 0-1 which of its values."""
    mss = flow.mss
    if flow.version == 4:
        index, four = 0, u64(SMALL_4)
        if mss >= 1460:
            index, four = 12, u64(FULL_4)
        elif mss >= 1440:
            index, four = 8, u64(NEAR_4)
        elif mss >= 1300:
            index, four = 4, u64(TUNNEL_4)
    else:
        index, four = 0, u64(SMALL_6)
        if mss >= 8940:
            index, four = 12, u64(JUMBO_6)
        elif mss >= 1440:
            index, four = 8, u64(FULL_6)
        elif mss >= 1420:
            index, four = 4, u64(TUNNEL_6)
    return index + flow.timestamps * (reaches(mss, four, 1) + reaches(mss, four, 2) + reaches(mss, four, 3))


@inlined
def reaches(mss, four, place):
    """1 if the MSS is at least this value of the four. Without a jump: each would be another case to the verifier."""
    return ((value_of(four, place) - 1 - mss) >> 32) & 1


@inlined
def value_of(four, place):
    """A value of a four."""
    return i64(four >> u64(place * LANE_BITS)) & LANE


@inlined
def mss_at(index, version):
    """The MSS that an index stands for."""
    which = index >> 2
    if version == 4:
        four = u64(FULL_4 if which == 3 else NEAR_4 if which == 2 else TUNNEL_4 if which == 1 else SMALL_4)
    else:
        four = u64(JUMBO_6 if which == 3 else FULL_6 if which == 2 else TUNNEL_6 if which == 1 else SMALL_6)
    return value_of(four, index & 3)
