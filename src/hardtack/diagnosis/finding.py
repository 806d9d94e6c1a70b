"""One thing that stands in the way, and where to look for such things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hardtack.kernel.tcp import OPTIONS, USUAL_SCALE

Role = Literal["front", "inside", "agent"]


@dataclass(frozen=True)
class Site:
    """An interface, and what is to be at work there.

    `ports`: those where clients come with cookies; empty: all, or not known. `cookies`: whether any do.
    `options`, `scale`: the TCP options and the window scale that clients of a host there are promised.
    `supposed`: somebody asks what would be there; perhaps nothing ever is.
    """

    role: Role
    interface: str
    ports: frozenset[int] = frozenset()
    options: frozenset[str] = frozenset(OPTIONS)
    scale: int = USUAL_SCALE
    supposed: bool = False
    cookies: bool = True


@dataclass(frozen=True)
class Finding:
    """`name` is a word for scripts; `what` says thing and place, `remedy` what to do about it, each without a full stop.

    `fatal`: nobody would be served; front and agent refuse to start.
    """

    name: str
    what: str
    remedy: str
    fatal: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"
