"""Clients in the lab: what an honest client does, with a real kernel's TCP. Its options are the namespace's sysctls."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

from hardtack.lab.namespaces import LabError, Namespace
from hardtack.lab.process import run
from hardtack.lab.talker import pattern

TIMEOUT = 5.0  # s
# linux/tcp.h; a connection in repair shows its numbers, and goes on afterwards as if nothing had been
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
RECEIVE_QUEUE, SEND_QUEUE, REPAIR_OFF = 1, 2, -1  # off without a window probe
STREAM_TIMEOUT = 120.0  # s


class WrongBytes(LabError):
    """A transfer that ended with other bytes than it should have."""


def offer(client: Namespace, *, timestamps: bool = True, sack: bool = True, scale: bool = True, ecn: bool = False) -> None:
    """What the namespace's clients offer in their SYNs from now on; there is no way to say it for one socket."""
    client.sysctl("net.ipv4.tcp_timestamps", int(timestamps))
    client.sysctl("net.ipv4.tcp_sack", int(sack))
    client.sysctl("net.ipv4.tcp_window_scaling", int(scale))
    client.sysctl("net.ipv4.tcp_ecn", 1 if ecn else 2)


def connect(
    client: Namespace,
    address: str,
    port: int,
    *,
    timeout: float = TIMEOUT,
    source: str = "",
    source_port: int = 0,
    patient: bool = False,
) -> socket.socket:
    """A connected socket. With `patient` the handshake's last ACK waits for the first data and goes with it."""

    def inside() -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.settimeout(timeout)
            if patient:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            if source or source_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind((source, source_port))
            made.connect((address, port))
        except BaseException:
            made.close()
            raise
        return made

    return client.call(inside)


def numbers(connection: socket.socket) -> tuple[int, int]:
    """What the kernel would put into the next segment of a connection: sequence and acknowledgment number."""
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    try:
        found = []
        for queue in (SEND_QUEUE, RECEIVE_QUEUE):
            connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
            found.append(connection.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xFFFFFFFF)
    finally:
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF)
    return found[0], found[1]


def ask(client: Namespace, address: str, port: int, request: bytes, **how: Any) -> bytes:
    """Send `request`, then everything that comes until the server ends it. `how` as for `connect`."""
    with connect(client, address, port, **how) as connection:
        connection.sendall(request)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side ends it."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def server_socket(client: Namespace, address: str, port: int, **how: Any) -> dict[str, Any]:
    """Connect to a talker without a greeting; what the server's kernel knows of that connection."""
    facts: dict[str, Any] = json.loads(ask(client, address, port, b"info\n", **how))
    return facts


def download(client: Namespace, address: str, port: int, size: int, **how: Any) -> None:
    """`size` bytes from a talker. WrongBytes unless they are the right ones."""
    if (got := ask(client, address, port, f"download {size}\n".encode(), **how)) != pattern(size):
        raise WrongBytes(f"{address} port {port}: {len(got)} of {size} bytes came, or wrong ones")


def upload(client: Namespace, address: str, port: int, size: int, **how: Any) -> None:
    """`size` bytes to a talker. WrongBytes unless it got just those."""
    data = pattern(size)
    told = json.loads(ask(client, address, port, f"upload {size}\n".encode() + data, **how))
    if told != {"bytes": size, "sha256": hashlib.sha256(data).hexdigest()}:
        raise WrongBytes(f"{address} port {port}: {told['bytes']} of {size} bytes arrived, or wrong ones")


def stream(client: Namespace, address: str, size: int, *, back: bool = False, lines: int = 2) -> int:
    """`size` bytes by iperf3, over so many connections at once, or `back` from its server; how many of them were received.

    Those to the server are fewer: it stops when its client has sent the last one, and leaves what it has not read.
    """
    command = ["iperf3", "--client", address, "--bytes", size, "--parallel", lines, "--json", *["--reverse"] * back]
    done = run(command, client, timeout=STREAM_TIMEOUT)
    told = json.loads(done.stdout)
    if done.returncode or "error" in told:
        raise LabError(f"iperf3: {told.get('error', done.stderr.decode(errors='replace'))}")
    arrived: int = told["end"]["sum_received"]["bytes"]
    return arrived


@dataclass(frozen=True)
class Fetched:
    """What curl got. Times in seconds; `error` is curl's own line, empty if all went well."""

    status: int
    body: bytes
    connect: float
    total: float
    error: str


def curl(client: Namespace, url: str, *options: str, timeout: float = TIMEOUT) -> Fetched:
    """Fetch a URL; nothing is raised if that fails."""
    report = "\\n%{http_code} %{time_connect} %{time_total}"
    command = ["curl", "-gsS", "--max-time", str(timeout), "--noproxy", "*", "-w", report, *options, url]
    done = run(command, client, timeout=timeout + 5)
    body, _, facts = done.stdout.rpartition(b"\n")
    status, connected, total = facts.split()
    return Fetched(int(status), body, float(connected), float(total), done.stderr.decode(errors="replace").strip())


def ping(client: Namespace, address: str, timeout: float = TIMEOUT) -> bool:
    """Whether an ICMP echo request is answered in time."""

    def inside() -> bool:
        ipv6 = ":" in address
        family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if ipv6 else (socket.AF_INET, socket.IPPROTO_ICMP)
        request, reply = (128, 129) if ipv6 else (8, 0)  # RFC 4443 4.1, RFC 792
        with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
            raw.settimeout(timeout)
            # For ICMPv6 the kernel does the checksum; for ICMP it is this: all words but type and checksum are 0
            raw.sendto(struct.pack("!BBHI", request, 0, 0 if ipv6 else 0xFFFF - (request << 8), 0), (address, 0))
            while True:
                try:
                    packet, sender = raw.recvfrom(2048)
                except TimeoutError:
                    return False
                if sender[0] == address and packet[0 if ipv6 else (packet[0] & 15) * 4] == reply:
                    return True

    return client.call(inside)
