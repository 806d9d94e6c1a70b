"""What the connection table says of connections that were handed over, by good cookies: who was answered, and who was not.

A connection that its host has refused is known no more, but its record stays where it was until another takes the place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from hardtack.control.connections import Bytes, Chosen, Rows
from hardtack.control.handovers.judging import Handed
from hardtack.control.listing import since
from hardtack.packet.layout import BY_COOKIE, HOST_SEEN, MOST_HOSTS

Ages = npt.NDArray[np.int64]  # ms

NONE = 1 << 32  # ms; more than any age
HEARD_MORE = 500  # ms after which a client who says something has waited for an answer, and after which it should be here


def handed_over(rows: Rows, tags: Bytes, ages: Mapping[int, int], named: Collection[int], ms: int) -> dict[int, Handed]:
    """Of each host's number in `ages`: what became of those handed over in the last so many ms. `ms`: monotonic, now.

    `rows`, `tags`: of all places. `named`: hosts of which all protected ports are named; of others a refusal counts only on
    a port where somebody was answered, if there is any: behind the others nobody listens.
    """
    hosts = np.array(sorted(ages), np.uint16)
    asked = np.zeros(MOST_HOSTS + 1, bool)
    asked[hosts] = True
    places = np.flatnonzero((rows["origin"] == BY_COOKIE) & asked[rows["host"]])
    places = places[np.argsort(rows["host"][places], kind="stable")]
    rows, known = rows[places], tags.reshape(-1)[places] != 0
    starts, ends = (np.searchsorted(rows["host"], hosts, side) for side in ("left", "right"))
    return {
        number: judged(rows[start:end], known[start:end], ages[number], number in named, ms)
        for number, start, end in zip(hosts.tolist(), starts, ends, strict=True)
    }


def judged(rows: Rows, known: Chosen, age: int, named: bool, ms: int) -> Handed:
    """Of one host; `known`: whether each is in the table still."""
    answered = rows["state"] & HOST_SEEN != 0
    begun, seen = since(rows["begun"], ms).astype(np.int64), since(rows["seen"], ms).astype(np.int64)
    late, ports = begun < age, rows["ports"] >> 16
    served = np.full(1 << 16, named or not answered.any())
    served[ports[answered]] = True
    refused = late & ~answered & ~known & served[ports]
    unheeded = late & ~answered & known & (seen >= HEARD_MORE) & (begun - seen >= HEARD_MORE)
    good, bad = late & answered, refused | unheeded
    last_good, last_bad = youngest(begun[good]), youngest(begun[bad])
    failed = bad & (begun < last_good)
    first_refused = int(begun[refused].max(initial=0))
    return Handed(
        answered=int((good & (begun <= first_refused)).sum()),
        refused=int((refused & ~failed).sum()),
        failed=int(failed.sum()),
        failed_by_reset=int((failed & refused).sum()),
        latest=int((good & (begun < last_bad)).sum()),
        quiet=last_good,
    )


def youngest(ages: Ages) -> int:
    """The least age; of none, more than any."""
    return int(ages.min(initial=NONE))
