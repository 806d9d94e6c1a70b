"""What goes through a connection made of a cookie comes out as it went in, both ways, much of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from naive.parse import Segment, parse

from handshake.stage import ADDRESSES, GREET, PATIENCE, TALK, Stage
from hardtack.lab.capture import capturing
from hardtack.lab.clients import download, offer, read_all, upload
from hardtack.lab.process import run
from hardtack.lab.talker import pattern

LARGE, MEDIUM = 50_000_000, 5_000_000  # bytes
OFFERS = {
    "as Linux": {},
    "as Windows": {"timestamps": False},
    "no scale": {"scale": False},
    "nothing": {"timestamps": False, "sack": False, "scale": False},
    "ecn": {"ecn": True},
}
offers = pytest.mark.parametrize("name", OFFERS)


def test_a_large_download(stage: Stage, version: int) -> None:
    download(stage.net.client, ADDRESSES[version], TALK, LARGE, timeout=PATIENCE)


def test_a_large_upload(stage: Stage, version: int) -> None:
    upload(stage.net.client, ADDRESSES[version], TALK, LARGE, timeout=PATIENCE)


@offers
def test_both_ways_with_other_options(stage: Stage, version: int, name: str) -> None:
    offer(stage.net.client, **OFFERS[name])
    with stage.counting() as seen:
        download(stage.net.client, ADDRESSES[version], TALK, MEDIUM, timeout=PATIENCE)
        upload(stage.net.client, ADDRESSES[version], TALK, MEDIUM, timeout=PATIENCE)
    assert seen.cookies() == (2, 2, 0)


def test_a_stream_in_both_directions_at_once(stage: Stage, version: int) -> None:
    with stage.connect(version, TALK) as connection:
        assert echoed(connection, MEDIUM) == pattern(MEDIUM)


def echoed(connection: socket.socket, size: int) -> bytes:
    """What comes back of `size` bytes while they are still being sent."""
    connection.sendall(b"echo\n")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_all, connection)
        connection.sendall(pattern(size))
        connection.shutdown(socket.SHUT_WR)
        return reading.result()


def test_small_requests_one_after_the_other(stage: Stage, version: int) -> None:
    with stage.connect(version, TALK) as connection:
        connection.sendall(b"echo\n")
        for number in range(500):
            word = f"{number:05}".encode()
            connection.sendall(word)
            assert connection.recv(5, socket.MSG_WAITALL) == word


def test_the_server_speaks_first(stage: Stage, version: int) -> None:
    with stage.counting() as seen, stage.connect(version, GREET) as connection:
        assert connection.recv(100) == b"220 hello\n"
        connection.sendall(b"echo\nand on\n")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"and on\n"
    assert seen.cookies() == (1, 1, 0)


@contextmanager
def losing(stage: Stage, port: int) -> Iterator[None]:
    """The namespace's first bare ACK to `port` never leaves it. AssertionError unless there was one to lose."""
    rule = f"tcp dport {port} tcp flags == ack meta length < 80 numgen inc mod 1000000 == 0 counter drop"
    chain = "type filter hook output priority 0;"
    command = f"table inet lose {{\n chain out {{\n {chain}\n {rule}\n }}\n}}\n"
    done = run(["nft", command], stage.net.client)
    assert done.returncode == 0, done.stderr
    try:
        yield
        listed = run(["nft", "list", "table", "inet", "lose"], stage.net.client).stdout.decode()
        assert "counter packets 1 " in listed, listed
    finally:
        run(["nft", "delete", "table", "inet", "lose"], stage.net.client)


def test_a_kernel_whose_first_ack_is_lost_is_admitted_by_its_data(stage: Stage, version: int) -> None:
    with losing(stage, TALK), connect_unheard(stage, version, TALK) as connection:
        with stage.counting() as seen:
            assert stage.info(connection)["timestamps"]
        assert seen.cookies() == (0, 1, 0)


def test_where_the_server_speaks_first_too(stage: Stage, version: int) -> None:
    with losing(stage, GREET), connect_unheard(stage, version, GREET) as connection:
        connection.sendall(b"echo\nand on\n")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"220 hello\nand on\n"


def connect_unheard(stage: Stage, version: int, port: int) -> socket.socket:
    """A connection that the client has and the server does not know of."""
    with stage.counting() as seen, stage.events() as events:
        connection = stage.connect(version, port)
    assert (seen.cookies(), events["TcpPassiveOpens"]) == ((1, 0, 0), 0)
    return connection


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_the_first_ack_goes_with_the_data(stage: Stage, version: int, size: int) -> None:
    """A client may hold back its bare ACK if it has something to say: then the cookie comes with data."""
    with capturing(stage.net.far) as frames, stage.counting() as seen:
        upload(stage.net.client, ADDRESSES[version], TALK, size, patient=True)
        frames.wait_for(is_segment)
    assert seen.cookies() == (1, 1, 0)
    first = parse(next(filter(is_segment, frames.frames)))
    assert isinstance(first, Segment) and first.has_payload


def is_segment(frame: bytes) -> bool:
    """Whether it is TCP."""
    return isinstance(parse(frame), Segment)
