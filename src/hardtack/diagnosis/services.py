"""Services that cannot be served as well by cookies, by what the kernel tells of their listening sockets.

It does not tell who waits for data before he accepts (TCP_DEFER_ACCEPT), keeps SYNs (TCP_SAVE_SYN) or has keys of TCP-AO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel.listeners import Listener, listeners

FLIGHT = 32768  # bytes of buffer, of which half is window, that take what clients send at once: 10 segments (RFC 6928)
PAST = 'in the front\'s configuration write handshake = "challenge", or leave the port out of `ports`'

Trouble = tuple[str, Callable[[Listener], bool], str, str]
TROUBLES: tuple[Trouble, ...] = (
    (
        "signed-listener",
        lambda service: service.signed,
        "it uses TCP MD5 signatures, which a front cannot make: such peers discard the front's SYN-ACKs",
        PAST,
    ),
    (
        "mptcp-listener",
        lambda service: service.multipath,
        "it listens with MPTCP, and the kernel creates no MPTCP socket from a cookie: clients are reset",
        f"have it listen without MPTCP (Go: GODEBUG=multipathtcp=0), or {PAST}",
    ),
    (
        "small-buffer",
        lambda service: 0 < service.buffer < FLIGHT,
        "its receive buffer (SO_RCVBUF) is smaller than the initial window that a front offers: uploads start slowly",
        "set SO_RCVBUF to 32 KB or more, or leave it to the kernel",
    ),
)


def services(site: Site) -> Iterator[Finding]:
    """What is found among protected ports, each thing once. Of an agent that is only supposed, all ports are nobody's."""
    if site.role != "agent" or site.supposed:
        return
    try:
        found = [one for one in listeners() if not site.ports or one.port in site.ports]
    except OSError:
        return  # this kernel does not tell
    for name, is_so, why, remedy in TROUBLES:
        if ports := sorted({one.port for one in found if is_so(one)}):
            where = f"port {', '.join(map(str, ports))}" + ("" if site.ports else ", if protected")
            yield Finding(name, f"{where}: {why}", remedy)
