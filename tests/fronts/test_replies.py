"""A front is no reflector: SYN-ACKs have a budget, each refusal is counted, and one prefix cannot take it all.

In any case a prefix has a cap, unless somebody there has really opened a connection of late.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from handshake.counted import counts
from handshake.stage import HTTP, PATIENCE, TALK
from kernel_ground import one_cpu
from lab_ground import eventually

from fronts.running import Value, configuration, counting, front
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import server_socket
from hardtack.lab.counters import tcp_events, traffic
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Target
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

HOSTS_RATE, TOTAL_RATE = 1000, 2000  # SYN-ACKs a second
RATE = 50_000  # SYNs a second
REQUESTS = 40
WINDOW = 0.128  # s in which a budget is spent
ONE_PREFIX = {4: "198.18.7.0/24", 6: "2001:db8:f100:7::/64"}
SOMEBODY = {4: "198.18.7.9", 6: "2001:db8:f100:7::9"}  # who is really there
REFUSED = (Reason.host_limit, Reason.total_limit, Reason.prefix_limit, Reason.prefix_cap)
CAP = 1024  # SYN-ACKs that a prefix may have in 1.024 s
SPAN = 1.1  # s: all of such a span, and some more
FRAMES = 20_000

# Two fronts: one whose budgets are small, and no prefix has a cap; one with budgets for all, and the usual cap
few_replies = pytest.mark.parametrize(
    "net", [{"replies_per_second": TOTAL_RATE, "replies_per_prefix": 1_000_000}], indirect=True, ids=["few"]
)
usual_replies = pytest.mark.parametrize("net", [{}], indirect=True, ids=["usual"])


@pytest.fixture(scope="module")
def net(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A host with a budget of its own, and one that has only the front's; the front's settings are the parameter."""
    folder: Path = tmp_path_factory.mktemp("replies")
    with ExitStack() as parts:
        made = parts.enter_context(topology.local())
        parts.enter_context(attach(made.near, PASS))
        made.near.add_addresses(f"{SOMEBODY[4]}/32", f"{SOMEBODY[6]}/128")
        parts.enter_context(talker(made.server, SERVER + SECOND, [TALK]))
        hosts: list[dict[str, Value]] = [
            {"name": "frugal", "addresses": SERVER, "via": "local", "replies_per_second": HOSTS_RATE},
            {"name": "generous", "addresses": SECOND, "via": "local"},
        ]
        settings = configuration(folder, made.outside, hosts, **request.param)
        parts.enter_context(front(made.outside, settings))
        yield made


@few_replies
@pytest.mark.parametrize(
    ("addresses", "rate", "reason"),
    [(SERVER, HOSTS_RATE, Reason.host_limit), (SECOND, TOTAL_RATE, Reason.total_limit)],
    ids=["of the host", "of all"],
)
def test_the_limit_holds_and_one_prefix_cannot_take_it_all(
    net: Topology, version: int, addresses: tuple[str, str], rate: int, reason: Reason
) -> None:
    """The flood answers for itself: clients elsewhere hardly ever have to send a SYN again.

    Until the front has noticed, which takes it a window, the budget refuses; from then on the prefix's share does.
    """
    address, begun = addresses[version == 6], counts(net.outside)

    def prefix_answers() -> bool:
        so_far = counts(net.outside) - begun
        return so_far[Reason.prefix_limit] > so_far[reason] > 0

    with limited(net, address, rate, ONE_PREFIX[version]) as seen:
        before = tcp_events(net.client)["TcpRetransSegs"]
        for _ in range(REQUESTS):
            assert server_socket(net.client, address, TALK, timeout=PATIENCE)["sack"]
        assert tcp_events(net.client)["TcpRetransSegs"] - before < REQUESTS / 4
        assert eventually(prefix_answers, PATIENCE)
    assert seen[reason] > 0
    assert seen[Reason.prefix_limit] > seen[reason]


@few_replies
def test_the_limit_holds_against_a_flood_from_everywhere(net: Topology, version: int) -> None:
    """Nobody can be told from anybody else, so the honest have to try again like all."""
    with limited(net, SERVER[version == 6], HOSTS_RATE, "") as seen:
        before = counts(net.outside)[Reason.answered]
        assert eventually(lambda: counts(net.outside)[Reason.answered] - before > HOSTS_RATE / 4, PATIENCE)
    assert seen[Reason.host_limit] > 0


@usual_replies
def test_a_prefix_has_a_cap_until_it_brings_a_good_cookie(net: Topology, version: int) -> None:
    """However long the flood takes. All goes by one CPU, since each counts by itself, and knows who is real there."""
    address, prefix, began = SECOND[version == 6], ONE_PREFIX[version], time.monotonic()
    with one_cpu():
        seen, _ = flooded(net, address, prefix)
        assert 0 < seen[Reason.answered] <= (time.monotonic() - began) * CAP + 2 * CAP
        time.sleep(SPAN)  # were its SYN refused, it would be sent again by whichever CPU has the timer then
        assert server_socket(net.client, address, TALK, source=SOMEBODY[version], timeout=PATIENCE)["sack"]
        seen, lost = flooded(net, address, prefix)
    assert seen[Reason.answered] >= FRAMES - lost
    assert seen[Reason.prefix_cap] == 0


def flooded(net: Topology, address: str, prefix: str) -> tuple[Counter[Reason], int]:
    """What is counted of FRAMES SYNs from a prefix, and how many of them the link has lost."""
    target, before = Target(address, HTTP, net.near.mac, net.outside.mac), traffic(net.near).send_drops
    how: dict[str, Any] = {"count": FRAMES, "rate": RATE, "sources": prefix}
    with counting(net.outside) as seen, flooding(net.near, target, seconds=300, **how) as flood:
        flood.wait(PATIENCE)
    assert flood.frames == FRAMES
    return seen, traffic(net.near).send_drops - before


@contextmanager
def limited(net: Topology, address: str, rate: int, sources: str) -> Iterator[Counter[Reason]]:
    """More SYNs than may be answered; the block begins once some are refused for their prefix's sake.

    However long it takes: what counts is how many windows there have been.
    """
    target = Target(address, HTTP, net.near.mac, net.outside.mac)
    with counting(net.outside) as seen:
        before, began = traffic(net.near), time.monotonic()
        refused = counts(net.outside)[Reason.prefix_limit]
        with flooding(net.near, target, seconds=300, rate=RATE, sources=sources) as flood:
            assert eventually(lambda: counts(net.outside)[Reason.prefix_limit] > refused, PATIENCE)
            yield seen
        windows = (time.monotonic() - began) / WINDOW + 2
        near = traffic(net.near) - before
    assert 0 < seen[Reason.answered] <= windows * (rate * WINDOW + 1)
    assert seen[Reason.answered] <= near.received
    assert sum(seen[one] for one in (Reason.answered, *REFUSED)) >= flood.frames - near.send_drops
