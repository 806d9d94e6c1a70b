"""What a flood is told: its frames with what is random in them, how many, how fast. NumPy and the standard library only."""

from __future__ import annotations

import ipaddress
import secrets
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from hardtack.lab.packets.recipe import (
    ACK,
    EPHEMERAL,
    FLAGS,
    FRAGMENTS,
    ICMP,
    LARGEST,
    Caller,
    Kind,
    Network,
    Options,
    Recipe,
    Target,
    check_callers,
    padded,
    parts_of,
    sources_of,
    words_sum,
)

# Pace, for a veth's queue of 256 frames: what comes in so many microseconds comes at once, as a card's interrupts have it
BURST_US, MOST_BURST = 25, 32
# Handed over to the kernel together, and the receiver woken once. The kernel keeps as many pages ready for frames; what is
# under way beyond that goes through its page allocator, from one CPU to the other, which costs the receiver as much again
BATCH_US, MOST_BATCH = 100, 128


def recipe_for(
    target: Target,
    kind: Kind,
    options: Options,
    *,
    limit: int,
    rate: int,
    seed: int = 0,
    sources: str = "",
    callers: Sequence[Caller] = (),
) -> bytes:
    """The record for the table. `rate` in frames per second, 0: as many as possible; `seed` 0: a random one.

    `sources`, `callers`: as for `sources_of`, `check_callers`.
    """
    check_callers(target, kind, callers)
    network = sources_of(target, sources)
    parts = parts_of(target, kind, options, callers)
    frames = padded(target, [frame for *_, frame in parts])
    record = np.zeros((), Recipe)
    record["state"] = seed or secrets.randbits(64) | 1
    record["limit"] = limit
    burst = part_of(rate, BURST_US, MOST_BURST)
    record["burst"], record["between_ns"] = burst, 10**9 * burst // rate if rate else 0
    record["version"], record["size"] = target.version, len(frames[0])
    record["kinds"] = len(frames)
    for place, ((single, caller, segment, _), frame) in enumerate(zip(parts, frames, strict=True)):
        template = record["templates"][place]
        template["fragment"], template["fixed"] = single in FRAGMENTS, single == ICMP
        template["frame"] = np.frombuffer(frame.ljust(LARGEST, b"\0"), np.uint8)
        template["network_sum"] = words_sum(frame[14:34]) if target.version == 4 else 0
        pseudo = ipaddress.ip_address(target.address).packed + struct.pack("!HH", 6, len(segment))
        template["transport_sum"] = words_sum(pseudo) + words_sum(segment)
        _give_source(template, network, caller)
        _give_port(template, target, caller, kind)
        _give_numbers(template, target, single, caller, kind)
    return record.tobytes()


def part_of(rate: int, microseconds: int, most: int) -> int:
    """Frames that come in so many microseconds at this rate: at least one, and no more than `most`."""
    return max(1, min(most, rate * microseconds // 10**6))


def _give_source(template: Any, network: Network, caller: Caller | None) -> None:
    if caller:
        template["source_high"], template["source_low"] = _words(ipaddress.ip_address(caller.address))
        return
    template["source_high"], template["source_low"] = _words(network.network_address)
    template["random_high"], template["random_low"] = _words(network.hostmask)


def _give_port(template: Any, target: Target, caller: Caller | None, kind: Kind) -> None:
    port = caller.port if caller else target.marks.source_port
    if port is not None:
        template["port"] = _as_it_lies(port, 2)
        return
    template["port"] = 0 if kind == "filler" else _as_it_lies(EPHEMERAL, 2)
    template["random_port"] = _as_it_lies(EPHEMERAL - 1, 2)


def _give_numbers(template: Any, target: Target, single: Kind, caller: Caller | None, kind: Kind) -> None:
    template["random_to"] = 0 if target.port else 0xFFFF
    for field, number in (
        ("sequence", caller.sequence if caller else target.marks.sequence),
        ("acknowledgment", caller and caller.acknowledgment),
    ):
        if field == "sequence" or FLAGS.get(single, 0) & ACK:
            template[field] = _as_it_lies(number or 0, 4)
            template[f"random_{field}"] = 0xFFFFFFFF if number is None else 0
    if kind == "guess-count":
        template["counted"], template["random_acknowledgment"] = 1, 0


def _as_it_lies(number: int, size: int) -> int:
    """A number of the wire as a word in memory."""
    return int.from_bytes(number.to_bytes(size, "big"), "little")


def _words(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[int, int]:
    """An address as two words in memory; IPv4 is the low 32 bits of the second."""
    if address.version == 4:
        return 0, int.from_bytes(address.packed, "little")
    return int.from_bytes(address.packed[:8], "little"), int.from_bytes(address.packed[8:], "little")
