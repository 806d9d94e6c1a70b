"""Lists of prefixes from files: one prefix a line, IPv4 or IPv6; what follows # or ; is a comment.

A million lines take a second or two.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardtack.control.configuration.document import Spot
from hardtack.control.configuration.files import Unread, regular, why
from hardtack.control.configuration.problems import Problem
from hardtack.control.networks.lines import Lines, bounds, joined, one_by_one, plain_ipv4
from hardtack.control.networks.prefixes import BITS, Content, Network, Prefixes, words_of
from hardtack.mistake import Mistake
from hardtack.printable import cut, printable

MOST_BYTES = 128 << 20
MOST_TOLD = 10  # lines that are no prefixes
MOST_SHOWN = 50  # characters of a line
WORD_OF_ONES = ~np.uint64(0)
MAPPED = 0xFFFF  # RFC 4291 2.5.5.2
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
EXAMPLE = "write one prefix a line, such as 192.0.2.0/24 or 2001:db8::/32"


@dataclass(frozen=True)
class Wrong:
    """A line that is no prefix, and what to write."""

    line: int
    text: str


@dataclass(frozen=True)
class Listed:
    """What a file lists. `wrong`: the first lines that are no prefixes, in order; `mistakes`: how many are not."""

    content: Content
    wrong: tuple[Wrong, ...] = ()
    mistakes: int = 0


class ListError(Mistake):
    """A list that cannot be used: what to put right, with file and line; the first ones of many."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def load(path: Path, value: int = 1) -> Content:
    """The prefixes in a file, each with this value. ListError."""
    listed = parsed(contents(path), value)
    if listed.mistakes:
        problems = [Problem(Spot(path, one.line), one.text) for one in listed.wrong]
        if more := listed.mistakes - len(problems):
            problems.append(Problem(Spot(path, None), f"and {more:,} more lines like these; fix these first"))
        raise ListError(*problems)
    return listed.content


def contents(path: Path) -> bytes:
    """What is in a file, if it is a regular one of bearable size. ListError."""
    here = Spot(path, None)
    try:
        data = regular(path, MOST_BYTES)
    except Unread as unread:
        raise ListError(Problem(here, unread.why)) from unread
    except (OSError, ValueError) as error:
        raise ListError(Problem(here, f"cannot read it: {why(error)}; it must be a file that this user can read")) from error
    if len(data) > MOST_BYTES:
        raise ListError(Problem(here, f"found more than {MOST_BYTES >> 20} MiB, the limit of a list"))
    return data


def parsed(data: bytes, value: int = 1) -> Listed:
    """The prefixes in a file's bytes. What is there twice counts once."""
    ipv4, ipv6, bad = lines_of(data)
    wrong = [Wrong(line + 1, f"found {shown(text)}; {EXAMPLE}") for line, text in bad[:MOST_TOLD]]
    mistakes, versions = len(bad), []
    for version, lines in ((4, ipv4), (6, ipv6)):
        stray = strays(lines, version)
        wrong += [told(lines, version, place) for place in stray[:MOST_TOLD]]
        mistakes += len(stray)
        values = np.full(len(lines.line), value, np.uint32)
        versions.append(Prefixes.sorted(lines.high, lines.low, lines.length, values))
    return Listed(Content(*versions), tuple(sorted(wrong, key=lambda one: one.line)[:MOST_TOLD]), mistakes)


def lines_of(data: bytes) -> tuple[Lines, Lines, list[tuple[int, bytes]]]:
    """The lines that are IPv4, those that are IPv6, and the others, with what is there."""
    text = data.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    characters = np.frombuffer(text + b"\n", np.uint8)
    starts, ends = bounds(characters)
    plain, ipv4 = plain_ipv4(characters, starts, ends)
    others, ipv6, bad = one_by_one(text, np.flatnonzero((ends > starts) & ~plain), starts, ends)
    return joined(ipv4, others), ipv6, [(line, text[starts[line] : ends[line]]) for line in bad]


def line_of(path: Path, network: Network) -> int | None:
    """The first line of a file that lists this prefix; None if it does no more. ListError."""
    ipv4, ipv6, _ = lines_of(contents(path))
    lines, (high, low) = ipv4 if network.version == 4 else ipv6, words_of(network)
    here = (lines.high == np.uint64(high)) & (lines.low == np.uint64(low)) & (lines.length == network.prefixlen)
    return int(lines.line[here].min()) + 1 if here.any() else None


def strays(lines: Lines, version: int) -> list[int]:
    """Which prefixes say more than their length: they may have been meant otherwise. And IPv4 as IPv6 writes it."""
    length = lines.length.astype(np.uint64)
    high = lines.high & (WORD_OF_ONES >> np.minimum(length, 63)) & np.where(length < 64, WORD_OF_ONES, 0).astype(np.uint64)
    behind = np.where(length > 64, length - np.minimum(length, 64), 0)
    low = lines.low & np.where(behind < 64, WORD_OF_ONES >> np.minimum(behind, 63), 0).astype(np.uint64)
    mapped = (lines.high == 0) & (lines.low >> np.uint64(32) == MAPPED) & (length >= 96) & (version == 6)
    places: list[int] = np.flatnonzero((high != 0) | (low != 0) | mapped).tolist()
    return places


def told(lines: Lines, version: int, place: int) -> Wrong:
    """One of those, and what to write."""
    number, bits = int(lines.high[place]) << 64 | int(lines.low[place]), int(lines.length[place])
    line = int(lines.line[place]) + 1
    if version == 6 and number >> 32 == MAPPED:
        plain = ipaddress.IPv4Network((number & 0xFFFFFFFF, bits - 96), strict=False)
        return Wrong(line, f"found {ipaddress.IPv6Address(number)}/{bits}, an IPv4-mapped IPv6 prefix; write {plain}")
    address = ipaddress.IPv4Address(number >> 96) if version == 4 else ipaddress.IPv6Address(number)
    network = ipaddress.ip_network((address, bits), strict=False)
    free = BITS[version] - bits
    return Wrong(line, f"found {address}/{bits}, whose {free} host bits are not 0; write {network}, or {address}")


def shown(found: bytes) -> str:
    """A line for people: no longer than they want, and no control characters."""
    return f"'{printable(cut(found.strip()[: 4 * MOST_SHOWN + 4].decode('utf-8', 'replace'), MOST_SHOWN))}'"
