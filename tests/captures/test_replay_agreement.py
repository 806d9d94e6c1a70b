"""Replay judges as all engines do: the hand-written frames, the conversations, and all of them in one capture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import transcripts
from engines_under_test import PLENTY, Native, Twin
from frame_table import ROWS
from naive import world
from naive.state import PLENTY as UNLIMITED
from naive.state import Via
from rows.row import Row
from tables_under_test import in_words, sources_in_words
from transcripts.playing import Player
from transcripts.reading import conversations

from captures.replayed import Counted, Replayed
from captures.written import Pcapng, Shot
from hardtack.packet.reasons import Verdict

NOW, NS = world.NOW, 10**6  # ns in a ms


def is_ours(row: Row) -> bool:
    """Whether the front would take it for its own, or for all: replay takes every frame for its own, as it cannot know."""
    state = world.state(**row.policy)
    mac = row.frame[:6]
    return len(mac) < 6 or bool(mac[0] & 1) or (mac in state.macs and not state.elsewhere)


FOR_REPLAY = [row for row in ROWS if row.side in ("outside", "inside") and row.room == UNLIMITED and is_ours(row)]
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
