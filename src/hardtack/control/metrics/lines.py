"""InfluxDB's line protocol: `measurement,tag=value field=value time`. Pure.

Measurements are called as metrics are, without `_total`; their field is `value`. Frames and bytes of each host, reason and
CPU are the fields of one, `hardtack_traffic`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from hardtack.control.metrics.families import LABELS
from hardtack.control.metrics.samples import Sample
from hardtack.control.totals import Tallies
from hardtack.packet.reasons import FRONT_REASONS

TRAFFIC = "hardtack_traffic"
ALL_CPUS = "all"  # in the place of a CPU, where there are too many of them and of hosts
SPECIAL = re.compile(r"([,= ])")
AMBIGUOUS = re.compile(r"\\(?=[,= \\]|$)")
LONGEST_DATAGRAM = 1400  # bytes: with its headers it fits into an Ethernet frame, tunnels on the way included


def escaped(text: str) -> str:
    """A tag's key or value. No line ends: each would be the end of the point. A backslash stands for itself, unless what
    follows may be escaped, or nothing does: that cannot be written, InfluxDB 1 would take the next comma for a part of it.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return SPECIAL.sub(r"\\\1", AMBIGUOUS.sub("/", plain))


def tagged(measurement: str, tags: Mapping[str, str]) -> str:
    """What stands before the fields. An empty tag is left out: it would be a mistake."""
    return "".join([measurement, *(f",{escaped(key)}={escaped(tags[key])}" for key in sorted(tags) if tags[key])])


def number(value: float) -> str:
    """A field's value."""
    return repr(float(value))


def of_samples(found: Iterable[Sample], common: Mapping[str, str], time_ns: int) -> Iterator[str]:
    """A line for each that has a number, else a whole batch would be refused. `common`: tags of all of them."""
    for family, labels, value in found:
        if not math.isfinite(value):
            continue
        tags = {**common, **dict(zip(family.labels, labels, strict=True))}
        yield f"{tagged(family.base, tags)} value={number(value)} {time_ns}"


def of_traffic(names: list[str], tallies: Tallies, cpus: bool, common: Mapping[str, str], time_ns: int) -> Iterator[str]:
    """A line for each host, CPU and reason that has occurred. `tallies`: by host, CPU, and word of `counters`.

    Without `cpus` all of them together.
    """
    if not cpus:
        tallies = tallies.sum(1, dtype=np.uint64)[:, np.newaxis]
    frames, octets = tallies[:, :, 0 : 2 * FRONT_REASONS : 2], tallies[:, :, 1 : 2 * FRONT_REASONS : 2]
    places = np.nonzero(frames)
    columns = (*(place.tolist() for place in places), frames[places].tolist(), octets[places].tolist())
    ends = {reason: tagged("", {"verdict": verdict, "reason": name}) for reason, (verdict, name) in LABELS.items()}
    for host, cpu, reason, count, size in zip(*columns, strict=True):
        if names[host] and reason in ends:
            tags = {**common, "host": names[host], "cpu": str(cpu) if cpus else ALL_CPUS}
            yield f"{tagged(TRAFFIC, tags)}{ends[reason]} frames={count}i,bytes={size}i {time_ns}"


def batches(lines: Iterable[str], most: int) -> Iterator[tuple[int, bytes]]:
    """Lines together, at most so many bytes each; and how many they are."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        encoded = line.encode() + b"\n"
        if batch and size + len(encoded) > most:
            yield len(batch), b"".join(batch)
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded)
    if batch:
        yield len(batch), b"".join(batch)
