"""The control socket of a front: one request a connection, one answer, a line of JSON each (docs/control-socket.md).

    {"version": 1, "verb": "reload"}        and what belongs to the verb

Only root gets at it: folder and socket are root's. Nevertheless nobody can hold up the front: requests are short, few at a
time, and whoever is slow is left.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardtack.kernel.lock import have_private

VERSION = 1
LONGEST_REQUEST = 4096  # bytes
MOST_CALLERS, BACKLOG = 16, 128
PATIENCE = 5.0  # s for a request to come, and for an answer to be taken
WAITING = 120.0  # s for what was asked to be done: longer than a reading may take

Facts = dict[str, Any]
Verb = Callable[[Facts, Callable[[Facts], None]], None]  # given a request, and to whom to give the answer: now or later


@dataclass
class Caller:
    """Somebody who has connected, until `due`: monotonic s."""

    line: socket.socket
    due: float
    request: bytes = b""
    answer: bytes = b""
    heard: bool = field(default=False)


class Reception:
    """Takes requests. To be made with the right to make the socket; then none is needed. `facts`: in each answer."""

    def __init__(self, path: Path, facts: Facts, verbs: Mapping[str, Verb]) -> None:
        self._facts, self._verbs = {"version": VERSION, **facts}, verbs
        self._callers: dict[int, Caller] = {}
        self._socket = listening(path)
        self._news = select.epoll()
        self._news.register(self._socket, select.EPOLLIN)

    def fileno(self) -> int:
        """Readable when somebody wants something."""
        return self._news.fileno()

    def follow(self) -> None:
        """Take what has come, and hand over what can be taken."""
        for fd, _ in self._news.poll(0):
            if fd == self._socket.fileno():
                self._welcome()
            elif caller := self._callers.get(fd):
                self._attend(caller)

    def write(self) -> None:
        """Every second: leave whoever has taken too long."""
        for caller in [*self._callers.values()]:
            if time.monotonic() >= caller.due:
                self._leave(caller)

    def close(self) -> None:
        """Nobody is heard any more."""
        for caller in [*self._callers.values()]:
            self._leave(caller)
        self._news.close()
        self._socket.close()

    def __enter__(self) -> Reception:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _welcome(self) -> None:
        with suppress(OSError):
            line, _ = self._socket.accept()
            if len(self._callers) >= MOST_CALLERS:
                line.close()
                return
            line.setblocking(False)
            self._callers[line.fileno()] = Caller(line, time.monotonic() + PATIENCE)
            self._news.register(line, select.EPOLLIN)

    def _attend(self, caller: Caller) -> None:
        """Read on, or write on. Whoever has gone is left."""
        try:
            if caller.answer:
                self._send(caller)
            elif not caller.heard:
                self._hear(caller)
            else:  # nobody is there any more
                self._leave(caller)
        except BlockingIOError:
            return
        except OSError:
            self._leave(caller)

    def _hear(self, caller: Caller) -> None:
        got = caller.line.recv(LONGEST_REQUEST)
        caller.request += got
        if not got:
            self._leave(caller)
        elif b"\n" in caller.request or len(caller.request) >= LONGEST_REQUEST:
            caller.heard = True
            self._news.modify(caller.line, 0)  # nothing more is read; that he has gone is told all the same
            self._understand(caller)

    def _understand(self, caller: Caller) -> None:
        request = facts_in(caller.request)
        verb = self._verbs.get(str(request.get("verb")))
        if verb is None:
            words = ", ".join(self._verbs)
            wanted = f'write {{"version": {VERSION}, "verb": VERB}} and a newline; the verbs are: {words}'
            self._answer(caller, {"error": f"not a request: {wanted}"})
            return
        caller.due = time.monotonic() + WAITING
        verb(request, lambda answer: self._tell(caller, answer))

    def _tell(self, caller: Caller, answer: Facts) -> None:
        if self._callers.get(caller.line.fileno()) is caller:
            self._answer(caller, answer)

    def _answer(self, caller: Caller, facts: Facts) -> None:
        caller.answer = json.dumps({**self._facts, **facts}).encode() + b"\n"
        caller.due = time.monotonic() + PATIENCE
        self._news.modify(caller.line, select.EPOLLOUT)

    def _send(self, caller: Caller) -> None:
        caller.answer = caller.answer[caller.line.send(caller.answer) :]
        if not caller.answer:
            self._leave(caller)

    def _leave(self, caller: Caller) -> None:
        del self._callers[caller.line.fileno()]
        self._news.unregister(caller.line)
        caller.line.close()


def listening(path: Path) -> socket.socket:
    """A socket of our own there, in the place of one that a front before has left. OSError, Mistake."""
    have_private(path.parent)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    made.listen(BACKLOG)
    return made


def facts_in(request: bytes) -> Facts:
    """What a request says; nothing if it is none."""
    try:
        facts = json.loads(request.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) and facts.get("version") == VERSION else {}
