"""Events by webhook and to a command: against a real HTTP server and real commands."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lab_ground import eventually

from hardtack import journal
from hardtack.control.configuration.events import Events
from hardtack.control.events.delivery import ROOM, Courier, Delivery, sinks_of
from hardtack.control.events.sinks import Command, Failure, Webhook
from hardtack.control.token_file import TokenFileError

PATIENCE = 60.0  # s
SOON = 0.01  # s: the first pause between tries


class Server(ThreadingHTTPServer):
    """Answers as it is told, then by 200; keeps what it gets."""

    def __init__(self, *answers: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.got = [*answers], list[tuple[dict[str, str], Any]]()
        self.held = threading.Event()
        self.held.set()

    @property
    def url(self) -> str:
        """Of its only page."""
        return f"http://127.0.0.1:{self.server_port}/hook"

    def events(self) -> list[str]:
        """The names of those it has been sent."""
        return [event["event"] for _, event in self.got]


class Handler(BaseHTTPRequestHandler):
    """Of one request."""

    server: Server

    def do_POST(self) -> None:
        self.server.held.wait(PATIENCE)
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), json.loads(content)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.held.set()
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A journal as a front's."""
    before = [*journal.JOURNAL.handlers], journal.JOURNAL.level
    journal.JOURNAL.setLevel("INFO")
    yield
    journal.JOURNAL.handlers[:], journal.JOURNAL.level = before


def to(server: Server, **more: Any) -> Delivery:
    """What tells a server."""
    made = Delivery("eth0", SOON)
    made.have([Webhook(server.url, **more)])
    made.start()
    return made


def test_what_a_server_gets(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("geheim-123\n")
    token.chmod(0o600)
    with to(server, token_file=token):
        journal.note("by-kernel", hosts="web")  # which no webhook, no command of
        journal.note("under-attack", 30, host="web", why="strays", syns="75000/s")
        journal.note("reloaded", by="file", changes=2, seconds=0.5)
    (headers, event), (_, reloaded) = server.got
    assert headers["Authorization"] == "Bearer geheim-123" and headers["Content-Type"] == "application/json"
    assert event.keys() == {"version", "time", "machine", "front", "event", "level", "facts", "suppressed"}
    assert (event["version"], event["front"], event["level"]) == (1, "eth0", "warning")
    assert event["facts"] == {"host": "web", "why": "strays", "syns": "75000/s"}
    assert reloaded["facts"] == {"by": "file", "changes": 2, "seconds": 0.5}


def test_a_server_that_cannot_now_is_asked_again(server: Server) -> None:
    server.answers = [503, 429, 500]
    with to(server):
        journal.note("left", signal="SIGTERM")
        assert eventually(lambda: server.events() == ["left"] * 4, PATIENCE)


@pytest.mark.parametrize("status", [400, 302])
def test_what_a_server_does_not_want_is_not_repeated(
    server: Server, status: int
) -> None:
    """Nor is a token taken where a redirection leads."""
    server.answers = [status]
    with to(server):
        journal.note("left", signal="SIGTERM")
        journal.note("ready")
    assert server.events() == ["left", "ready"]


def test_nobody_waits_for_a_server_that_hangs(server: Server) -> None:
    """What is too much is lost, the oldest first; an attack makes no more of them than the journal has."""
    server.held.clear()
    with to(server):
        for _ in range(10_000):
            journal.note("under-attack", host="web")
        journal.note("left")
        server.held.set()
        assert eventually(lambda: "left" in server.events(), PATIENCE)
        assert server.events().count("under-attack") == journal.BURST
    courier = Courier(Webhook(server.url))  # not started: nobody fetches anything
    for number in range(ROOM + 5):
        courier.take(str(number).encode())
    assert courier.lost == 5


def test_a_server_that_is_not_there_holds_up_no_end() -> None:
    with Delivery("eth0", SOON) as told:
        told.have([Webhook("http://127.0.0.1:9/"), Command(["/nowhere"])])
        told.start()
        journal.note("left")


def test_a_command(tmp_path: Path) -> None:
    """It gets the event on standard input, its arguments as they are, and nothing of our environment."""
    script, out = tmp_path / "tell", tmp_path / "out"
    script.write_text(f'#!/bin/sh\necho "$1|$HOME|$PWD" >>{out}\ncat >>{out}\n')
    script.chmod(0o755)
    with Delivery("eth0") as told:
        told.have(sinks_of(Events(command=(str(script), "$(id) ;"))))
        told.start()
        journal.note("attack-over", host="web", seconds=71)
    head, event = out.read_text().split("\n", 1)
    assert head == "$(id) ;||/" and json.loads(event)["facts"] == {"host": "web", "seconds": 71}


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        (["/bin/true"], None),
        (["/bin/sh", "-c", "exit 75"], Failure("exit status 75", again=True)),
        (["/bin/sh", "-c", "exit 3"], Failure("exit status 3")),
        (["/nowhere"], Failure("No such file or directory")),
    ],
)
def test_how_a_command_ends(words: list[str], failure: Failure | None) -> None:
    assert Command(words).deliver(b"{}") == failure


def test_a_token_is_nobody_elses(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with pytest.raises(TokenFileError, match="No such file"):
        Webhook("http://127.0.0.1:9/", token)
    token.write_text("secret")
    token.chmod(0o644)
    with pytest.raises(TokenFileError, match="chmod 600"):
        Webhook("http://127.0.0.1:9/", token)
    token.chmod(0o600)
    for text in ("", "two words", "x" * 5000, "\xe9"):
        token.write_text(text)
        with pytest.raises(TokenFileError, match="not a token"):
            Webhook("http://127.0.0.1:9/", token)
