"""What front and helper say to each other: messages over a socket pair, JSON each; what is large beside it, as memory."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from typing import Any

MOST = 1 << 16  # bytes of a message; more than that goes beside it


@dataclass(frozen=True)
class Message:
    """One of them. `content` is never shown: keys may be in it."""

    facts: dict[str, Any]
    content: bytes | None = None

    def __repr__(self) -> str:
        return f"Message({self.facts})"


class Line:
    """One end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def fileno(self) -> int:
        """Readable when there is a message, or the other end has gone."""
        return self._end.fileno()

    def send(self, facts: dict[str, Any], content: bytes | None = None) -> None:
        """OSError if the other end has gone."""
        message = json.dumps(facts).encode()
        if content is None:
            self._end.sendall(message)
            return
        memory = os.memfd_create("hardtack", os.MFD_CLOEXEC)
        try:
            with os.fdopen(memory, "wb", closefd=False) as file:
                file.write(content)
            socket.send_fds(self._end, [message], [memory])
        finally:
            os.close(memory)

    def receive(self) -> Message | None:
        """The next one; None if the other end has gone."""
        try:
            message, memory, _, _ = socket.recv_fds(self._end, MOST, 1)
        except ConnectionError:
            return None
        if not message:
            return None
        facts = json.loads(message)
        if not memory:
            return Message(facts)
        with os.fdopen(memory[0], "rb") as file:
            file.seek(0)
            return Message(facts, file.read())

    def close(self) -> None:
        """The other end hears of it."""
        self._end.close()


def pair() -> tuple[Line, Line]:
    """Both ends."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Line(one), Line(other)
