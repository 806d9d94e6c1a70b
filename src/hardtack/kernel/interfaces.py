"""What there is to know of a network interface before a program is attached to it."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from dataclasses import dataclass

from hardtack.kernel import netlink
from hardtack.mistake import Mistake

MTU, LINKINFO, NUM_RX_QUEUES = 4, 18, 32  # IFLA_*
ONE = struct.pack("=I", 1)
INFO_KIND = 1  # IFLA_INFO_KIND, in LINKINFO
MODES = {1: "driver", 2: "generic", 3: "offload", 4: "several"}  # XDP_ATTACHED_*
BASIC, REDIRECT, ZERO_COPY = 1, 2, 8  # NETDEV_XDP_ACT_*
SIOCETHTOOL, GET_DRIVER = 0x8946, 3  # ETHTOOL_GDRVINFO


class InterfaceError(Mistake):
    """There is no such interface in this network namespace. At boot it may come yet: worth another try."""

    status = 1


@dataclass(frozen=True)
class Interface:
    """One interface. What is None is not known: a kernel before 6.3 does not tell what its drivers can do."""

    name: str
    index: int
    driver: str  # "" if it has none, as lo
    mtu: int
    queues: int  # that it receives by
    driver_mode: bool | None  # whether XDP programs can run in the driver
    redirect: bool | None  # whether they can send frames to another interface from there
    zero_copy: bool | None  # for AF_XDP
    attached: str  # the mode of the XDP program that is on it now: driver, generic, offload, several; "": none
    program: int  # its id, or 0


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
        driver(name) or kind(facts),
        struct.unpack("=I", facts[MTU])[0],
        struct.unpack("=I", facts.get(NUM_RX_QUEUES, ONE))[0],
        able(features, BASIC),
        able(features, REDIRECT),
        able(features, ZERO_COPY),
        MODES.get(attached, ""),
        program,
    )


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


def kind(facts: netlink.Attributes) -> str:
    """What a virtual interface says it is: veth, vlan, bond ..."""
    return netlink.attributes(facts.get(LINKINFO, b"")).get(INFO_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
