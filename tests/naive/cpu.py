"""What each CPU has to itself: its shares of the budgets, and what it has seen of source prefixes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Share:
    """One CPU's part of a budget, in one window. All but the first three is about SYNs."""

    window: int = 0
    left: int = 0  # of what it has drawn, not yet spent
    tight: bool = False  # somebody was refused, and as much is wanted still
    wanted: int = 0
    spent: int = 0
    crowd: int = 0  # source prefixes seen, while it is tight
    fair: int = 0  # SYN-ACKs that each may have
    hosts: int = 0  # everybody's share: hosts that SYNs were for
    host_fair: int = 0
    cpus: int = 0  # everybody's share: CPUs that had SYNs in the window before


@dataclass
class Cell:
    """What is known of the source prefixes that share a cell; all times in seconds of `Moment.second`."""

    tag: int = 0  # of the prefix that brought a good cookie last
    proven: int = 0  # when
    window: int = 0  # the second that these four are of
    answered: int = 0
    failed: int = 0
    opened: int = 0  # with half of what was opened in the second before, and so on
    doubted: int = 0  # segments that may be wrong, of known connections, let through
    guessed: int = 0  # when too many cookies were none


@dataclass
class Asked:
    """A connection whose SYN was answered although its prefix had guessed: so many cookies of it are tried."""

    when: int = 0
    tries: int = 0


@dataclass
class Cpu:
    """All of it. Cells are by number; a crowd's cell is a window and a count."""

    shares: defaultdict[int | str, Share] = field(default_factory=lambda: defaultdict(Share))
    cells: defaultdict[int, Cell] = field(default_factory=lambda: defaultdict(Cell))
    asked: defaultdict[int, Asked] = field(default_factory=lambda: defaultdict(Asked))
    crowds: dict[int, tuple[int, int]] = field(default_factory=dict)
