"""TCP options: what a SYN offers, by the rules of Linux's tcp_parse_options, and what the SYN-ACK answers."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, replace

EOL, NOP, MSS, SCALE, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 8  # RFC 9293, 7323, 2018


@dataclass(frozen=True)
class Offer:
    """What a segment's options say. None: not offered. `scale` as offered, 0 to 255; `tsval`, `tsecr` come together."""

    mss: int | None = None
    scale: int | None = None
    sack: bool = False
    tsval: int | None = None
    tsecr: int | None = None


def parse(options: bytes) -> Offer:
    """What the option bytes of a TCP header offer. An impossible size ends the walk; what was found stays."""
    offer = Offer()
    while options:
        kind = options[0]
        if kind == EOL:
            return offer
        if kind == NOP:
            options = options[1:]
            continue
        if len(options) < 2:
            return offer
        size = options[1]
        if size < 2 or size > len(options):
            return offer
        offer = heed(offer, kind, options[2:size])
        options = options[size:]
    return offer


def heed(offer: Offer, kind: int, value: bytes) -> Offer:
    """The offer after one more option. One of another size than its RFC says, or unknown, changes nothing."""
    if kind == MSS and len(value) == 2:
        return replace(offer, mss=int.from_bytes(value, "big"))
    if kind == SCALE and len(value) == 1:
        return replace(offer, scale=value[0])
    if kind == SACK and len(value) == 0:
        return replace(offer, sack=True)
    if kind == TIMESTAMPS and len(value) == 8:
        tsval, tsecr = struct.unpack("!II", value)
        return replace(offer, tsval=tsval, tsecr=tsecr)
    return offer


def spoken(offer: Offer, names: Collection[str]) -> Offer:
    """What is left of an offer, to a host that takes these options."""
    return Offer(
        offer.mss,
        offer.scale if "window_scaling" in names else None,
        offer.sack and "sack" in names,
        offer.tsval if "timestamps" in names else None,
        offer.tsecr if "timestamps" in names else None,
    )


def build(mss: int, offer: Offer, tsval: int | None, scale: int) -> bytes:
    """The options of the SYN-ACK, in Linux's order. `tsval`, `scale` are ours; None if the client offered no timestamps."""
    options = struct.pack("!BBH", MSS, 4, mss)
    if offer.tsval is not None and tsval is not None:
        options += bytes([SACK, 2]) if offer.sack else bytes([NOP, NOP])
        options += struct.pack("!BBII", TIMESTAMPS, 10, tsval, offer.tsval)
    elif offer.sack:
        options += bytes([NOP, NOP, SACK, 2])
    if offer.scale is not None:
        options += bytes([NOP, SCALE, 3, scale])
    return options
