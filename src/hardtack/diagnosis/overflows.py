"""Accept queues that were full. Without a front the kernel keeps the request and repeats its SYN-ACK; of a cookie it drops
what it has no room for (tcp_get_cookie_sock), and a client that waits for the server's first word must be asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hardtack.diagnosis.finding import Finding, Site

NETSTAT = Path("/proc/thread-self/net/netstat")
REMEDY = (
    "the agent's process repeats the SYN-ACK for half a minute to clients that wait for the server's greeting (SMTP, FTP, "
    "MySQL); raise the service's listen() backlog and net.core.somaxconn"
)


def full_accept_queues(site: Site) -> Iterator[Finding]:
    """Some were, since this network namespace was made."""
    if site.role == "agent" and (times := overflows(NETSTAT.read_text(encoding="ascii"))):
        yield Finding("accept-queue-full", f"accept queues overflowed {times} times (ListenOverflows)", REMEDY)


def overflows(text: str) -> int:
    """Of /proc/net/netstat: a line of names, and one of numbers, for each kind."""
    for names, numbers in zip(*(iter(text.splitlines()),) * 2, strict=False):
        if names.startswith("TcpExt:"):
            return int(dict(zip(names.split(), numbers.split(), strict=False)).get("ListenOverflows", "0"))
    return 0
