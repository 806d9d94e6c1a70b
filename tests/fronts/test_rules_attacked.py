"""Limits under attack, in the kernel: what a flood gets of a rate, and what is left for the honest, whoever it claims to be.

Let through is what a rule counts and has not found beyond its rate. It is judged by what came in a time that was measured;
where the flood was not there, nothing is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from handshake.counted import folder_of
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually

from fronts.running import Value
from fronts.test_reload import Scene, scene
from hardtack.control.pinned import Tables
from hardtack.control.readout import RuleFrames, ruled
from hardtack.lab.addresses import SERVER
from hardtack.lab.clients import server_socket
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import FLOOD_4, Target
from hardtack.packet.rule_tables import RULE_SOURCES, SOURCE_BUCKETS, SOURCE_WAYS

RATE = 300_000  # frames of a flood in a second; a tenth of a mixed one is of each kind
SECONDS = 10
LOOK = 0.05  # s
DEPTH = 0.27  # s: what may come at once, docs/rules.md
ALL, EACH, RARE = 5_000, 10, 1  # rates: a fifth of what comes, or less
ASK = 10  # looks between honest requests
ONE_FOR_ALL = f"limit {ALL}/s tcp[tcpflags] = tcp-ack and not src net 198.51.100.0/24"
ONE_FOR_EACH = f"limit {EACH}/s per source tcp[tcpflags] = tcp-syn"
VERY_MANY = f"limit {RARE}/s per source ip6 and tcp"
PREFIXES = FLOOD_4.num_addresses >> 8
WORDS = SOURCE_BUCKETS * SOURCE_WAYS


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A host with limits, of which nothing else is dropped."""
    host: dict[str, Value] = {"name": "one", "addresses": SERVER, "via": "direct", "ports": [TALK]}
    host["rules"] = [ONE_FOR_ALL, ONE_FOR_EACH, VERY_MANY]
    with scene(tmp_path_factory.mktemp("limits"), host, reload="manual") as made:
        yield made


@dataclass
class Watched:
    """A rule, looked at again and again.

    `busy`: seconds of those spans in which twice as much came as it lets through. They are so short that no bucket was full.
    """

    rate: float
    first: RuleFrames
    began: float
    last: RuleFrames = field(init=False)
    ended: float = 0.0
    busy: float = 0.0

    def __post_init__(self) -> None:
        self.last, self.ended = self.first, self.began

    def look(self, now: RuleFrames, before: float, after: float) -> None:
        """As it was at a moment between two times."""
        span = after - self.ended
        if span < DEPTH and now.frames - self.last.frames > 2 * self.rate * span:
            self.busy += before - self.ended
        self.last, self.ended = now, after

    @property
    def let_through(self) -> int:
        """Frames."""
        return self.last.frames - self.last.over - (self.first.frames - self.first.over)


def rules(at: Scene) -> dict[str, RuleFrames]:
    """What each has counted."""
    with Tables(folder_of(at.net.outside)) as tables:
        return {one.rule: one for one in ruled(tables)}


def test_a_rate_holds_and_so_does_each_sources(at: Scene) -> None:
    """A flood from 512 prefixes, of SYNs, ACKs and all else: within 5 % over ten seconds; honest SYNs are let through."""
    began, first = time.monotonic(), rules(at)
    for_all = Watched(ALL, first[ONE_FOR_ALL], began)
    for_each = Watched(EACH * PREFIXES, first[ONE_FOR_EACH], began)
    target, looks, asked = Target(SERVER[0], TALK, at.net.near.mac, at.net.outside.mac), 0, 0
    with flooding(at.net.near, target, seconds=2 * SECONDS, kind="mixed", rate=RATE) as flood:
        while for_all.busy < SECONDS and flood.process.returncode is None:
            before, found, after = time.monotonic(), rules(at), time.monotonic()
            for one, name in ((for_all, ONE_FOR_ALL), (for_each, ONE_FOR_EACH)):
                one.look(found[name], before, after)
            looks += 1
            if looks % ASK == 0:
                assert server_socket(at.net.client, SERVER[0], TALK, timeout=PATIENCE)["sack"]
                asked += 1
            time.sleep(LOOK)
    assert asked > 0
    for one in (for_all, for_each):
        assert one.busy > SECONDS / 2, "the flood was there"
        assert 0.95 * one.rate * one.busy <= one.let_through <= one.rate * (one.ended - one.began + DEPTH) * 1.01 + asked


def test_sources_without_number_share_what_there_is_and_leave_nothing_behind(at: Scene) -> None:
    """Each frame from a /64 of its own, of millions: together they have one frame a second of each of 131,072 words."""
    began, first = time.monotonic(), rules(at)[VERY_MANY]
    target = Target(SERVER[1], TALK, at.net.near.mac, at.net.outside.mac)
    with flooding(at.net.near, target, seconds=60, kind="ack", rate=0) as flood:
        assert eventually(lambda: rules(at)[VERY_MANY].over - first.over > WORDS, PATIENCE)
        flood.stop()
    last, ended = rules(at)[VERY_MANY], time.monotonic()
    let_through = last.frames - last.over - (first.frames - first.over)
    assert WORDS / 2 < let_through <= WORDS * (RARE * (ended - began) + 1)
    assert server_socket(at.net.client, SERVER[1], TALK, timeout=PATIENCE)["sack"]
    assert RULE_SOURCES.entries * RULE_SOURCES.value_size == 1 << 20
