"""Linux's own means against a SYN flood, arranged in the lab's host for the time of a slice."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hardtack.lab.bench import kinds
from hardtack.lab.bench.contestants import Contestant
from hardtack.lab.counters import tcp_events
from hardtack.lab.namespaces import LabError, Namespace
from hardtack.lab.process import run

WITH_OPTIONS = (kinds.IPV4, kinds.IPV6)
BACKLOG = 16  # connections the listener lets wait
EFFORT = 4
TABLE = "hardtack_bench"
# As the kernel's documentation shows it: SYNs are kept from connection tracking, and answered by the proxy
RULES = f"""
table inet {TABLE} {{
    chain untracked {{
        type filter hook prerouting priority raw; policy accept;
        tcp dport {kinds.PORT} tcp flags & (fin|syn|rst|ack) == syn notrack
    }}
    chain proxied {{
        type filter hook input priority filter; policy accept;
        tcp dport {kinds.PORT} ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
    }}
}}
"""
PROXY_COUNTERS = Path("/proc/thread-self/net/stat/synproxy")


class Stack:
    """The host's network stack."""

    def __init__(self, host: Namespace) -> None:
        self.host = host

    def cookies(self, setting: int, name: str, title: str) -> Contestant:
        """SYN cookies: always (2), or once the queue is full (1), which it is from the first few frames on."""

        @contextmanager
        def arrange() -> Iterator[None]:
            self.host.sysctl("net.ipv4.tcp_syncookies", setting)
            yield

        return Contestant(name, title, WITH_OPTIONS, self.cookies_sent, None, arrange, EFFORT)

    def synproxy(self) -> Contestant:
        """nftables' SYNPROXY. LabError if nft or the kernel cannot."""
        with self.proxied():
            if not self.host.call(PROXY_COUNTERS.exists):
                raise LabError("the kernel has no nf_synproxy")
        return Contestant("synproxy", "nftables SYNPROXY", WITH_OPTIONS, self.proxy_answers, None, self.proxied, EFFORT)

    @contextmanager
    def proxied(self) -> Iterator[None]:
        """The rules are there."""
        _nft(self.host, RULES)
        try:
            yield
        finally:
            _nft(self.host, f"delete table inet {TABLE}")

    def cookies_sent(self) -> int:
        """By TCP, so far."""
        return tcp_events(self.host)["TcpExtSyncookiesSent"]

    def proxy_answers(self) -> int:
        """SYNs that SYNPROXY has answered, on all CPUs; 0 before its first rule."""
        if not self.host.call(PROXY_COUNTERS.exists):
            return 0
        heads, *rows = (line.split() for line in self.host.call(PROXY_COUNTERS.read_text).splitlines())
        return sum(int(row[heads.index("syn_received")], 16) for row in rows)


@contextmanager
def contestants(host: Namespace) -> Iterator[tuple[list[Contestant], list[str]]]:
    """SYN cookies and SYNPROXY on the lab's host, and a line for each that cannot be measured here."""
    with ExitStack() as parts:
        stack = Stack(host)
        parts.enter_context(host.call(_listen))
        host.sysctl("net.ipv4.tcp_synack_retries", 0)  # what half-open connections there are go soon
        found = [
            stack.cookies(2, "cookies", "Linux SYN cookies (always)"),
            stack.cookies(1, "cookies-full", "Linux SYN cookies (queue full)"),
        ]
        absent = []
        try:
            found.append(stack.synproxy())
        except LabError as error:
            absent.append(f"nftables SYNPROXY: {error}")
        yield found, absent


def _listen() -> socket.socket:
    """A listener for both IP versions that never accepts."""
    return socket.create_server(("::", kinds.PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)


def _nft(host: Namespace, rules: str) -> None:
    program = shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not program:
        raise LabError("nft is not installed: apt-get install nftables")
    done = run([program, rules], host)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it does not say why"]
        raise LabError(f"nft takes no synproxy rules, perhaps for want of nf_synproxy in this kernel: {said[0]}")
