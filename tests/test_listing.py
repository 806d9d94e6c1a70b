"""`hardtack connections`: which are found, in which order, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_ground import needs_root
from pinned_ground import Ground, front, pinned_root, words

from hardtack.cli import lines
from hardtack.control import listing, proven_listing
from hardtack.control.listing import Wanted
from hardtack.control.pinned import NothingHere
from hardtack.control.search import Found, SearchError, network, search, search_sources
from hardtack.packet.layout import (
    ASKED,
    AWAITED,
    BY_COOKIE,
    BY_GRACE,
    BY_HOST,
    BY_SEED,
    BY_SYN,
    CLIENT_FIN,
    HALF_OPEN,
    HOST_FIN,
    HOST_SEEN,
    NUMBERED,
    Connection,
)

WEB, WEB6, MAIL = ("192.0.2.10", 80), ("2001:db8::10", 443), ("192.0.2.25", 25)
OVER = CLIENT_FIN | HOST_FIN


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pinned_root(tmp_path_factory.mktemp("connections")) as path:
        yield path


@pytest.fixture(scope="module")
def ground(root: Path) -> Iterator[Ground]:
    """Eight connections; the ports of the clients tell them apart."""
    with front(root) as made:
        made.connect(0, ("198.51.100.1", 1001), WEB, age=90, idle=30)
        made.connect(8, ("198.51.100.2", 1002), WEB, age=4000, idle=2, state=HOST_SEEN, origin=BY_GRACE)
        made.connect(9, ("198.51.101.1", 1003), MAIL, 2, age=10, idle=10, state=CLIENT_FIN)
        made.connect(31, ("2001:db8:1::2", 1004), WEB6, age=300000, idle=200000)
        made.connect(94, ("2001:db8:2::2", 1005), WEB6, age=5, idle=0.5, state=OVER)
        made.connect(95, ("203.0.113.9", 1006), MAIL, 2, age=1, idle=1, origin=BY_HOST)
        made.connect(40, ("192.0.2.200", 1007), MAIL, 2, age=70, idle=60, state=AWAITED)
        made.connect(41, ("192.0.2.201", 1008), MAIL, 2, age=71, idle=61, state=ASKED, origin=BY_HOST)
        yield made


def ports(found: list[Found]) -> list[int]:
    return [row["client_port"] for one in found for row in one.told(None)]


@needs_root
@pytest.mark.parametrize(
    ("wanted", "host", "expected"),
    [
        (Wanted(), None, [1005, 1006, 1002, 1003, 1001, 1007, 1008, 1004]),
        (Wanted(), "mail", [1006, 1003, 1007, 1008]),
        (Wanted(client=ip_network("198.51.100.2")), None, [1002]),
        (Wanted(client=ip_network("198.51.100.0/24")), None, [1002, 1001]),
        (Wanted(client=ip_network("198.51.100.0/23")), None, [1002, 1003, 1001]),
        (Wanted(client=ip_network("0.0.0.0/0")), None, [1006, 1002, 1003, 1001, 1007, 1008]),
        (Wanted(client=ip_network("::/0")), None, [1005, 1006, 1002, 1003, 1001, 1007, 1008, 1004]),
        (Wanted(client=ip_network("2001:db8:1::/48")), None, [1004]),
        (Wanted(client=ip_network("2001:db8::/30")), None, [1005, 1004]),
        (Wanted(port=443), None, [1005, 1004]),
        (Wanted(port=20480), None, []),  # 80, its bytes the other way round
        (Wanted(state="closing"), None, [1005]),
        (Wanted(state="established", origin="cookie"), None, [1003, 1001, 1004]),
        (Wanted(origin="grace"), None, [1002]),
        (Wanted(state="unconfirmed"), None, [1007]),
        (Wanted(state="asked"), None, [1008]),
        (Wanted(origin="host", port=25), "mail", [1006, 1008]),
    ],
)
def test_filters_add_up_and_the_newest_are_first(
    ground: Ground, root: Path, wanted: Wanted, host: str | None, expected: list[int]
) -> None:
    found = search(wanted, None, host, root)
    assert ports(found) == expected
    assert sum(one.known for one in found) == 8


@needs_root
def test_json_lines(ground: Ground, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines.tell(search(Wanted(), "lo", None, root), 2, as_json=True)
    out, err = capsys.readouterr()
    first, second = map(json.loads, out.splitlines())
    assert list(first) == [
        *("interface", "client", "client_port", "host", "address", "port"),
        *("state", "origin", "age_seconds", "idle_seconds"),
    ]
    ends = ["2001:db8:2::2", 1005, "web", "2001:db8::10", 443]
    assert [first[key] for key in list(first)[:8]] == ["lo", *ends, "closing", "cookie"]
    assert 5 <= first["age_seconds"] < 100 and 0.5 <= first["idle_seconds"] < 96
    assert (second["host"], second["address"], second["origin"]) == ("mail", "192.0.2.25", "host")
    assert err == "2 shown, 8 match, 8 known\n"


@needs_root
def test_columns(ground: Ground, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines.tell(search(Wanted(client=ip_network("2001:db8::/30")), None, None, root), None, as_json=False)
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["client", "host", "address", "state", "origin", "age", "idle"]
    assert rows[1][:5] == ["[2001:db8:2::2]:1005", "web", "[2001:db8::10]:443", "closing", "cookie"]
    assert rows[2][5:] == ["3d11h", "2d07h"]
    assert err == "2 shown, 2 match, 8 known\n"


@needs_root
def test_sources_are_listed(ground: Ground, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    any_source, waiting = proven_listing.Wanted(), proven_listing.Wanted(waiting=True)
    assert [(one.interface, one.known) for one in search_sources(any_source, None, root)] == [("lo", 0)]  # no such table
    with front(root, "mock1", hosts=["db"]) as other:
        other.prove(3, "198.51.100.7", idle=4, allowance=9, half_open=2)
        other.prove(30, "2001:db8::7", lost=3)
        lines.tell(search_sources(any_source, "mock1", root), None, False, lines.SOURCES)
        out, err = capsys.readouterr()
        headings, *rows = [line.split() for line in out.splitlines()]
        assert headings == ["source", "allowance", "half-open", "idle", "waits", "lost"]
        assert [rows[0][:3], rows[0][5], rows[1][:3]] == [["2001:db8::7", "0", "0"], "3", ["198.51.100.7", "7", "0"]]
        assert rows[0][4] in ("10s", "8.2s") and rows[1][4] == "-" and err == "2 shown, 2 match, 2 known\n"
        lines.tell(search_sources(waiting, None, root), 9, True, lines.SOURCES)
        (told,) = map(json.loads, capsys.readouterr().out.splitlines())
        keys = ["interface", "source", "allowance", "half_open", "idle_seconds", "waits_seconds", "lost"]
        assert list(told) == keys and (told["interface"], told["source"]) == ("mock1", "2001:db8::7")


@needs_root
def test_what_cannot_be_asked(ground: Ground, root: Path) -> None:
    with pytest.raises(SearchError, match="no host wbe here; there are: web, mail"):
        search(Wanted(), None, "wbe", root)
    with pytest.raises(NothingHere, match="no front is attached to eth9; there is one on lo"):
        search(Wanted(), "eth9", None, root)
    with pytest.raises(SearchError, match=r"198.51.100: not an address or a network; write one as 198.51.100.7 or"):
        network("198.51.100")
    assert network("198.51.100.7/24") == ip_network("198.51.100.0/24")


@needs_root
def test_fronts_are_told_one_after_another(ground: Ground, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with front(root, "mock0", hosts=["db"]) as other:
        other.connect(7, ("198.51.100.7", 1007), ("192.0.2.30", 5432), idle=0)
        assert ports(search(Wanted(), None, "db", root)) == [1007]
        lines.tell(search(Wanted(), None, None, root), 9, as_json=True)
    told = [json.loads(line)["interface"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["lo"] * 8 + ["mock0"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0.0s"), (0.34, "0.3s"), (12.6, "13s"), (61, "1m01s"), (3599, "59m59s"), (7500, "2h05m"), (273600, "3d04h")],
)
def test_durations(seconds: float, told: str) -> None:
    assert lines.lasting(seconds) == told


def test_a_host_that_has_gone_has_no_name() -> None:
    assert [listing.name_of(number, ["web"]) for number in (0, 1, 2)] == ["", "web", "host 2"]


@pytest.mark.parametrize(
    ("state", "origin", "told"),
    [
        (0, BY_COOKIE, "established"),  # of a host that is not heard
        (AWAITED | NUMBERED, BY_COOKIE, "unconfirmed"),
        (AWAITED | CLIENT_FIN, BY_COOKIE, "unconfirmed"),
        (AWAITED | OVER, BY_COOKIE, "closing"),
        (0, BY_GRACE, "unconfirmed"),
        (HOST_SEEN, BY_GRACE, "established"),
        (ASKED, BY_HOST, "asked"),
        (HALF_OPEN | AWAITED, BY_SYN, "half-open"),
        (HALF_OPEN | HOST_SEEN | NUMBERED, BY_SYN, "half-open"),
        (HOST_SEEN | NUMBERED, BY_SYN, "established"),
        (0, BY_SEED, "unconfirmed"),
        (HOST_SEEN, BY_SEED, "established"),
        (HOST_SEEN | NUMBERED, BY_HOST, "established"),
    ],
)
def test_states(state: int, origin: int, told: str) -> None:
    rows = np.zeros(1, Connection)
    rows["state"], rows["origin"] = state, origin
    assert [row["state"] for row in listing.told(rows, 0, [])] == [told]
    assert [name for name, count in listing.count(rows)[1].items() if count] == [told]


def test_times_wrap_and_never_run_backwards() -> None:
    now = (7 << 32) + 1000
    stamps = np.array([1000, 500, 1500, 2**32 - 1, (1 << 31) + 1000], "u4")
    assert listing.since(stamps, now).tolist() == [0, 500, 0, 1001, 1 << 31]


def test_a_million_are_searched_and_told() -> None:
    """With arrays: what takes a loop a minute takes these a second."""
    rows = np.zeros(1_000_000, Connection)
    rows["source_high"], rows["source_low"] = words("198.51.100.1")
    rows["seen"] = np.random.default_rng(1).permutation(len(rows))
    found = listing.newest_first(Wanted(client=ip_network("198.51.100.0/24")).among(rows), 1_000_000)
    assert found["seen"].tolist() == list(range(len(rows) - 1, -1, -1))
    first: dict[str, Any] = next(listing.told(found, 1_000_000, ["web"]))
    assert first["idle_seconds"] == 0.001
