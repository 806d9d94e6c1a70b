"""What there is to know of a network interface before a program is attached to it."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from dataclasses import dataclass

from hardtack.kernel import netlink, veth
from hardtack.mistake import Mistake

MTU, STATISTICS = 4, 23  # IFLA_*; the last: struct rtnl_link_stats64
GETADDR, LINK = 22, 253  # RTM_GETADDR, RT_SCOPE_LINK
MODES = {1: "driver", 2: "generic", 3: "offload", 4: "several"}  # XDP_ATTACHED_*
BASIC, REDIRECT, ZERO_COPY = 1, 2, 8  # NETDEV_XDP_ACT_*
SIOCETHTOOL, GET_DRIVER = 0x8946, 3  # ETHTOOL_GDRVINFO


# ARPHRD_* (linux/if_arp.h): whose frames begin with an Ethernet header; and with IP, by the kernel's dev_is_mac_header_xmit
WITH_ETHERNET = frozenset({1, 772})  # loopback has one, too
WITHOUT = frozenset({512, 519, 768, 769, 776, 778, 823, 0xFFFE})  # PPP, RAWIP, TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE, NONE


class InterfaceError(Mistake):
    """There is no such interface in this network namespace: at boot it may come yet."""

    status = 1


class UselessInterface(InterfaceError):
    """It is there, and of a kind that is of no use here: another has to be named."""

    status = 2


@dataclass(frozen=True)
class Interface:
    """One interface. What is None is not known: a kernel before 6.3 does not tell what its drivers can do."""

    name: str
    index: int
    driver: str  # "" if it has none, as lo
    mtu: int
    driver_mode: bool | None  # whether XDP programs can run in the driver
    redirect: bool | None  # whether they can send frames to another interface from there
    zero_copy: bool | None  # for AF_XDP
    attached: str  # the mode of the XDP program that is on it now: driver, generic, offload, several; "": none
    program: int  # its id, or 0
    ethernet: bool  # whether its frames begin with an Ethernet header
    answers_lost: str  # why nothing arrives that a program sends back by the driver; "": it does


@dataclass(frozen=True)
class Traffic:
    """Frames that have come in and gone out by an interface, as it counts them itself; whether it has an XDP program now."""

    received: int
    sent: int
    xdp: bool


def names() -> list[str]:
    """The interfaces of this network namespace, but for lo."""
    return [name for _, name in socket.if_nameindex() if name != "lo"]


def find(name: str) -> Interface:
    """The interface `name`. InterfaceError if there is none."""
    try:
        index = socket.if_nametoindex(name)
        facts = netlink.link(index)
    except OSError:
        known = ", ".join(names()) or "none but lo"
        raise InterfaceError(f"no interface {name} here; there are: {known}") from None
    features = netlink.xdp_features(index)
    attached, program = netlink.xdp_program(facts)
    return Interface(
        name,
        index,
        driver(name) or netlink.kind(facts),
        struct.unpack("=I", facts[MTU])[0],
        able(features, BASIC),
        able(features, REDIRECT),
        able(features, ZERO_COPY),
        MODES.get(attached, ""),
        program,
        netlink.link_type(index) in WITH_ETHERNET,
        veth.loses_answers(facts),
    )


def addressed() -> set[str]:
    """The interfaces that have an address of more than their own link. No capability is needed. OSError."""
    with netlink.opened(socket.NETLINK_ROUTE) as kernel:
        found = [struct.unpack_from("=BBBBI", body) for body in netlink.dump(kernel, GETADDR, bytes(8))]
    indices = {index for _, _, _, scope, index in found if scope < LINK}
    return {name for index, name in socket.if_nameindex() if index in indices}


def port_of(name: str) -> str:
    """What kind of device the interface is a port of: bridge, bond, vrf ...; "" if of none. OSError: there is none."""
    return netlink.port_kind(netlink.link(socket.if_nametoindex(name)))


def traffic(index: int) -> Traffic:
    """Of one interface. OSError (ENODEV) if there is none of this number; no capability is needed."""
    facts = netlink.link(index)
    received, sent = struct.unpack_from("=QQ", facts[STATISTICS])
    return Traffic(received, sent, netlink.xdp_program(facts)[0] != 0)


def has_ethernet(name: str) -> bool:
    """Whether its frames begin with an Ethernet header. InterfaceError if there is no interface `name`."""
    return find(name).ethernet


def require_ethernet(name: str, why: str) -> None:
    """InterfaceError if there is no interface `name`, UselessInterface if its frames begin with something else."""
    if not has_ethernet(name):
        raise UselessInterface(f"{name} is not an Ethernet interface: {why}")


def require_ip(name: str) -> None:
    """InterfaceError if there is no interface `name`, UselessInterface if its frames begin with neither Ethernet nor IP."""
    if (found := netlink.link_type(find(name).index)) not in WITH_ETHERNET | WITHOUT:
        remedy = "name an Ethernet or tunnel interface that faces the clients"
        raise UselessInterface(f"{name}: its frames begin with neither Ethernet nor IP (ARPHRD_* {found}): {remedy}")


def able(features: int | None, bit: int) -> bool | None:
    """Whether the driver can do what `bit` stands for, if that is known."""
    return None if features is None else bool(features & bit)


def driver(name: str) -> str:
    """The driver's name, as `ethtool -i` shows it; "" if it has none."""
    reply = ctypes.create_string_buffer(struct.pack("=I", GET_DRIVER), 196)  # struct ethtool_drvinfo
    request = struct.pack("=16sQ16x", name.encode(), ctypes.addressof(reply))  # struct ifreq
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
        try:
            fcntl.ioctl(kernel, SIOCETHTOOL, request)
        except OSError:
            return ""
    return reply.raw[4:36].split(b"\0")[0].decode("ascii", "replace")
