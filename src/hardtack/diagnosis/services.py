"""Services that cannot be served as well by cookies, by what the kernel tells of their listening sockets.

It does not tell who waits for data before he accepts (TCP_DEFER_ACCEPT), keeps SYNs (TCP_SAVE_SYN) or has keys of TCP-AO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel.listeners import Listener, listeners

FLIGHT = 32768  # bytes of buffer, of which half is window, that take what clients send at once: 10 segments (RFC 6928)
PAST = 'in the front\'s configuration write handshake = "challenge", or leave it out of `ports`, so that its SYNs get past'

Trouble = tuple[str, Callable[[Listener], bool], str, str]
TROUBLES: tuple[Trouble, ...] = (
    (
        "signed-listener",
        lambda service: service.signed,
        "it signs by TCP-MD5, and no front can: peers that sign hear nothing of its SYN-ACKs",
        PAST,
    ),
    (
        "mptcp-listener",
        lambda service: service.multipath,
        "it speaks MPTCP, and the kernel makes no such socket of a cookie: clients are reset",
        f"have it listen without (Go: GODEBUG=multipathtcp=0), or {PAST}",
    ),
    (
        "small-buffer",
        lambda service: 0 < service.buffer < FLIGHT,
        "its receive buffer (SO_RCVBUF) takes less than what a front lets clients send at once: uploads begin slowly",
        "give it 32 KB or more, or leave the size to the kernel",
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
            where = f"port {', '.join(map(str, ports))}" + ("" if site.ports else ", if fronts protect it")
            yield Finding(name, f"{where}: {why}", remedy)
