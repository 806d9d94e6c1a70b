"""The frames that are sent: SYNs of each IP version, with and without options. All contestants get the same."""

from __future__ import annotations

from dataclasses import dataclass

from hardtack.lab.addresses import SERVER
from hardtack.lab.packets.recipe import Options, Target, frame_for, recipe_for

PORT = 80
ENDLESS = 2**63 - 1


@dataclass(frozen=True)
class Kind:
    """One kind of SYN."""

    name: str
    title: str
    version: int
    options: Options

    def target(self, source_mac: bytes, next_mac: bytes) -> Target:
        """To the server's address of this IP version."""
        return Target(SERVER[0 if self.version == 4 else 1], PORT, source_mac, next_mac)

    def recipe(self, target: Target) -> bytes:
        """What the generator is told."""
        return recipe_for(target, "syn", self.options, limit=ENDLESS, rate=0)

    def frame(self, target: Target) -> bytes:
        """The frame, its random fields zero."""
        return frame_for(target, "syn", self.options)


IPV4 = Kind("ipv4", "IPv4, Linux's options", 4, "linux")
IPV4_BARE = Kind("ipv4-bare", "IPv4, no options", 4, "none")
IPV6 = Kind("ipv6", "IPv6, Linux's options", 6, "linux")
IPV6_BARE = Kind("ipv6-bare", "IPv6, no options", 6, "none")

ALL = (IPV4, IPV4_BARE, IPV6, IPV6_BARE)
