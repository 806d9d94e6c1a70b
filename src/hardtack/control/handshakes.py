"""Which handshake holds for each host now: one word of its record, which the packet program reads at the next SYN.

The configuration says which one a host has; an attack that begins or ends, a hand-over that fails, and people decide when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hardtack.control.numbers import Numbering
from hardtack.packet import layout
from hardtack.packet.layout import CHALLENGE, CONFIGURED_SHIFT, COOKIE, PASSING, TRIED, UNANSWERED

if TYPE_CHECKING:  # status reads hosts' words, and does not wait for pydantic
    from hardtack.control.configuration.schema import Config, Host

NAMED = {"agent": COOKIE, "challenge": CHALLENGE, "pass": PASSING}


@dataclass(frozen=True)
class Held:
    """What holds for a host. `protected`: its own handshake does, else it is as with `pass`.

    `failing`: hand-overs to it fail, and it answers its clients by itself, but for one in 128; `unanswered`: it answers
    nobody, so that no source is blamed for a handshake that does not end.
    """

    configured: int
    protected: bool
    failing: bool = False
    unanswered: bool = False

    @property
    def word(self) -> int:
        """Host.handshake."""
        holds = self.configured if self.protected and not self.failing else PASSING
        tried = TRIED if self.protected and self.failing else 0
        return holds | self.configured << CONFIGURED_SHIFT | tried | (UNANSWERED if self.unanswered else 0)


class Handshakes:
    """The words of a front's hosts; nobody else writes them."""

    def __init__(self, hosts: memoryview) -> None:
        """`hosts`: the memory of that table."""
        self._words = np.frombuffer(hosts, layout.Host)["handshake"]
        self._held: dict[int, Held] = {}

    def configure(self, config: Config, numbers: Numbering, protected: Mapping[int, bool]) -> None:
        """Have these hosts. `protected`: of those that are so only at times, by number, whether they are now.

        What else is known of a host stays.
        """
        held = {}
        for host in config.hosts:
            number, configured = numbers[host.name], NAMED[host.handshake]
            known = self._held.get(number, Held(configured, protected=True))
            held[number] = replace(known, configured=configured, protected=protected.get(number, not at_times(host)))
        self._held = held
        for number in held:
            self._write(number)

    def __getitem__(self, number: int) -> Held:
        """What holds for a host."""
        return self._held[number]

    def set(self, number: int, **changes: bool) -> None:
        """Have something else hold for it: fields of Held."""
        self._held[number] = replace(self._held[number], **changes)
        self._write(number)

    def _write(self, number: int) -> None:
        if int(self._words[number]) != self._held[number].word:
            self._words[number] = self._held[number].word


def at_times(host: Host) -> bool:
    """Whether a host is protected only while it is attacked."""
    return host.protect_when == "under-attack"
