"""The beginning of a live view: is there anything to look at?"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from hardtack.control.live.sight import AGENT, NO_HOST, look
from hardtack.control.live.watch import Watch
from hardtack.control.pinned import all_of, nothing
from hardtack.control.search import SearchError
from hardtack.kernel import pins
from hardtack.printable import listed


def watch(interfaces: Collection[str] = (), host: str | None = None, root: Path = pins.ROOT) -> Watch:
    """Of what is attached. NothingHere, SearchError: no such interface or host; else as `look`."""
    all_of(interfaces, root)
    sight = look(interfaces, root)
    if sight is None:
        raise nothing(None, root)
    names = [name for _, name in sight.rows if name not in (NO_HOST, AGENT)]
    if host is not None and host not in names:
        raise SearchError(f"no host {host} here; there are: {listed(names)}")
    return Watch(interfaces, host, root)
