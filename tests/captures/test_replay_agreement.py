"""Replay judges as all engines do: the hand-written frames, the conversations, and all of them in one capture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import transcripts
from engines_under_test import PLENTY, Native, Twin
from frame_table import ROWS
from naive import world
from naive.state import PLENTY as UNLIMITED
from naive.state import State, Via
from strategies import Event, traffic
from tables_under_test import in_words, sources_in_words
from transcripts.playing import Player
from transcripts.reading import conversations

from captures.guarded import ends, guarded_end
from captures.replayed import Counted, Replayed
from captures.written import Pcapng, Shot, pcapng
from hardtack.packet.reasons import Verdict

NOW, NS = world.NOW, 10**6  # ns in a ms
RUN = 200  # events whose times only grow


def is_ours(frame: bytes, state: State) -> bool:
    """Whether the front would take it for its own, or for all: replay takes every frame for its own, as it cannot know."""
    mac = frame[:6]
    return len(mac) < 6 or bool(mac[0] & 1) or (mac in state.macs and not state.elsewhere)


FOR_REPLAY = [row for row in ROWS if row.side in ("outside", "inside") and row.room == UNLIMITED]
FOR_REPLAY = [row for row in FOR_REPLAY if is_ours(row.frame, world.state(**row.policy))]
CONVERSATIONS = [one for one in conversations(Path(transcripts.__file__).parent) if max(one.cpus) == 0]


@pytest.fixture(scope="module")
def replayed() -> Replayed:
    return Replayed()


def test_hand_written_frames(replayed: Replayed) -> None:
    assert len(FOR_REPLAY) > 0.85 * len(ROWS)
    for row in FOR_REPLAY:
        twin = Twin(world.state(**row.policy))
        replayed.forget()
        replayed.set_policy(twin.state)
        for given in row.before:
            assert str(replayed.run(given, row.now_ms)) == str(twin.run(given, row.now_ms)), row.description
        for given in row.heard:
            assert str(replayed.run(given, row.now_ms, "inside")) == str(twin.run(given, row.now_ms, "inside"))
        thought = twin.run(row.frame, row.now_ms, row.side, PLENTY)
        found = replayed.run(row.frame, row.now_ms, row.side)
        assert (found.reason, found.frame, str(found)) == (row.reason, row.expected, str(thought)), row.description
        assert (replayed.known(), replayed.noted()) == (in_words(twin.state), twin.state.noted), row.description
        assert replayed.proven() == sources_in_words(twin.state), row.description


def test_conversations(replayed: Replayed) -> None:
    assert len(CONVERSATIONS) > 80
    for conversation in CONVERSATIONS:
        for version, timestamps in ((4, True), (6, False)):
            Player(replayed, version, timestamps).play(conversation)


def test_one_capture_of_all_of_them(tmp_path: Path) -> None:
    """In one go as frame by frame: the same reasons, the same tables, and what is sent is written."""
    state = world.state()
    single, replayed = Native(state), Replayed(state)
    traffic = [(frame, "outside") for row in FOR_REPLAY if not row.policy for frame in row.before]
    traffic += [(frame, "inside") for row in FOR_REPLAY if not row.policy for frame in row.heard]
    traffic += [(row.frame, row.side) for row in FOR_REPLAY if not row.policy]
    files = {side: Pcapng().section().interface(resolution=3) for side in ("outside", "inside")}
    sent, counted = [], Counter[tuple[object, ...]]()
    for number, (frame, side) in enumerate(traffic):
        moment = NOW + number
        files[side].packet(Shot(frame, moment * NS))
        outcome = single.run(frame, moment, side)  # type: ignore[arg-type]
        counted[outcome.number, outcome.reason] += 1
        if side == "outside" and goes(outcome.number, outcome.verdict):
            sent.append((moment * NS, outcome.frame))
    paths = [tmp_path / side for side in files]
    for path, made in zip(paths, files.values(), strict=True):
        path.write_bytes(made.data)
    written, found = replayed.replay(paths)
    assert {key: count for key, (count, _) in found.items()} == counted
    assert (replayed.known(), replayed.proven()) == (single.known(), single.proven())
    assert [(one.time, one.frame) for one in written] == sent
    assert total(found) == sum(len(frame) for frame, _ in traffic)
    assert len(sent) > 200 and len({reason for _, reason in found}) > 45


def test_generated_traffic_in_two_captures(tmp_path: Path) -> None:
    """As the twin has it, which gets the frames in the order of time, and the clock that replay makes of their times."""
    state, rng = world.state(grace_until=0), Random(3)
    events = [event for event in traffic(rng, 6000) if is_ours(event.frame, state)]
    events = [one for at in range(0, len(events), RUN) for one in sorted(events[at : at + RUN], key=lambda one: one.now_ms)]
    paths = {side: tmp_path / side for side in ("outside", "inside")}
    for side, path in paths.items():
        path.write_bytes(pcapng([Shot(one.frame, one.now_ms * NS) for one in events if one.side == side], resolution=3))
    twin, replayed, counted = Twin(state), Replayed(state), Counter[tuple[object, ...]]()
    for event, ms in dated(merged(events)):
        outcome = twin.run(event.frame, event.now_ms, event.side, ms=ms)
        counted[outcome.number, outcome.reason] += 1
    written, found = replayed.replay([*paths.values()])
    assert {key: count for key, (count, _) in found.items()} == counted
    assert replayed.known() == in_words(twin.state) and replayed.proven() == sources_in_words(twin.state)
    assert len(written) > 500 and len({reason for _, reason in found}) > 30


def test_no_byte_behind_a_frame_is_read() -> None:
    """In a process of its own, which a read from the page behind would kill; whole frames, and all cut ones of some."""

    def all_of_them() -> None:
        replayed, end = Replayed(), guarded_end()
        replayed.place(end)
        for number, row in enumerate(FOR_REPLAY):
            replayed.set_policy(world.state(**row.policy))
            for size in range(len(row.frame) + 1) if number % 8 == 0 else (len(row.frame),):
                replayed.put(size)
                replayed.run(row.frame[:size], row.now_ms, row.side)

    assert ends(all_of_them) == 0


def merged(events: list[Event]) -> Iterator[Event]:
    """Of two captures, each in its own order, always the older frame; of equal ones that from outside."""
    outside, inside = ([one for one in events if one.side == side] for side in ("outside", "inside"))
    while outside or inside:
        first = outside and (not inside or outside[0].now_ms <= inside[0].now_ms)
        yield (outside if first else inside).pop(0)


def dated(events: Iterator[Event]) -> Iterator[tuple[Event, int]]:
    """With the monotonic clock in ms: it waits for late frames, and goes on from where it is after a step back."""
    clock = ahead = 0
    for event in events:
        if (ms := event.now_ms + ahead) < clock:
            ahead += clock - ms if clock - ms > 1000 else 0
            ms = clock
        clock = ms
        yield event, ms


def goes(number: int, verdict: Verdict) -> bool:
    """Whether a frame with this verdict is sent by the front, or by the kernel on the front's word."""
    host = next((one for one in world.HOSTS.values() if one.number == number), None)
    if host and host.dry_run:
        return verdict != Verdict.PASS
    if host and number and host.via == Via.switched and verdict == Verdict.PASS:
        return True
    return verdict in (Verdict.REPLY, Verdict.FORWARD)


def total(found: Counted) -> int:
    """Bytes."""
    return sum(octets for _, octets in found.values())
