"""The cookie: made from a SYN, checked against an ACK. cookie.md, to the bit. Times are unix milliseconds."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from naive.options import Offer
from naive.siphash import siphash

EPOCH = 64_000  # ms
NO_SCALE = 15  # in the options byte: no window scale offered
MOST_SCALE = 14  # RFC 7323 2.3: a larger offer counts as this
OUR_SCALE = 7  # unless a host's is another
# Fours: which of them is in the sequence number, which of its values in the timestamp
MSS_TABLE = {
    4: ((536, 1024, 1200, 1240), (1300, 1360, 1380, 1420), (1440, 1448, 1452, 1456), (1460, 4048, 8856, 8960)),
    6: ((1220, 1340, 1360, 1400), (1420, 1424, 1432, 1436), (1440, 4028, 8836, 8890), (8940, 9138, 9156, 16324)),
}
ABSENT_MSS = {4: 536, 6: 1220}  # RFC 9293 3.7.1

Keys = Mapping[int, bytes]  # epoch -> 16 bytes


@dataclass(frozen=True)
class Flow:
    """A connection as its client's segments name it. Addresses are 4 or 16 bytes in network order."""

    source: bytes
    destination: bytes
    source_port: int
    destination_port: int

    @property
    def version(self) -> int:
        """4 or 6."""
        return 4 if len(self.source) == 4 else 6


@dataclass(frozen=True)
class Cookie:
    """What the SYN-ACK carries. `tsval` is None without timestamps."""

    isn: int
    tsval: int | None


@dataclass(frozen=True)
class Admitted:
    """What a good cookie says that the client offered, MSS rounded down to the table."""

    mss: int
    scale: int | None
    sack: bool
    timestamps: bool
    ecn: bool


class Refusal(Enum):
    """Why an ACK's cookie is not good."""

    no_key = "no key for the cookie's epoch"
    wrong_tag = "the 24 bits in the acknowledged sequence number differ"
    wrong_echo = "the 7 bits in the echoed timestamp differ"


def epoch(now_ms: int) -> int:
    """The number of the epoch that a moment is in."""
    return now_ms // EPOCH


def derive_key(master: bytes, t: int) -> bytes:
    """The 16-byte key of epoch t."""
    message = b"hardtack cookie 1" + struct.pack("<Q", t)
    return hmac.new(master, message, hashlib.sha256).digest()[:16]


def keys(master: bytes, epochs: Iterable[int]) -> dict[int, bytes]:
    """The keys of some epochs."""
    return {t: derive_key(master, t) for t in epochs}


def kept(mss: int | None, version: int, timestamps: bool) -> tuple[int, int]:
    """Where in the table the largest value is that is not above the client's MSS: which four, and which of its values."""
    offered = ABSENT_MSS[version] if mss is None else mss
    four, value = 0, 0
    for candidate, values in enumerate(MSS_TABLE[version]):
        if values[0] <= offered:
            four = candidate
    if timestamps:
        for candidate, entry in enumerate(MSS_TABLE[version][four]):
            if entry <= offered:
                value = candidate
    return four, value


def options_byte(offer: Offer, version: int) -> int:
    """What the client offered, in the cookie's 7 bits."""
    scale = NO_SCALE if offer.scale is None else min(offer.scale, MOST_SCALE)
    return scale | int(offer.sack) << 4 | kept(offer.mss, version, False)[0] << 5


def fine_bits(offer: Offer, version: int) -> int:
    """What more is said of its MSS in the timestamp."""
    return kept(offer.mss, version, offer.tsval is not None)[1]


def tag(key: bytes, flow: Flow, isn: int, o: int, timestamps: bool, fine: int = 0, scale: int = OUR_SCALE) -> int:
    """The 64-bit proof over the connection, the client's ISN and what was offered; `scale`: what we have offered."""
    message = flow.source + flow.destination + struct.pack("!HHI", flow.source_port, flow.destination_port, isn)
    return siphash(key, message + bytes([o | int(timestamps) << 7, fine | scale << 4]))


def make(
    key: bytes,
    flow: Flow,
    isn: int,
    o: int,
    now_ms: int,
    *,
    timestamps: bool,
    ecn: bool,
    fine: int = 0,
    scale: int = OUR_SCALE,
) -> Cookie:
    """The cookie that answers a SYN now, under the key of the epoch now."""
    proof = tag(key, flow, isn, o, timestamps, fine, scale)
    ours = proof & 0xFFFFFF00 | (epoch(now_ms) & 1) << 7 | o
    if not timestamps:
        return Cookie(ours, None)
    return Cookie(ours, fine << 30 | now_ms & 0x3FFFFF00 | int(ecn) << 7 | proof >> 32 & 0x7F)


def epoch_meant(cookie: int, now_ms: int) -> int:
    """The one epoch that a cookie can be of: now's if the parity agrees, else the nearer neighbour."""
    t = epoch(now_ms)
    if t & 1 == cookie >> 7 & 1:
        return t
    return t + 1 if now_ms % EPOCH >= EPOCH // 2 else t - 1


def check(
    keys: Keys, flow: Flow, seq: int, ack: int, tsecr: int | None, now_ms: int, scale: int = OUR_SCALE
) -> Admitted | Refusal:
    """What the cookie in an ACK admits. `seq`, `ack` as on the wire; `tsecr` None if it carries no timestamps."""
    cookie, isn = (ack - 1) & 0xFFFFFFFF, (seq - 1) & 0xFFFFFFFF
    o = cookie & 0x7F
    timestamps = tsecr is not None
    key = keys.get(epoch_meant(cookie, now_ms))
    if key is None:
        return Refusal.no_key
    fine = 0 if tsecr is None else tsecr >> 30
    proof = tag(key, flow, isn, o, timestamps, fine, scale)
    if (proof ^ cookie) & 0xFFFFFF00:
        return Refusal.wrong_tag
    if tsecr is not None and (proof >> 32 ^ tsecr) & 0x7F:
        return Refusal.wrong_echo
    theirs = o & 0xF
    return Admitted(
        mss=MSS_TABLE[flow.version][o >> 5][fine],
        scale=None if theirs == NO_SCALE else theirs,
        sack=bool(o >> 4 & 1),
        timestamps=timestamps,
        ecn=tsecr is not None and bool(tsecr >> 7 & 1),
    )


def check_by_either(
    keys: Keys, old: Keys | None, flow: Flow, seq: int, ack: int, tsecr: int | None, now_ms: int, scale: int = OUR_SCALE
) -> Admitted | Refusal:
    """The same, by a key or, if there is one, an old key; why not, is told of the one that it comes nearer to."""
    first = check(keys, flow, seq, ack, tsecr, now_ms, scale)
    if isinstance(first, Admitted) or old is None:
        return first
    second = check(old, flow, seq, ack, tsecr, now_ms, scale)
    return first if second == Refusal.wrong_tag else second
