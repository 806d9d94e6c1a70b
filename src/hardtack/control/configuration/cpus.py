"""CPUs as people write them: [2, 3, "8-11"], as in Linux's lists of CPUs."""

from __future__ import annotations

import re
from typing import Any

from hardtack.control.configuration.lists import Fault, Faults, check_once, listed

LAST = 4095  # more no kernel has (CONFIG_NR_CPUS)
RANGE = re.compile(r"([0-9]{1,4})-([0-9]{1,4})", re.ASCII)


def read_cpus(values: Any) -> tuple[int, ...]:
    """Their numbers, in the order in which they are written. ValueError, Faults."""
    if values == "auto":
        return ()
    faults, found = list[Fault](), list[int]()
    for index, value in enumerate(listed(values)):
        try:
            found += read_some(value)
        except ValueError as error:
            faults.append((index, value, str(error)))
    if faults:
        raise Faults(faults)
    return check_once(tuple(found))


def read_some(value: Any) -> range:
    """One, or those of a range. ValueError."""
    ends = [value, value]
    if isinstance(value, str) and (match := RANGE.fullmatch(value)):
        ends = [int(one) for one in match.groups()]
    if any(type(one) is not int for one in ends):
        raise ValueError('which is neither a CPU\'s number nor a range such as "8-11"')
    first, last = ends
    if not 0 <= first <= last <= LAST:
        raise ValueError(f"which is not within 0-{LAST}" if first <= last else "whose ends are in the wrong order")
    return range(first, last + 1)
