"""Links of the lab: veth pairs between its namespaces, bridges, addresses and routes, and what the driver does to frames.

Every interface made here carries the mark "hardtack lab" as its alias. `refuse_foreign` is what stands between the
flood and the rest of the world: it asks the kernel, not the caller.
"""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pyroute2 import IPRoute

from hardtack.lab.namespaces import NAME, LabError, Namespace, identity_of

MARK = "hardtack lab"
SIOCETHTOOL = 0x8946
# linux/ethtool.h: what sets each feature
FEATURES = {"tx-checksum": 0x17, "rx-checksum": 0x15, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}
Feature = Literal["tx-checksum", "rx-checksum", "tso", "gso", "gro"]


class ForeignInterface(LabError):
    """An interface that the lab did not make, where only one of its own will do."""


@dataclass(frozen=True)
class Interface:
    """One end of a veth pair. `mac` is six bytes; `index` counts within `namespace`."""

    namespace: Namespace
    name: str
    index: int
    mac: bytes

    def features(self, **on: bool) -> None:
        """Switch driver features on or off: `features(gro=True, tx_checksum=False)`; names as in FEATURES, - as _."""
        for feature, value in on.items():
            command = FEATURES[feature.replace("_", "-")]
            self.namespace.call(_ethtool, self.name, command, value)

    def add_addresses(self, *addresses: str) -> None:
        """Addresses with prefix length, IPv4 or IPv6; usable at once (no duplicate address detection)."""
        self.namespace.call(_add_addresses, self.index, addresses)

    def add_routes(self, *destinations: str, via: str) -> None:
        """Send prefixes ("default": all there is) to the neighbour `via`, which gives the family; no longer elsewhere."""
        self.namespace.call(_add_routes, self.index, destinations, via)

    def add_neighbours(self, *destinations: str) -> None:
        """Prefixes or addresses that are to be found on this very link."""
        self.namespace.call(_add_routes, self.index, destinations, None)

    def remove_routes(self, *destinations: str) -> None:
        """What add_routes or add_neighbours made."""
        self.namespace.call(_remove_routes, self.index, destinations)

    def set_mtu(self, size: int) -> None:
        """The largest IP packet, in bytes; the other end has one of its own."""
        self.namespace.call(_set_link, self.index, mtu=size)


def join(first: Namespace, first_name: str, second: Namespace, second_name: str, queues: int = 1) -> tuple[Any, Any]:
    """A veth pair with an end in each namespace, both up; the two Interfaces. Names have at most 15 characters.

    Transmit checksum and segmentation offloads are off: frames look as they would on a wire.
    """
    first.call(_make_pair, first_name, second.name, second_name, queues)
    ends = tuple(_found(namespace, name) for namespace, name in ((first, first_name), (second, second_name)))
    for end in ends:
        end.features(tx_checksum=False, tso=False, gso=False)
    return ends[0], ends[1]


def bridge(name: str, ports: Iterable[Interface]) -> None:
    """A switch in the namespace of its ports: what comes in by one goes out by the one where its destination lives."""
    ports = tuple(ports)
    ports[0].namespace.call(_make_bridge, name, [port.index for port in ports])
    with suppress(FileNotFoundError):  # where br_netfilter is loaded, it would judge the frames as a router does
        for family in ("ip", "ip6", "arp"):
            ports[0].namespace.sysctl(f"net.bridge.bridge-nf-call-{family}tables", 0)


def _make_bridge(name: str, ports: Iterable[int]) -> None:
    with IPRoute() as kernel:
        # without snooping: neighbour discovery must not wait for the bridge to learn who wants to hear it
        kernel.link("add", ifname=name, kind="bridge", br_mcast_snooping=0)
        index = kernel.link_lookup(ifname=name)[0]
        kernel.link("set", index=index, state="up")
        for port in ports:
            kernel.link("set", index=port, master=index)


def _set_link(index: int, **what: Any) -> None:
    with IPRoute() as kernel:
        kernel.link("set", index=index, **what)


def _make_pair(name: str, peer_namespace: str, peer: str, queues: int) -> None:
    both = {"num_tx_queues": queues, "num_rx_queues": queues}
    with IPRoute() as kernel:
        kernel.link("add", ifname=name, kind="veth", peer={"ifname": peer, "net_ns_fd": peer_namespace, **both}, **both)


def _found(namespace: Namespace, name: str) -> Interface:
    """Mark the interface, take it up, and say what it is."""

    def raise_it() -> Interface:
        with IPRoute() as kernel:
            index = kernel.link_lookup(ifname=name)[0]
            kernel.link("set", index=index, state="up", ifalias=MARK)
            mac = kernel.link("get", index=index)[0].get("address")
        return Interface(namespace, name, index, bytes.fromhex(mac.replace(":", "")))

    return namespace.call(raise_it)


def _add_addresses(index: int, addresses: Iterable[str]) -> None:
    with IPRoute() as kernel:
        for text in addresses:
            address = ipaddress.ip_interface(text)
            flags = {"flags": 0x02} if address.version == 6 else {}  # IFA_F_NODAD
            kernel.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, **flags)


def _add_routes(index: int, destinations: Iterable[str], via: str | None) -> None:
    with IPRoute() as kernel:
        for destination in destinations:
            family = socket.AF_INET6 if ":" in (via or destination) else socket.AF_INET
            way = {"gateway": via} if via else {"scope": 253}  # RT_SCOPE_LINK
            kernel.route("replace", family=family, dst=destination, oif=index, **way)


def _remove_routes(index: int, destinations: Iterable[str]) -> None:
    with IPRoute() as kernel:
        for destination in destinations:
            family = socket.AF_INET6 if ":" in destination else socket.AF_INET
            kernel.route("del", family=family, dst=destination, oif=index, scope=255)  # RT_SCOPE_NOWHERE: whichever


def _ethtool(name: str, command: int, value: bool) -> None:
    """struct ethtool_value through ioctl; the kernel refuses what the driver cannot switch (EOPNOTSUPP)."""
    request = ctypes.create_string_buffer(struct.pack("=II", command, value), 8)
    ifreq = struct.pack("16sP16x", name.encode(), ctypes.addressof(request))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, ifreq)


def refuse_foreign(namespace: str, name: str) -> int:
    """The index of an interface that a lab made; ForeignInterface for anything else. To be called inside the namespace.

    Ours is: a namespace under a lab's name, which is where this thread really is, which is not the one the machine
    started in; and in it a veth that carries the lab's mark.
    """
    here = identity_of("/proc/thread-self/ns/net")
    place = Path("/run/netns", namespace)
    if not NAME.fullmatch(namespace) or not place.exists() or identity_of(place) != here:
        raise ForeignInterface(f"{name}: not in a namespace of the lab ({namespace!r})")
    with suppress(PermissionError):  # a container may hide its first process; the mark still tells
        if here == identity_of("/proc/1/ns/net"):
            raise ForeignInterface(f"{name}: this is the machine's own network namespace")
    with IPRoute() as kernel:
        found = kernel.link_lookup(ifname=name)
        if not found:
            raise ForeignInterface(f"{name}: no such interface in {namespace}")
        link = kernel.link("get", index=found[0])[0]
    info = link.get("linkinfo")
    if info is None or info.get("kind") != "veth" or link.get("ifalias") != MARK:
        raise ForeignInterface(f"{name}: not an interface that the lab made")
    return int(found[0])
