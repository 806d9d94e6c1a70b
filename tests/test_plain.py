"""Plain frames: whatever is read at a glance is what parse finds, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from naive.frames import ACK, SYN, IPv4, IPv6, Tcp, frame
from parts.plain import DIFFERENT, OTHER, SAME
from strategies import frames

from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.packet.layout import WALK

STEADY = settings(deadline=None, derandomize=True, database=None, max_examples=1000)
PLAIN = frame(IPv4("198.51.100.1", "192.0.2.1"), Tcp(flags=SYN, options=bytes.fromhex("020405b4")))
HEADERS = range(12, len(PLAIN))  # from Ethernet's type to the last byte


@pytest.fixture(scope="module")
def glance() -> Iterator[Callable[[bytes], int]]:
    tables = {WALK.name: np.zeros(WALK.value_size, np.uint8)}
    program = NativeProgram(Source("part_plain", "parts.plain:plain", "xdp", (WALK,)), tables)
    yield lambda frame: program.run(frame)[0]


def test_it_says_what_parse_says(glance: Callable[[bytes], int]) -> None:
    found: Counter[int] = Counter()

    @given(frames())
    @STEADY
    def each(frame: bytes) -> None:
        found[glance(frame)] += 1

    each()
    assert not found[DIFFERENT] and found[SAME] > 50 and found[OTHER] > 50, found


def test_so_it_does_of_damaged_frames(glance: Callable[[bytes], int]) -> None:
    """Of every length, and with any byte of the headers changed."""
    assert glance(PLAIN) == SAME
    cut = [glance(PLAIN[:length]) for length in range(1, len(PLAIN))]
    assert set(cut) == {OTHER}
    for place in HEADERS:
        said = {glance(PLAIN[:place] + bytes([byte]) + PLAIN[place + 1 :]) for byte in range(256)}
        assert DIFFERENT not in said, place


def test_behind_the_packet_anything_may_follow(glance: Callable[[bytes], int]) -> None:
    assert {glance(PLAIN + bytes(length)) for length in range(64)} == {SAME}


def test_what_is_not_plain(glance: Callable[[bytes], int]) -> None:
    segment = Tcp(flags=ACK)
    assert glance(frame(IPv4("198.51.100.1", "192.0.2.1"), segment)) == SAME
    assert glance(frame(IPv6("2001:db8::1", "2001:db8::2"), segment)) == OTHER
