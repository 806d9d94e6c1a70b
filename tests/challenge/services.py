"""What hosts serve that cookies are no match for: MPTCP, Fast Open, TCP-MD5, a container behind DNAT; each echoes."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from handshake.firewall import rules
from handshake.stage import PATIENCE

from hardtack.lab.namespaces import Namespace
from hardtack.lab.topology import Topology

WORD = b"hello, whoever answers"
PLAIN, MPTCP, FAST_OPEN, SIGNED, CONTAINED = 7, 8, 9, 179, 8088  # ports
IPPROTO_MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1  # linux/in.h, linux/socket.h, linux/mptcp.h
INFO_FLAGS, FALLBACK, KEY_RECEIVED = 8, 1, 2  # offset of mptcpi_flags in struct mptcp_info, and two of them
TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_MD5SIG_EXT = 23, 30, 32  # linux/tcp.h
KEY = b"a shared secret"
OUTSIDE_CONTAINER, CONTAINER = ("172.17.0.1", "fd17::1"), ("172.17.0.2", "fd17::2")
DNAT = """
table inet docker {
    chain before {
        type nat hook prerouting priority dstnat;
        meta nfproto ipv4 tcp dport 8088 dnat ip to 172.17.0.2:7
        meta nfproto ipv6 tcp dport 8088 dnat ip6 to [fd17::2]:7
    }
    chain through { type filter hook forward priority filter; ct state invalid drop; }
}
"""


@dataclass(frozen=True)
class Service:
    """How one is reached."""

    port: int
    protocol: int = 0

    def socket(self, version: int, peer: str = "") -> socket.socket:
        """An end of it. `peer`: of a client, the server; of a listener nothing."""
        made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM, self.protocol)
        made.settimeout(PATIENCE)
        if self.port == SIGNED:
            made.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG_EXT, signature(version, peer))
        if self.port == FAST_OPEN:
            made.setsockopt(socket.IPPROTO_TCP, *(TCP_FASTOPEN_CONNECT, 1) if peer else (TCP_FASTOPEN, 16))
        return made

    def converse(self, client: Namespace, address: str) -> None:
        """A connection, and a word there and back."""

        def inside() -> None:
            with self.socket(6 if ":" in address else 4, address) as made:
                made.connect((address, self.port))
                made.sendall(WORD)
                answer = made.recv(len(WORD), socket.MSG_WAITALL)
                assert answer == WORD, answer
                if self.protocol == IPPROTO_MPTCP:
                    [flags] = struct.unpack_from("=I", made.getsockopt(SOL_MPTCP, MPTCP_INFO, 64), INFO_FLAGS)
                    assert flags & (FALLBACK | KEY_RECEIVED) == KEY_RECEIVED

        client.call(inside)


SERVICES = {
    "plain": Service(PLAIN),
    "mptcp": Service(MPTCP, IPPROTO_MPTCP),
    "fast open": Service(FAST_OPEN),
    "signed": Service(SIGNED),
    "contained": Service(CONTAINED),
}


def signature(version: int, peer: str) -> bytes:
    """struct tcp_md5sig: the peer's address, or any; flags, prefix length, key length, interface, key."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    packed = socket.inet_pton(family, peer or ("::" if version == 6 else "0.0.0.0"))
    address = struct.pack("=HH", family, 0) + (b"\0" * 4 if version == 6 else b"") + packed
    prefix = len(packed) * 8 if peer else 0
    return address.ljust(128, b"\0") + struct.pack("=BBHi80s", 1, prefix, len(KEY), 0, KEY)  # TCP_MD5SIG_FLAG_PREFIX


@contextmanager
def serving(net: Topology) -> Iterator[None]:
    """All of them, at every address of the server, and a container behind it."""
    with ExitStack() as parts:
        net.server.sysctl("net.ipv4.tcp_fastopen", 3)
        container = net.lab.namespace("container")
        here, there = net.lab.join(net.server, container)
        for number in range(2):
            for end, address in ((here, OUTSIDE_CONTAINER[number]), (there, CONTAINER[number])):
                end.add_addresses(f"{address}/{(24, 64)[number]}")
            there.add_routes("default", via=OUTSIDE_CONTAINER[number])
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            net.server.sysctl(key, 1)
        parts.enter_context(rules(net.server, DNAT))
        for service in (SERVICES["plain"], SERVICES["mptcp"], SERVICES["fast open"], SERVICES["signed"]):
            parts.enter_context(echoing(net.server, service))
        parts.enter_context(echoing(container, SERVICES["plain"]))
        yield


@contextmanager
def echoing(namespace: Namespace, service: Service) -> Iterator[None]:
    """A listener for each IP version, whose connections say what they hear."""
    listeners, threads = [namespace.call(listener, service, version) for version in (4, 6)], []
    for made in listeners:
        threads.append(threading.Thread(target=take, args=(made,), daemon=True))
        threads[-1].start()
    try:
        yield
    finally:
        for made in listeners:
            made.shutdown(socket.SHUT_RDWR)
            made.close()
        for thread in threads:
            thread.join(PATIENCE)


def listener(service: Service, version: int) -> socket.socket:
    """At every address."""
    made = service.socket(version)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if version == 6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind(("::" if version == 6 else "0.0.0.0", service.port))
    made.listen(1024)
    made.settimeout(None)
    return made


def take(listener: socket.socket) -> None:
    """One connection after the other, until the listener is shut down."""
    while True:
        try:
            made, _ = listener.accept()
        except OSError:
            return
        with made:
            made.settimeout(PATIENCE)
            while word := made.recv(4096):
                made.sendall(word)
