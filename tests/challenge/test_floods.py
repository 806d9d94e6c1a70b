"""Floods while honest clients are served: what reaches a host that has no agent.

Spoofed; and by live hosts, which answer whatever they get as Linux does that knows nothing of it: by an RST, so that their
addresses are proven.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fronts.running import Value, counting
from handshake.counted import pinned
from handshake.firewall import lay
from handshake.stage import PATIENCE
from lab_ground import eventually

from challenge.conftest import Watched
from challenge.place import WAYS, told
from challenge.services import PLAIN, SERVICES
from hardtack.lab.arrivals import FLOODS, counting_arrivals
from hardtack.lab.clients import offer
from hardtack.lab.counters import HERE, tcp_events
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Kind, Target
from hardtack.packet.proven_tables import FIRST_ALLOWANCE, PROVEN_TAGS
from hardtack.packet.reasons import Reason

behind = pytest.mark.parametrize("served", ["behind"], indirect=True, scope="package")
everywhere = pytest.mark.parametrize("served", ["behind", "here"], indirect=True, scope="package")
COUNT, RATE = 40_000, 40_000  # frames, frames a second
LIVE, HOMES = "198.18.0.0/21", 2048  # of a crowd
STREET = "198.18.7.0/24"
ELSEWHERE = "198.19.0.0/16"  # where none of the floods before has left a connection that is half open
SYNS = "tcp flags & (syn | ack) == syn"
PERIOD = 2.048  # s: the shortest wait of who has lost his allowance, which doubles
SYN_RECEIVED = "03"
# Whom a challenge proves, and who then is deaf
DEAF = f"""
table inet deaf {{
    chain incoming {{
        type filter hook prerouting priority filter; ip daddr {LIVE} tcp flags & (syn | ack) == (syn | ack) drop;
    }}
}}
"""
STRAYS: dict[Kind, Reason] = {
    "ack": Reason.stray_ack,
    "rst": Reason.stray_rst,
    "fin": Reason.stray_fin,
    "data": Reason.stray_data,
    "syn-ack": Reason.stray_syn_ack,
}


@contextmanager
def flooded(
    at: Watched, kind: Kind = "syn", sources: str = "", networks: tuple[str, ...] = FLOODS, only: str = ""
) -> Iterator[Counter[str]]:
    """A whole flood, with honest clients all the time; how many frames "arrived" at the host, and were "asked" meanwhile."""
    net, told_of = at.place.net, Counter[str]()
    address = WAYS["local" if net.is_local else "kernel"][0]
    target = Target(address, PLAIN, net.near.mac, net.outside.mac)
    offer(net.client)
    with counting_arrivals(net.server, networks, only) as arrivals:
        with flooding(net.near, target, seconds=60, kind=kind, count=COUNT, rate=RATE, sources=sources) as flood:
            while flood.process.returncode is None:
                SERVICES["plain"].converse(net.client, address)
                told_of["asked"] += 1
            flood.wait(PATIENCE)
        assert flood.frames == COUNT
        told_of["arrived"] = arrivals.count()
    yield told_of


def half_open(at: Watched) -> int:
    """Connections that the host's kernel has asked to be acknowledged."""
    lines = at.place.net.server.call((HERE / "tcp").read_text).splitlines()[1:]
    return sum(line.split()[3] == SYN_RECEIVED for line in lines)


def proven(at: Watched) -> int:
    """Sources that the front remembers."""
    with pinned(at.place.net.outside, PROVEN_TAGS) as table:
        memory = bytes(table.memory())
        return len(memory) - memory.count(0)


@contextmanager
def having(at: Watched, host: dict[str, Value], **front: Value) -> Iterator[None]:
    """Other settings for a while."""
    at.place.reload(host, **front)
    try:
        yield
    finally:
        at.place.reload()


