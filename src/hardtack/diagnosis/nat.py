"""NAT between agent and socket: a cookie names the address and port that the client asked for, and NAT changes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel.nat_rules import ANY, leading_away, legacy_rules

MOST_TOLD = 8  # ports of a chain
REMEDY = (
    "on protected ports, clients connect and are reset, as the cookie is for the address and port before NAT; "
    "run the agent where the socket is, as in the container's namespace behind a macvlan or a routed address, leave the "
    'port out of `ports`, or write handshake = "challenge"'
)
LEGACY_REMEDY = "these rules are not checked: protect no port for which `{command} -t nat -S` shows DNAT or REDIRECT"


def nat_before_the_socket(site: Site) -> Iterator[Finding]:
    """Rules that lead clients of such ports away, by chain."""
    if site.role == "inside" or not site.cookies:
        return
    away: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    try:
        for rule in leading_away():
            if not site.ports or any(rule.ports[0] <= port <= rule.ports[1] for port in site.ports):
                away[rule.kind, rule.where].append(rule.ports)
    except OSError:
        pass  # this kernel has no nftables, or only root may ask
    for (kind, where), ports in away.items():
        yield Finding("nat", f"{kind} in {where} redirects {told(ports)} to another socket", REMEDY)
    for command, rules in legacy_rules():
        yield Finding("nat-legacy", f"{rules} NAT rules by {command}", LEGACY_REMEDY.format(command=command))


def told(ports: list[tuple[int, int]]) -> str:
    """These ranges, in order, or some of them."""
    if ANY in ports:
        return "any TCP port, or a set of ports,"
    ranges = [f"{first}" if first == last else f"{first}-{last}" for first, last in sorted(set(ports))]
    more = f" and {len(ranges) - MOST_TOLD} more" if len(ranges) > MOST_TOLD else ""
    plural = "s" if len(ranges) > 1 or "-" in ranges[0] else ""
    return f"TCP port{plural} {', '.join(ranges[:MOST_TOLD])}{more}"
