"""nginx and curl, which know nothing of all this; and the ports that are nobody's business."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path

import pytest

from handshake.stage import ADDRESSES, HTTP, PATIENCE, SECOND_ADDRESSES, UNPROTECTED, Stage
from hardtack.lab.clients import curl
from hardtack.lab.servers import BIG, SMALL, bracketed, nginx_program
from hardtack.lab.talker import pattern
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.skipif(not nginx_program(), reason="nginx is not installed")

LARGEST_BODY = 1_000_000  # bytes that nginx takes


@pytest.mark.parametrize(("page", "size"), [("small", SMALL), ("big", BIG)])
def test_curl_fetches(stage: Stage, version: int, page: str, size: int) -> None:
    with stage.counting() as seen:
        got = curl(stage.net.client, f"http://{bracketed(ADDRESSES[version])}/{page}", timeout=PATIENCE)
    assert (got.status, got.error, got.body == pattern(size)) == (200, "", True)
    assert seen.cookies() == (1, 1, 0)


def test_curl_sends_a_body(stage: Stage, version: int, tmp_path: Path) -> None:
    """nginx answers only once it has read all of it."""
    body = tmp_path / "body"
    body.write_bytes(pattern(LARGEST_BODY))
    url = f"http://{bracketed(ADDRESSES[version])}/small"
    got = curl(stage.net.client, url, "-X", "GET", "--data-binary", f"@{body}", timeout=PATIENCE)
    assert (got.status, got.error, got.body == pattern(SMALL)) == (200, "", True)


def test_hundreds_of_requests_on_one_connection(stage: Stage, version: int) -> None:
    with stage.counting() as seen:
        http = HTTPConnection(ADDRESSES[version])
        http.sock = stage.connect(version, HTTP)
        for _ in range(300):
            http.request("GET", "/small")
            answer = http.getresponse()
            assert (answer.status, answer.read()) == (200, pattern(SMALL))
        http.close()
    assert seen.cookies() == (1, 1, 0)


def test_hundreds_of_connections_one_after_the_other(stage: Stage, version: int) -> None:
    with stage.counting() as seen:
        for _ in range(200):
            http = HTTPConnection(ADDRESSES[version])
            http.sock = stage.connect(version, HTTP)
            http.request("GET", "/small")
            assert http.getresponse().read() == pattern(SMALL)
            http.close()
    assert seen.cookies() == (200, 200, 0)


def test_an_unprotected_port_is_the_kernels(stage: Stage, version: int) -> None:
    with stage.counting() as seen, stage.events() as events:
        got = curl(stage.net.client, f"http://{bracketed(ADDRESSES[version])}:{UNPROTECTED}/big", timeout=PATIENCE)
    assert (got.status, got.error, got.body == pattern(BIG)) == (200, "", True)
    assert seen.cookies() == (0, 0, 0)
    assert seen.front[Reason.other_port] > 0
    assert events["TcpPassiveOpens"] == 1


@pytest.mark.parametrize("port", [HTTP, UNPROTECTED])
def test_with_ports_left_out_all_are_protected(stage: Stage, version: int, port: int) -> None:
    with stage.counting() as seen:
        got = curl(stage.net.client, f"http://{bracketed(SECOND_ADDRESSES[version])}:{port}/small", timeout=PATIENCE)
    assert (got.status, got.error, got.body == pattern(SMALL)) == (200, "", True)
    assert seen.cookies() == (1, 1, 0)
