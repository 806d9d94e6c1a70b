"""A client that connects as Linux does, by a port that somebody had before: what comes of it."""

from __future__ import annotations

import select
from dataclasses import dataclass
from typing import Literal

from lab_ground import eventually
from naive.frames import ACK, PSH, RST

from handshake.former import AGAIN, Host
from handshake.raw import LOW_32
from handshake.returning import Client, is_syn_ack

SECOND = 1.0  # s until an unanswered SYN is sent again: RFC 6298 2.1
TRIES = 4
End = Literal["served", "reset", "refused", "unheard"]


@dataclass(frozen=True)
class Outcome:
    """How a client fared, and after how many SYNs."""

    end: End
    syns: int

    def is_worse_than(self, other: Outcome) -> bool:
        """Not served where the other was, or later."""
        return other.end == "served" and (self.end != "served" or self.syns > other.syns)


def arrive(client: Client, host: Host) -> Outcome:
    """Connect, and have a word with the server.

    Whatever acknowledges something else is told so, and the SYN follows at once: RFC 9293 3.10.7.3.
    """
    for syns in range(1, TRIES + 1):
        before = len(client.heard())
        client.wire.send(client.request())
        if not eventually(lambda before=before: len(client.heard()) > before, SECOND):  # type: ignore[misc]
            continue
        answer = client.heard()[before]
        if answer.ack != (client.isn + 1) & LOW_32:
            client.wire.send(client.frame(RST, seq=answer.ack, ack=0, carried=b""))
        elif answer.is_reset:
            return Outcome("refused", syns)
        elif is_syn_ack(answer):
            client.take(answer)
            return Outcome(have_a_word(client, host), syns)
    return Outcome("unheard", TRIES)


def have_a_word(client: Client, host: Host) -> End:
    """What the connection is good for."""
    before = len(client.heard())

    def is_reset() -> bool:
        return any(heard.is_reset for heard in client.heard()[before:])

    client.speak(ACK)
    client.speak(ACK | PSH, AGAIN)
    eventually(lambda: is_reset() or bool(select.select([host.listener], [], [], 0)[0]), SECOND)
    if is_reset():
        return "reset"
    if not select.select([host.listener], [], [], 0)[0]:
        return "unheard"
    host.accepted(client).sendall(AGAIN)
    client.hear(lambda heard: heard.payload == AGAIN)
    return "served"
