"""Honest clients while floods go on, and what reaches the host of each: nothing. How fast is a matter of the bench.

Every kind of frame from random sources, both IP versions; then all kinds in turn from few sources, which have limits, and
where the front is the host itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

from handshake.stage import ADDRESSES, PATIENCE, TALK, Stage
from hardtack.lab.arrivals import counting_arrivals
from hardtack.lab.clients import download, server_socket
from hardtack.lab.counters import traffic
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import SINGLE, Kind, Target
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed: it counts what reaches the host")

REASONS: dict[Kind, Reason] = {
    "syn": Reason.answered,
    "ack": Reason.stray_ack,
    "rst": Reason.stray_rst,
    "fin": Reason.stray_fin,
    "syn-ack": Reason.stray_syn_ack,
    "null": Reason.null,
    "xmas": Reason.xmas,
    "data": Reason.stray_data,
    "first-fragment": Reason.first_fragment,
    "later-fragment": Reason.later_fragment,
}
INSTEAD: dict[Reason, tuple[Kind, ...]] = {  # what a source prefix cannot have beyond its limits
    Reason.prefix_cap: ("syn",),
    Reason.guess_limit: ("ack", "fin", "data"),
}
# Seen as they leave
OUTWARD = {Reason.outbound, Reason.outbound_first, Reason.outbound_refused, Reason.outbound_end, Reason.outbound_other}
OUTWARD |= {Reason.taught}
STRAGGLERS = 50  # ARP and the like as it leaves, and what came between reading one counter and the other
COUNT, RATE = 50_000, 100_000  # frames, frames a second
FEW = {4: ("198.18.7.0/24", "198.19.1.2"), 6: ("2001:db8:f100:7::/64", "2001:db8:f100::9")}

routed, local = (pytest.mark.parametrize("whole_stage", [name], indirect=True) for name in ("routed", "local"))


def survive(stage: Stage, version: int, kind: Kind, sources: str = "") -> None:
    """Honest clients work all the time, nothing reaches the host, and each frame is counted once, under its reason."""
    net, address = stage.net, ADDRESSES[version]
    target, requests = Target(address, TALK, net.near.mac, net.outside.mac), 0
    with counting_arrivals(net.server) as arrivals, stage.events() as events, stage.counting() as seen:
        before = traffic(net.near), traffic(net.outside)
        with flooding(net.near, target, seconds=60, kind=kind, count=COUNT, rate=RATE, sources=sources) as flood:
            while flood.process.returncode is None:
                assert server_socket(net.client, address, TALK, timeout=PATIENCE)["sack"]
                requests += 1
            flood.wait(PATIENCE)
        download(net.client, address, TALK, 1_000_000, timeout=PATIENCE)
        near, outside = traffic(net.near) - before[0], traffic(net.outside) - before[1]
        assert arrivals.count() == 0
    assert flood.frames == COUNT
    judged = sum(number for reason, number in seen.front.items() if reason not in OUTWARD)
    assert 0 <= judged - outside.received < STRAGGLERS, "each frame has one reason"
    kinds = SINGLE if kind == "mixed" else (kind,)
    for group in grouped(kinds):
        honest = requests + 1 if "syn" in group else 0
        number = sum(seen.front[reason] for reason in reasons_of(group)) - honest
        most = COUNT // len(kinds) * len(group)
        # A client's own first frames may be among those refused, where its prefix shares a cell with one that floods
        shared = STRAGGLERS if any({*group} <= {*limited} for limited in INSTEAD.values()) else 0
        elsewhere = seen.front[Reason.reopened] if "syn" in group else 0  # SYNs that the host was to judge: see below
        assert most - near.send_drops - elsewhere <= number <= most + shared
    for reason, limited in INSTEAD.items():
        assert seen.front[reason] > 0 or not (sources and set(limited) <= set(kinds))
    # Who comes back by a port whose last connection the front has not seen end, is for the host to judge, and to answer
    by_host = events["TcpPassiveOpens"] - seen.front[Reason.remembered]
    assert 0 <= by_host <= seen.front[Reason.reopened], "no connection without its handshake"
    assert events["TcpPassiveOpens"] == requests + 1 and seen.front[Reason.remembered] == seen.agent[Reason.admitted]
    assert events["TcpExtSyncookiesSent"] == seen.agent[Reason.bad_cookie] == 0


def grouped(kinds: Sequence[Kind]) -> list[tuple[Kind, ...]]:
    """Those that share a limit, together."""
    groups = {next((group for group in INSTEAD.values() if kind in group), (kind,)) for kind in kinds}
    return [tuple(kind for kind in group if kind in kinds) for group in groups]


def reasons_of(group: Sequence[Kind]) -> list[Reason]:
    """What their frames are counted under: each under its own, or all under the limit's."""
    return [REASONS[kind] for kind in group] + [reason for reason, limited in INSTEAD.items() if set(group) <= set(limited)]


@routed
@pytest.mark.parametrize("kind", SINGLE)
def test_of_every_kind(stage: Stage, version: int, kind: Kind) -> None:
    survive(stage, version, kind)


@routed
@pytest.mark.parametrize("few", [0, 1], ids=["one prefix", "one address"])
def test_mixed_from_few_sources(stage: Stage, version: int, few: int) -> None:
    survive(stage, version, "mixed", FEW[version][few])


@local
def test_mixed_where_the_front_is_the_host(stage: Stage, version: int) -> None:
    survive(stage, version, "mixed")