@contextmanager
def living(at: Watched) -> Iterator[None]:
    """The crowd's addresses are the client machine's."""
    told(at.place.net.client, "route", "add", "local", LIVE, "dev", "lo")
    at.place.forget_sources()
    try:
        yield
    finally:
        told(at.place.net.client, "route", "del", "local", LIVE, "dev", "lo")
        lay(at.place.net.client, "")


@everywhere
def test_of_spoofed_syns_nothing_arrives(served: Watched) -> None:
    with counting(served.place.net.outside) as seen, flooded(served) as told_of:
        pass
    assert told_of["arrived"] == 0 and told_of["asked"] > 0
    assert seen[Reason.challenged] > COUNT // 2 and seen[Reason.opened] == told_of["asked"]


@everywhere
def test_guessed_numbers_prove_nobody(served: Watched) -> None:
    before = proven(served)
    with counting(served.place.net.outside) as seen, flooded(served, "rst") as told_of:
        pass
    assert told_of["arrived"] == 0 and seen[Reason.stray_rst] > COUNT // 2
    assert proven(served) - before == seen[Reason.proof] <= 1, "the honest client, if it was forgotten"


@behind
@pytest.mark.parametrize("rules", ["", DEAF], ids=["that reset", "that are deaf then"])
def test_of_live_hosts_a_few_syns_arrive(served: Watched, rules: str) -> None:
    """Each address has four, which it loses; then it waits for a period, for two, and so on, and has four again."""
    began = time.monotonic()
    with living(served):
        lay(served.place.net.client, rules)
        with counting(served.place.net.outside) as seen, flooded(served, "syn", LIVE, (LIVE,), SYNS) as told_of:
            pass
        most = (1 + waits_in(time.monotonic() - began)) * HOMES * FIRST_ALLOWANCE
        assert HOMES < told_of["arrived"] - seen[Reason.reopened] <= most, seen  # those come again that are half open
        assert seen[Reason.proof] >= HOMES // 2 and seen[Reason.source_limit] + seen[Reason.source_waits] > COUNT // 4
        assert eventually(lambda: half_open(served) <= (most if rules else 0))


def waits_in(seconds: float) -> int:
    """How often a source may have waited to the end by then."""
    waits, wait = 0, PERIOD
    while seconds > wait:
        waits, seconds, wait = waits + 1, seconds - wait, 2 * wait
    return waits


@behind
@pytest.mark.parametrize("kind", STRAYS)
def test_what_belongs_to_no_connection_is_dropped_where_all_syns_pass(served: Watched, kind: Kind) -> None:
    with (
        having(served, {"handshake": "pass"}),
        counting(served.place.net.outside) as seen,
        flooded(served, kind, ELSEWHERE) as told_of,
    ):
        pass
    assert told_of["arrived"] == 0 and seen[STRAYS[kind]] > COUNT // 2
    assert seen[Reason.opened] == seen[Reason.established] == told_of["asked"]


@behind
@pytest.mark.parametrize("handshake", ["pass", "challenge"])
def test_the_hosts_limit_leaves_each_prefix_its_share(served: Watched, handshake: str) -> None:
    """Honest clients need not ask twice, though forty times as much is wanted as may pass. Live, if they must be."""
    limits: dict[str, Value] = {"handshake": handshake, "syns_per_second": 1000}
    client = served.place.net.client
    with living(served), having(served, limits, connections_per_prefix=1_000_000):
        began, before = time.monotonic(), tcp_events(client)["TcpExtTCPSynRetrans"]
        with counting(served.place.net.outside) as seen, flooded(served, "syn", STREET, (STREET,), SYNS) as told_of:
            pass
        assert told_of["arrived"] - seen[Reason.reopened] <= 1000 * (time.monotonic() - began + 1)
        assert seen[Reason.established] >= told_of["asked"] > 0
        if handshake == "pass":
            assert seen[Reason.prefix_limit] > COUNT // 2
            assert tcp_events(client)["TcpExtTCPSynRetrans"] - before < told_of["asked"] / 2
