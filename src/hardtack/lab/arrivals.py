"""What reaches a host: packets counted by nftables before anything else there looks at them, fragments one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from hardtack.lab.namespaces import LabError, Namespace
from hardtack.lab.packets.recipe import FLOOD_4, FLOOD_6
from hardtack.lab.process import run

TABLE = "hardtack_lab"
BEFORE_DEFRAGMENTATION = -450  # NF_IP_PRI_CONNTRACK_DEFRAG is -400
FLOODS = (str(FLOOD_4), str(FLOOD_6))


class Arrivals:
    """Counts packets that claim to come from some networks."""

    def __init__(self, host: Namespace) -> None:
        self.host = host

    def count(self) -> int:
        """How many have come so far, whatever became of them."""
        listed = json.loads(_nft(self.host, "-j", "list", "counters", "table", "inet", TABLE))["nftables"]
        return sum(entry["counter"]["packets"] for entry in listed if "counter" in entry)


@contextmanager
def counting_arrivals(host: Namespace, networks: Iterable[str] = FLOODS, only: str = "") -> Iterator[Arrivals]:
    """Count from now on, in a namespace where nobody else does; `only`: what nft matches besides. LabError without nft."""
    rules = [f"{'ip6' if ':' in network else 'ip'} saddr {network} {only} counter name came" for network in networks]
    chain = f"type filter hook prerouting priority {BEFORE_DEFRAGMENTATION};\n" + "\n".join(rules)
    _nft(host, f"table inet {TABLE} {{\n counter came {{ }}\n chain first {{\n {chain}\n }}\n}}\n")
    try:
        yield Arrivals(host)
    finally:
        _nft(host, "delete", "table", "inet", TABLE)


def _nft(inside: Namespace, *words: str) -> bytes:
    done = run(["nft", *words], inside)
    if done.returncode:
        raise LabError(f"nft: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
