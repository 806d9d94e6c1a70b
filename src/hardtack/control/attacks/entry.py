"""What is known of attacks on a host: an entry of a pinned table, by Host.number.

`hardtack status` reads it, with or without a process; the next start goes on with it. No program does. The front's process
writes it every second, each word of 64 bits whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hardtack.control.pinned import Tables
from hardtack.image import MMAPABLE, Table
from hardtack.kernel.maps import Map

KINDS = ("syns", "unfinished", "strays")  # what is judged, each in a second, in this order everywhere
SYNS, UNFINISHED, STRAYS = range(len(KINDS))
Override = Literal["auto", "on", "off"]
AT_TIMES, ALWAYS = 1, 2
OVERRIDES: tuple[Override, ...] = ("auto", "on", "off")  # by number; "auto": as the detector says

# `usual`, `peak`: by KINDS, in a second; `peak` of the attack, or of the last one
Entry = np.dtype(
    [
        ("usual", "f8", (len(KINDS),)),
        ("peak", "f8", (len(KINDS),)),
        ("since", "f8"),  # unix time in s when the attack began; 0: there is none
        ("seen", "f8"),  # when it was seen last: monotonic s
        ("why", "u1"),  # bits, by KINDS: what has shown it
        ("override", "u1"),  # of OVERRIDES
        ("at_times", "u1"),  # 0: there is no such host; AT_TIMES: it is protected only under attack; ALWAYS
        ("reserved", "u1", (5,)),
    ],
    align=True,
)
ATTACKS = Table("attacks", "array", 4, Entry.itemsize, 64, MMAPABLE, f"{Entry.descr}")

Entries = npt.NDArray[np.void]


@dataclass(frozen=True)
class Attack:
    """How it stands with a host. `protected`: its own handshake holds. `when`: as the configuration says.

    `since`: unix time in seconds; None: there is no attack. `why`: of KINDS, what has shown it. `peak`, `usual`: by KINDS,
    in a second.
    """

    protected: bool
    override: Override
    since: float | None
    why: list[str]
    peak: dict[str, float]
    usual: dict[str, float]
    when: Literal["always", "under-attack"] = "under-attack"


def entries_of(table: Map) -> Entries:
    """All entries, as they are in the kernel."""
    return np.frombuffer(table.memory(), Entry, table.table.entries)


def is_protected(entries: Entries | np.void) -> npt.NDArray[np.bool_]:
    """Which hosts' own handshakes hold: as somebody has said, else as the detector has."""
    told, always = np.asarray(entries["override"]), np.asarray(entries["at_times"]) == ALWAYS
    seen = (told == OVERRIDES.index("auto")) & (entries["since"] > 0)
    return np.asarray(always | (told == OVERRIDES.index("on")) | seen)


def reasons(why: int) -> list[str]:
    """The KINDS of some bits."""
    return [kind for bit, kind in enumerate(KINDS) if why >> bit & 1]


def attack_in(entry: np.void) -> Attack | None:
    """What an entry says; None if it is no host's."""
    if not entry["at_times"]:
        return None
    since = float(entry["since"])
    return Attack(
        protected=bool(is_protected(entry)),
        override=OVERRIDES[int(entry["override"]) % len(OVERRIDES)],
        since=since or None,
        why=reasons(int(entry["why"])) if since else [],
        peak=by_kind(entry["peak"]) if since else {},
        usual=by_kind(entry["usual"]),
        when="always" if entry["at_times"] == ALWAYS else "under-attack",
    )


def attacks_in(tables: Tables) -> dict[str, Attack]:
    """Of a front as it is pinned, how it stands with each host, by name."""
    table = tables.get(ATTACKS)
    if table is None:
        return {}
    entries, names = entries_of(table), dict(enumerate(tables.hosts(), 1))
    told = {number: attack_in(entries[number]) for number in np.flatnonzero(entries["at_times"]).tolist()}
    return {names[number]: one for number, one in told.items() if one and names.get(number)}


def by_kind(rates: npt.NDArray[np.float64]) -> dict[str, float]:
    """Of KINDS, each rate."""
    return {kind: round(float(rate), 1) for kind, rate in zip(KINDS, rates, strict=True)}
