"""Generated frames through a worker's rings, in bursts of random sizes, beside the twin: the same reason, bytes and way out.

The hand-written ones and the conversations: test_front_frames.py, test_transcripts.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from random import Random

import pytest
from engines_under_test import Twin
from naive import world
from naive.forward import Action
from naive.frames import IPv4, IPv6, Tcp, frame
from naive.world import NOW
from rows.finished import begun
from rows.row import acknowledgment
from tables_under_test import in_words, sources_in_words
from test_bursts import from_outside
from test_front_generated import BOOTED, state
from workers_under_test import LONGEST, Rings

from hardtack.packet.burst_records import TOGETHER
from hardtack.packet.reasons import Reason

WANTED = 4000  # frames


@pytest.fixture
def rings() -> Iterator[Rings]:
    made = Rings(state())
    yield made
    made.close()


def test_a_worker_agrees_with_the_twin(rings: Rings) -> None:
    """Frames of a burst come at one moment. What is too long for a frame of the UMEM no socket delivers."""
    twin, rng, clock = Twin(state()), Random(11), count(BOOTED, 3)
    made = from_outside(rng)
    ways: Counter[Action | None] = Counter()
    reasons: Counter[Reason] = Counter()
    while ways.total() < WANTED:
        events = [*islice(made, rng.randint(1, TOGETHER))]
        frames = [event.frame for event in events if len(event.frame) <= LONGEST]
        now_ms, ms = events[0].now_ms, next(clock)
        expected = [twin.run(one, now_ms, ms=ms) for one in frames]
        found = rings.together(frames, now_ms, ms=ms)
        assert [(one.reason, one.frame, one.action) for one in expected] == [
            (reason, moved.frame, moved.action) for reason, moved in found
        ]
        ways.update(one.action for one in expected)
        reasons.update(one.reason for one in expected)
    assert rings.known() == in_words(twin.state)
    assert rings.proven() == sources_in_words(twin.state)
    assert all(ways[action] > 20 for action in Action), ways
    assert len(reasons) > 40, reasons


@pytest.mark.parametrize("ip", [IPv4(), IPv6()], ids=["IPv4", "IPv6"])
def test_the_kernel_gets_whole_checksums(rings: Rings, ip: IPv4 | IPv6) -> None:
    """What a veth has left to do is known no more of a frame that comes back by a TAP device."""
    rings.set_policy(world.state(unfinished=True))
    whole = replace(acknowledgment(ip, Tcp(destination_port=80)), payload=bytes(range(99)))
    half = replace(whole, checksum=begun(ip, 20 + 99))
    outcome = rings.run(frame(ip, half), NOW)
    assert (outcome.reason, outcome.action) == (Reason.remembered, Action.kernel)
    assert outcome.frame == frame(ip, whole)
