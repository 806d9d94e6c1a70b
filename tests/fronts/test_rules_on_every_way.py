"""Rules before and behind the handshake, on every way to a host, acting and in a dry run, with real kernels at both ends.

All come by one reload, and go by another.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from handshake.counted import counts
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually

from fronts.datagrams import MANY, delivered
from fronts.running import Value, counting
from fronts.town import WAYS, Town, Way
from hardtack.lab.clients import connect, download, ping, server_socket, upload
from hardtack.packet.reasons import Reason

DROPPED, PLAIN, LIMITED = 9000, 9001, 9010  # ports of datagrams; each test has a limit of its own
PASSED, SHUT = 21_000, 21_010  # ports of clients, and those behind: none that the kernel gives to anybody
BAD = b"bad!"  # what no segment may begin with: behind 12 bytes of options in IPv6, where libpcap does not count them
COMMON = [f"drop udp and dst port {DROPPED}", f"drop tcp[((tcp[12] & 0xf0) >> 2):4] = {int.from_bytes(BAD):#x}"]
RULES = [
    "pass icmp or icmp6",
    *(f"limit 1/s udp and dst port {LIMITED + number}" for number in range(4)),
    f"pass tcp and src portrange {PASSED}-{PASSED + 9}",
    f"drop tcp and src portrange {SHUT}-{SHUT + 9}",
    f"drop ip6[6] = 6 and ip6[72:4] = {int.from_bytes(BAD):#x}",
    "limit 1M/s tcp and dst portrange 1-1000",
]
SIZE = 300_000  # bytes
STRAYS = (Reason.stray_ack, Reason.stray_data, Reason.stray_fin, Reason.stray_rst)


@pytest.fixture(scope="module", params=[False, True], ids=["acting", "dry run"])
def is_dry(place: Town, request: pytest.FixtureRequest) -> Iterator[bool]:
    """All hosts have rules, and perhaps a dry run of them."""
    rules: dict[str, Value] = {"rules": RULES, "dry_run": request.param}
    place.reload(rules, rules=COMMON)
    yield request.param
    place.reload({})


@pytest.fixture(params=WAYS)
def way(place: Town, request: pytest.FixtureRequest, version: int) -> Way:
    """Each way, by each IP version."""
    return place.way(request.param, version)


def test_datagrams(place: Town, is_dry: bool, way: Way, version: int) -> None:
    """The first rule that matches holds; what none matches goes by the host's default."""
    client, drops, limited = place.site.client, way.name == "mac", LIMITED + 2 * is_dry + (version == 6)
    with counting(way.outside) as seen:
        arrived = [delivered(client, way.host, way.address, port) for port in (DROPPED, limited, PLAIN)]
    within = seen[Reason.rule_within]
    assert 1 <= within < MANY and seen[Reason.rule_limit] == MANY - within
    assert arrived == ([MANY, MANY, MANY] if is_dry else [0, within, 0 if drops else MANY])
    assert (seen[Reason.rule_drop], seen[Reason.default_drop]) == (MANY, MANY if drops else 0)
    assert seen[Reason.rule_pass] >= 3, "pings"


def test_connections(place: Town, is_dry: bool, way: Way) -> None:
    """Behind a limit that is not reached. In a dry run the host answers its SYNs itself, and the front learns from that."""
    client = place.site.client
    with counting(way.outside) as seen:
        facts = server_socket(client, way.address, TALK, timeout=PATIENCE)
        upload(client, way.address, TALK, SIZE, timeout=PATIENCE)
        download(client, way.address, TALK, SIZE, timeout=PATIENCE)
    assert facts["timestamps"] and facts["sack"] and facts["window_scaling"]
    assert (seen[Reason.answered], seen[Reason.remembered], seen[Reason.taught]) == ((3, 0, 3) if is_dry else (3, 3, 0))
    assert seen[Reason.connection] > 0 and not any(seen[reason] for reason in STRAYS)


def test_what_passes_is_not_judged(place: Town, is_dry: bool, way: Way) -> None:
    """The host makes the connection itself."""
    with counting(way.outside) as seen:
        facts = server_socket(place.site.client, way.address, TALK, source_port=PASSED + is_dry, timeout=PATIENCE)
    assert facts["timestamps"] and seen[Reason.rule_pass] >= 3
    assert not any(seen[reason] for reason in (Reason.answered, Reason.remembered, Reason.connection))


def test_a_syn_that_is_dropped(place: Town, is_dry: bool, way: Way) -> None:
    before = counts(way.outside)[Reason.rule_drop]
    with counting(way.outside) as seen, place.site.client.call(calling, way.address, SHUT + is_dry) as line:
        assert eventually(lambda: counts(way.outside)[Reason.rule_drop] > before)
        assert ping(place.site.client, way.address)  # behind it, and what it has been answered
        assert eventually(lambda: is_connected(line)) if is_dry else not is_connected(line)
    assert seen[Reason.answered] == 0


def calling(address: str, port: int) -> socket.socket:
    """Someone who has begun to connect from a port."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", port))
    made.connect_ex((address, TALK))
    return made


def is_connected(line: socket.socket) -> bool:
    """Whether it has been answered."""
    try:
        return bool(line.getpeername())
    except OSError:
        return False


def test_data_that_are_dropped(place: Town, is_dry: bool, way: Way) -> None:
    """Of a connection that is known, they come again and again; what else comes of it goes on."""
    before = counts(way.outside)[Reason.rule_drop]
    with connect(place.site.client, way.address, TALK, timeout=PATIENCE) as line:
        line.sendall(b"echo\ngood")
        assert line.recv(4, socket.MSG_WAITALL) == b"good"
        line.sendall(BAD)
        assert eventually(lambda: counts(way.outside)[Reason.rule_drop] > before + (not is_dry))
        line.setblocking(is_dry)
        if is_dry:
            assert line.recv(4, socket.MSG_WAITALL) == BAD
        else:
            with pytest.raises(BlockingIOError):
                line.recv(4)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no more of them
