"""Handshakes that are none of the front's: clients of the server's own machine, and what the kernel does by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handshake.stage import ADDRESSES, PATIENCE, SPARE, TALK, UNPROTECTED, Stage
from hardtack.lab.clients import curl, download, server_socket
from hardtack.lab.servers import bracketed, talker
from hardtack.packet.reasons import Reason

PORT = SPARE[9]


@pytest.fixture(params=[0, 1, 2], ids=["no cookies", "cookies at need", "cookies always"])
def syncookies(request: pytest.FixtureRequest, stage: Stage) -> Iterator[int]:
    """net.ipv4.tcp_syncookies on the server."""
    before = stage.net.server.read_sysctl("net.ipv4.tcp_syncookies")
    stage.net.server.sysctl("net.ipv4.tcp_syncookies", request.param)
    yield int(request.param)
    stage.net.server.sysctl("net.ipv4.tcp_syncookies", before)


def test_from_the_server_itself(stage: Stage, version: int, syncookies: int) -> None:
    with stage.counting() as seen, stage.events() as events:
        facts = server_socket(stage.net.server, ADDRESSES[version], TALK, timeout=PATIENCE)
        download(stage.net.server, ADDRESSES[version], TALK, 1_000_000, timeout=PATIENCE)
    assert facts["timestamps"] and facts["sack"]
    assert seen.cookies() == (0, 0, 0)
    assert events["TcpPassiveOpens"] == 2
    assert events["TcpExtSyncookiesSent"] == (2 if syncookies == 2 else 0)


def test_from_the_fronts_machine(stage: Stage, version: int, syncookies: int) -> None:
    """It comes by the agent's interface, but not by the front: the kernel's own cookie is not the agent's business."""
    with stage.counting() as seen, stage.events() as events:
        facts = server_socket(stage.net.front, ADDRESSES[version], TALK, timeout=PATIENCE)
    assert facts["timestamps"] and facts["sack"]
    assert seen.cookies()[:2] == (0, 0)
    assert events["TcpPassiveOpens"] == 1
    made = 2 * (syncookies == 2)
    assert (events["TcpExtSyncookiesSent"], events["TcpExtSyncookiesRecv"]) == (made // 2, made // 2)
    if syncookies == 2 and not stage.net.is_local:
        assert seen.agent[Reason.bad_cookie] == 1, "the agent has looked, and passed it on"


def test_an_unprotected_port_with_the_kernels_own_cookies(stage: Stage, version: int, syncookies: int) -> None:
    with stage.counting() as seen, stage.events() as events:
        got = curl(stage.net.client, f"http://{bracketed(ADDRESSES[version])}:{UNPROTECTED}/small", timeout=PATIENCE)
    assert (got.status, got.error) == (200, "")
    assert seen.cookies()[:2] == (0, 0)
    assert events["TcpExtSyncookiesSent"] == (1 if syncookies == 2 else 0)


def test_a_protected_port(stage: Stage, version: int, syncookies: int) -> None:
    if not syncookies:  # the agent says so at its start: see test_refusals
        with pytest.raises(ConnectionResetError):
            server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)
        return
    with stage.counting() as seen, stage.events() as events:
        assert server_socket(stage.net.client, ADDRESSES[version], TALK, timeout=PATIENCE)["sack"]
    assert seen.cookies() == (1, 1, 0)
    assert events["TcpExtSyncookiesSent"] == 0


def test_connections_that_the_server_opens(stage: Stage, version: int) -> None:
    """Their SYN goes out, and what comes back in is a SYN with ACK: not judged."""
    address = stage.client_address(version)
    with talker(stage.net.client, [address], [PORT]), stage.counting() as seen:
        facts = server_socket(stage.net.server, address, PORT, timeout=PATIENCE)
        download(stage.net.server, address, PORT, 1_000_000, timeout=PATIENCE)
    assert facts["timestamps"] and facts["sack"]
    assert seen.cookies() == (0, 0, 0)
    assert seen.agent[Reason.known] > 0
