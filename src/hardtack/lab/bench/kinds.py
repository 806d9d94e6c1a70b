"""The frames that are sent: SYNs, forged ACKs, segments of known connections. All contestants get the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hardtack.compiler.program import Source
from hardtack.lab import programs
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.packets.crowd import Crowd, crowd_for
from hardtack.lab.packets.order import recipe_for
from hardtack.lab.packets.recipe import SPARE, Options, Recipe, Target, frame_for

PORT = 80
ENDLESS = 2**63 - 1
VERSIONS = {4: "IPv4", 6: "IPv6"}
FEW, SOME, MANY = 10, 100_000, 1_000_000  # connections in the table; as many as a front has room for by default
CROWDS = (FEW, SOME, MANY)
TRAIN = 10  # segments: an initial window, RFC 6928


@dataclass(frozen=True)
class Kind:
    """One kind of frame. `crowd`: so many known connections are in the table, of which `talking` send segments (0: all),
    each drawn at random, `train` in a row.
    """

    name: str
    title: str
    version: int
    sends: Literal["syn", "ack", "known"]
    options: Options = "none"
    crowd: int = 0
    talking: int = 0
    train: int = 1

    @property
    def generator(self) -> Source:
        """The program that makes these frames."""
        return programs.SEGMENTS if self.sends == "known" else programs.FLOOD

    @property
    def record(self) -> np.dtype[np.void]:
        """Of what it is told, in its one table."""
        return Crowd if self.sends == "known" else Recipe

    def target(self, source_mac: bytes, next_mac: bytes) -> Target:
        """To the server's address of this IP version; known connections are those of the host that is reached directly."""
        whose = SECOND if self.sends == "known" else SERVER
        return Target(whose[0 if self.version == 4 else 1], PORT, source_mac, next_mac)

    def order(self, target: Target) -> bytes:
        """What the generator is told."""
        if self.sends == "known":
            return crowd_for(target, self.talking or self.crowd, self.train)
        return recipe_for(target, self.sends, self.options, limit=ENDLESS, rate=0)

    def frame(self, target: Target) -> bytes:
        """The frame, its random fields zero, as the generator wants it."""
        frame = frame_for(target, "syn" if self.sends == "syn" else "ack", self.options)
        return frame if self.sends == "known" else frame + bytes(SPARE)


IPV4 = Kind("ipv4", "SYN, IPv4, Linux's options", 4, "syn", "linux")
IPV4_BARE = Kind("ipv4-bare", "SYN, IPv4, no options", 4, "syn")
IPV6 = Kind("ipv6", "SYN, IPv6, Linux's options", 6, "syn", "linux")
IPV6_BARE = Kind("ipv6-bare", "SYN, IPv6, no options", 6, "syn")
SYNS = (IPV4, IPV4_BARE, IPV6, IPV6_BARE)

ACK_4, ACK_6 = (Kind(f"ack{v}", f"forged ACK, {VERSIONS[v]}", v, "ack") for v in VERSIONS)
ACKS = (ACK_4, ACK_6)
STRANGERS = (*SYNS, *ACKS)

KNOWN = tuple(
    Kind(f"known{v}-{crowd}", f"known, {crowd:,} in the table, {VERSIONS[v]}", v, "known", crowd=crowd, talking=FEW)
    for v in VERSIONS
    for crowd in CROWDS
)
# Each segment of another connection is the worst that can be: the machine waits for its memory, once or twice each
EVERY = tuple(
    replace(kind, name=f"{kind.name}-any", title=f"any of {kind.crowd:,} known, {VERSIONS[kind.version]}", talking=0)
    for kind in KNOWN
    if kind.crowd != FEW
)
# On a line they come in windows
TRAINS = tuple(
    replace(kind, name=f"{kind.name}-trains", title=f"{kind.title}, by {TRAIN}s", train=TRAIN)
    for kind in EVERY
    if kind.crowd == MANY
)
ALL = (*SYNS, *ACKS, *KNOWN, *EVERY, *TRAINS)

STEPPED = (IPV4, IPV6, *ACKS, *(kind for kind in KNOWN if kind.crowd == MANY))  # those that are shown step by step
