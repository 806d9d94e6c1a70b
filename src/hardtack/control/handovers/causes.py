"""Why hand-overs to a host are likely to fail, by what this machine shows, and what to do about it."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network

from hardtack.control.configuration.schema import Host
from hardtack.control.handovers.judging import Kind
from hardtack.control.ways import first, not_forwarding, routes
from hardtack.diagnosis.finding import Finding
from hardtack.kernel.routes import FAILED, INCOMPLETE, Routing

NO_AGENT_THERE = "no agent is running there, its key or window scale differs, or the clocks differ by half a minute or more"
OPTION_OFF = "a TCP option that the front offers is off there, as by net.ipv4.tcp_timestamps = 0"
AGENT_REMEDY = "on the host: hardtack doctor, the agent's journal, sysctl net.ipv4.tcp_timestamps net.ipv4.tcp_sack"
OPTION_REMEDY = "on the host: sysctl net.ipv4.tcp_timestamps net.ipv4.tcp_sack net.ipv4.tcp_window_scaling, ss -ltn"
NO_ANSWER = "the host is down or unreachable, or a firewall drops connections without a SYN"
SYN_UNANSWERED = "the host is down or unreachable, or a firewall drops the SYNs"
WAY_REMEDY = "check the path: ping the host, ip route get, nft list ruleset; on the host: hardtack doctor"


def likely(host: Host, kind: Kind, by_cookie: bool = True) -> Finding:
    """What to say. `by_cookie`: it is a cookie that is handed over, and not a SYN."""
    if kind == "some-reset":
        return Finding("hand-over", f"{OPTION_OFF}; or no service listens on some ports", OPTION_REMEDY)
    if kind == "reset":
        return Finding("hand-over", f"{NO_AGENT_THERE}; or {OPTION_OFF}", AGENT_REMEDY)
    with suppress(OSError), Routing() as kernel:
        for finding in (*not_forwarding([host]), *routes([host], kernel), *neighbours(host, kernel)):
            return finding
    return Finding("hand-over", NO_ANSWER if by_cookie else SYN_UNANSWERED, WAY_REMEDY)


def neighbours(host: Host, kernel: Routing) -> list[Finding]:
    """Addresses that nobody here answers for. OSError."""
    for address in host.addresses if host.via in ("kernel", "direct") else ():
        if isinstance(address, IPv4Network | IPv6Network):
            continue
        route = kernel.route(first(address).packed)
        near = route.gateway or address.packed if route else b""
        if route and near and kernel.neighbour(route.interface, near)[0] & (FAILED | INCOMPLETE):
            what = f"no ARP or neighbour discovery reply from {address}, or its gateway"
            return [Finding("no-neighbour", what, WAY_REMEDY)]
    return []
