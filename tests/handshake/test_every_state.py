"""Whoever comes back by a port is served as without hardtack, whatever the host still has of the last connection.

All states of RFC 9293 3.3.2 that a host's side can be left in. The last client is gone without a word; or its kernel resets
what it does not know; or it has acknowledged the host's FIN, and the front believes that, but the host has not heard it. The
next one has an ISN and a clock ahead or behind, or none. The judge is Linux alone, by the very same script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import pytest
from naive.frames import ACK, RST

from handshake.arriving import Outcome, arrive
from handshake.former import Host
from handshake.raw import wired
from handshake.returning import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    EARLIER,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LATER,
    SYN_RECEIVED,
    TIME_WAIT,
    TSVAL,
    Client,
)
from hardtack.lab import topology

# Of the host, and whether its server has closed the socket
STATES = {
    "syn-received": (SYN_RECEIVED, False),
    "established": (ESTABLISHED, False),
    "fin-wait-1": (FIN_WAIT_1, False),
    "fin-wait-1, left": (FIN_WAIT_1, True),
    "fin-wait-2": (FIN_WAIT_2, False),
    "fin-wait-2, left": (FIN_WAIT_2, True),
    "closing": (CLOSING, True),
    "close-wait": (CLOSE_WAIT, False),
    "last-ack": (LAST_ACK, True),
    "time-wait": (TIME_WAIT, True),
    "closed": (CLOSED, True),
}
# By how much the next connection's ISN and TSval are ahead of the last one's
NEXT = [(isn, tsval) for isn in (LATER, EARLIER) for tsval in (LATER, EARLIER, None)]


@dataclass(frozen=True)
class Case:
    """How the last connection was left."""

    name: str
    end: Literal["silent", "reset", "lost"]

    def __str__(self) -> str:
        return f"{self.name}, {self.end}"

    def play(self, host: Host) -> dict[str, Outcome]:
        """How each of the next fares."""
        return {f"isn {isn:+}, clock {tsval or 'none'}": arrive(self.next(host, isn, tsval), host) for isn, tsval in NEXT}

    def next(self, host: Host, isn: int, tsval: int | None) -> Client:
        """The last connection, its end, and who comes then."""
        state, left = STATES[self.name]
        old = host.last(state, None if tsval is None else TSVAL, left=left)
        if self.end == "reset":
            old.hear(lambda heard: heard.ack == old.seq)  # its kernel, which knows nothing of it, resets it by this number
            old.wire.send(old.frame(RST, ack=0, carried=b""))
        elif self.end == "lost":
            old.hear_end()
            old.wire.send(old.frame(ACK, b"?")[:-1] + b"!")  # its checksum is wrong, which the front leaves to the host
        return old.again(old.isn + isn, None if tsval is None or old.tsval is None else old.tsval + tsval)


CASES = [Case(name, "silent") for name in STATES] + [Case(name, "reset") for name in STATES]
CASES += [Case(name, "lost") for name in ("fin-wait-1", "fin-wait-1, left", "closing", "last-ack")]


@pytest.fixture(scope="module")
def alone() -> Iterator[Callable[[int, Case], dict[str, Outcome]]]:
    """What Linux makes of it alone: asked once, for both stages."""
    known: dict[tuple[int, Case], dict[str, Outcome]] = {}
    with topology.routed() as net:

        def outcomes(version: int, case: Case) -> dict[str, Outcome]:
            if (version, case) not in known:
                with ExitStack() as parts:
                    known[version, case] = case.play(Host(net, parts.enter_context(wired(net)), version, parts))
            return known[version, case]

        yield outcomes


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whoever_comes_back_fares_no_worse(
    host: Host, alone: Callable[[int, Case], dict[str, Outcome]], version: int, case: Case
) -> None:
    found, usual = case.play(host), alone(version, case)
    assert {next: (found[next], usual[next]) for next in usual if found[next].is_worse_than(usual[next])} == {}
