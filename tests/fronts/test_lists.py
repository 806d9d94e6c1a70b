"""A front at work with lists of sources: who is denied is so at once, who is allowed connects, and a reload changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from lab_ground import eventually

from fronts.running import counting
from fronts.test_reload import ONE, Scene, check, scene
from hardtack.lab.addresses import CLIENT, SERVER
from hardtack.packet.reasons import Reason

V4, V6 = 0, 1


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Scene]:
    """With a list that says nothing of the client."""
    (tmp_path / "denied.txt").write_text("203.0.113.0/24 # nobody here\n")
    with scene(tmp_path, deny=[str(tmp_path / "denied.txt")]) as made:
        yield made


def test_a_list_that_changes_acts_at_once_on_who_is_connected_too(at: Scene) -> None:
    file = at.folder / "denied.txt"
    with at.connect(SERVER[V4]) as line, at.connect(SERVER[V6]) as other:
        at.since = len(at.front.lines)
        file.write_text(f"203.0.113.0/24\n{CLIENT[V4]}\n")
        at.waits_for(r'changed what="list .*denied.txt changed: \+1 -0 prefixes"')
        with counting(at.net.outside) as seen:
            line.sendall(b"word!")
            check(other)
            assert eventually(lambda: at.status()["hosts"]["one"]["reasons"].get("denied", 0) > 0)
        assert seen[Reason.denied] > 0
        file.write_text("203.0.113.0/24\n")
        at.waits_for(r'changed what="list .*denied.txt changed: \+0 -1 prefixes"')
        assert line.recv(5) == b"word!", "TCP has sent it again"
        check(line, other)


def test_a_host_allows_what_all_deny(at: Scene) -> None:
    at.write({**ONE, "allow": [CLIENT[V4]]}, deny=["0.0.0.0/0", "::/0"])
    at.waits_for("reloaded by=file")
    with at.connect(SERVER[V4]) as line:
        check(line)
    with pytest.raises(OSError, match="timed out"):
        at.net.client.call(knock, SERVER[V6])
    assert at.status()["hosts"]["one"]["reasons"]["denied"] > 0


def knock(address: str) -> None:
    """A SYN or two that nobody answers."""
    import socket

    with suppress(ConnectionRefusedError):
        socket.create_connection((address, 80), 1.5).close()


def test_a_list_that_is_broken_or_gone_changes_nothing_and_is_told(at: Scene) -> None:
    file = at.folder / "denied.txt"
    at.since = len(at.front.lines)
    file.write_text(f"{CLIENT[V4]}\nnobody\n")
    at.waits_for(r"not-reloaded by=file why=.*denied.txt:2: found 'nobody'; write one prefix a line")
    check_connects(at)
    file.unlink()
    at.waits_for("not-reloaded by=file why=.*denied.txt: cannot read it: No such file or directory")
    check_connects(at)
    assert "cannot read it" in at.status()["reload"]["why"]
    file.write_text("203.0.113.0/25\n")
    at.waits_for(r'changed what="list .*denied.txt changed: \+1 -1 prefixes"')
    check_connects(at)


def check_connects(at: Scene) -> None:
    """Whoever was let in is so still."""
    with at.connect(SERVER[V4]) as line:
        check(line)
