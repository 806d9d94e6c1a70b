"""An agent in a VRF. Its program looks sockets up by the interface that frames come in by, as bpf_skc_lookup_tcp does; the
kernel binds connections to the VRF's own (inet_request_bound_dev_if), so each segment would be taken for the first. On the
VRF's device itself no program is run (vrf_ip_rcv).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel import netlink
from hardtack.kernel.netlink import Attributes

REMEDY = (
    "an agent cannot accept connections there; use a network namespace for interface and service instead, or take "
    "the interface out of the VRF (ip link set dev {interface} nomaster)"
)


def vrf(site: Site) -> Iterator[Finding]:
    """The agent's interface is one, or in one."""
    if site.role != "agent":
        return
    try:
        facts = netlink.link(socket.if_nametoindex(site.interface))
    except OSError:
        return  # said elsewhere
    if place := place_of(facts):
        yield Finding("vrf", f"{site.interface} is {place}", REMEDY.format(interface=site.interface), fatal=True)


def place_of(facts: Attributes) -> str:
    """What an interface with these attributes has to do with a VRF; "": nothing."""
    for kind, told in ((netlink.kind, "a VRF"), (netlink.port_kind, "in a VRF")):
        if kind(facts) == "vrf":
            return told
    return ""
