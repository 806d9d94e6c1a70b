"""The lines of a list of prefixes: what is plainly IPv4 is read by whole arrays, column by column, the rest line by line."""

from __future__ import annotations

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_pton

import numpy as np
import numpy.typing as npt

from hardtack.control.networks.memory import Places
from hardtack.control.networks.prefixes import BITS, Words

LONGEST = len("255.255.255.255/32")
SPACES = 8  # behind a prefix, as many as are looked at column by column
NEWLINE, DOT, SLASH, ZERO = b"\n./0"
FAMILIES = {4: AF_INET, 6: AF_INET6}


@dataclass(frozen=True)
class Lines:
    """Prefixes of one IP version as they stand in a text, and their lines, from 0."""

    line: Places
    high: Words
    low: Words
    length: npt.NDArray[np.uint8]


def joined(one: Lines, other: Lines) -> Lines:
    """Both."""
    return Lines(*(np.concatenate(pair) for pair in zip(vars(one).values(), vars(other).values(), strict=True)))


def bounds(characters: npt.NDArray[np.uint8]) -> tuple[Places, Places]:
    """Where each line begins, and where what counts of it ends: before a comment, and before spaces."""
    ends = np.flatnonzero(characters == NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    comments = np.flatnonzero((characters == ord("#")) | (characters == ord(";")))
    if len(comments):
        ends = np.minimum(ends, np.append(comments, len(characters))[np.searchsorted(comments, starts)])
    for _ in range(SPACES):
        before = characters[np.maximum(ends - 1, 0)]
        space = (ends > starts) & ((before == ord(" ")) | (before == ord("\t")))
        if not space.any():
            break
        ends = ends - space
    return starts, ends


def plain_ipv4(characters: npt.NDArray[np.uint8], starts: Places, ends: Places) -> tuple[npt.NDArray[np.bool_], Lines]:
    """Which lines are 1.2.3.4 or 1.2.3.4/5 and nothing else, and their prefixes."""
    line = np.flatnonzero((ends > starts) & (ends - starts <= LONGEST))
    first, size = starts[line], (ends - starts)[line]
    fine = np.ones(len(line), bool)
    address, number = np.zeros(len(line), np.uint64), np.zeros(len(line), np.uint64)
    digits, dots = np.zeros(len(line), np.int8), np.zeros(len(line), np.int8)
    slash = np.zeros(len(line), bool)
    for column in range(LONGEST):
        here = column < size
        character = np.where(here, characters[np.minimum(first + column, len(characters) - 1)], ZERO)
        digit = here & (character - ZERO < 10)
        dot, cut = here & (character == DOT), here & (character == SLASH)
        fine &= (digit & ((digits == 0) | (number > 0)) | (dot | cut) & (digits > 0) & ~slash) | ~here
        fine &= ~cut | (dots == 3)
        number = np.where(digit, number * np.uint64(10) + (character - ZERO), number)
        digits += digit
        ended = dot | cut
        fine &= ~ended | (number < 256)
        address = np.where(ended, address << np.uint64(8) | number, address)
        number[ended], digits[ended] = 0, 0
        dots += dot
        slash |= cut
    fine &= (digits > 0) & (dots == 3) & (number <= np.where(slash, 32, 255))
    address = np.where(slash, address, address << np.uint64(8) | number)
    length = np.where(slash, number, 32).astype(np.uint8)
    plain = np.zeros(len(starts), bool)
    plain[line[fine]] = True
    return plain, Lines(line[fine], address[fine] << np.uint64(32), np.zeros(int(fine.sum()), np.uint64), length[fine])


def one_by_one(text: bytes, lines: Places, starts: Places, ends: Places) -> tuple[Lines, Lines, list[int]]:
    """Lines that may have anything: what is IPv4, what is IPv6, which are neither."""
    here: dict[int, list[int]] = {4: [], 6: []}
    packed: dict[int, list[bytes]] = {4: [], 6: []}
    lengths = {4: bytearray(), 6: bytearray()}
    wrong = []
    for line, start, end in zip(lines.tolist(), starts[lines].tolist(), ends[lines].tolist(), strict=True):
        found = text[start:end].strip()
        address, slash, bits = found.partition(b"/")
        version = 6 if b":" in address else 4
        try:
            number = inet_pton(FAMILIES[version], address.decode())
            length = length_of(bits, BITS[version]) if slash else BITS[version]
        except (OSError, ValueError):
            if found:
                wrong.append(line)
            continue
        here[version].append(line)
        packed[version].append(number)
        lengths[version].append(length)
    width = {version: np.frombuffer(b"".join(packed[version]), ">u4").astype(np.uint64) for version in BITS}
    high4, words6 = width[4] << np.uint64(32), width[6].reshape(-1, 4)
    high6, low6 = (words6[:, one] << np.uint64(32) | words6[:, one + 1] for one in (0, 2))
    line4, line6 = (np.array(here[version], np.int64) for version in BITS)
    length4, length6 = (np.frombuffer(bytes(lengths[version]), np.uint8) for version in BITS)
    return Lines(line4, high4, np.zeros_like(high4), length4), Lines(line6, high6, low6, length6), wrong


def length_of(bits: bytes, most: int) -> int:
    """What follows the slash. ValueError."""
    length = int(bits) if bits.isdigit() and len(bits) <= len(str(most)) else -1
    if not 0 <= length <= most or bits != b"%d" % length:
        raise ValueError(bits)
    return length
