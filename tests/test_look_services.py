"""What is said of listening sockets, looked at with real ones; that it is true is shown in tests/handshake."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from kernel_ground import needs_root, veth_pair

from hardtack.diagnosis.finding import Role, Site
from hardtack.diagnosis.looks import findings
from hardtack.diagnosis.services import PAST, services

pytestmark = needs_root
PORT = 8179
IPPROTO_MPTCP, TCP_MD5SIG = 262, 14
families = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])


@pytest.fixture(autouse=True)
def nobody_else() -> Iterator[None]:
    """A namespace of the test's own."""
    with veth_pair():
        yield


def listener(family: int, protocol: int = 0, prepare: Callable[[socket.socket], None] = lambda made: None) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM, protocol)
    prepare(made)
    made.bind(("", PORT))
    made.listen()
    return made


def sign(made: socket.socket) -> None:
    """A key for one peer: struct tcp_md5sig."""
    if made.family == socket.AF_INET:
        peer = struct.pack("=HH4s120x", socket.AF_INET, 0, socket.inet_aton("192.0.2.1"))
    else:
        peer = struct.pack("=HHI16s104x", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, "2001:db8::1"))
    made.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, peer + struct.pack("=BBHi80s", 0, 0, 3, 0, b"key"))


def shrink(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)


def said(*ports: int, role: Role = "agent", supposed: bool = False) -> list[str]:
    return [f"{one.name}: {one}" for one in findings(Site(role, "left", frozenset(ports), supposed=supposed), [services])]


@families
def test_ordinary_services_are_no_trouble(family: int) -> None:
    with listener(family):
        assert said() == []


@families
@pytest.mark.parametrize(
    ("protocol", "prepare", "text"),
    [
        (0, sign, "signed-listener: port 8179: it uses TCP MD5 signatures, which a front cannot make: such peers "
         f"discard the front's SYN-ACKs: {PAST}"),
        (IPPROTO_MPTCP, lambda made: None, "mptcp-listener: port 8179: it listens with MPTCP, and the kernel creates no "
         f"MPTCP socket from a cookie: clients are reset: have it listen without MPTCP (Go: GODEBUG=multipathtcp=0), "
         f"or {PAST}"),
        (0, shrink, "small-buffer: port 8179: its receive buffer (SO_RCVBUF) is smaller than the initial window that a "
         "front offers: uploads start slowly: set SO_RCVBUF to 32 KB or more, or leave it to the kernel"),
    ],
    ids=["md5", "mptcp", "small"],
)  # fmt: skip
def test_what_is_said(family: int, protocol: int, prepare: Callable[[socket.socket], None], text: str) -> None:
    with listener(family, protocol, prepare):
        assert said(PORT) == [text]
        assert said() == [text.replace("port 8179", "port 8179, if protected")]
        assert "\n" not in text and b"key" not in text.encode()
        assert said(PORT + 1) == [], "not protected"
        assert said(role="front") == [], "not the host"
        assert said(supposed=True) == [], "nobody is known to be at work here"
