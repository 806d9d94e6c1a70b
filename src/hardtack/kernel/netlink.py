"""Questions to netlink, without a library: what an interface is, and what its driver can do with XDP.

linux/rtnetlink.h, linux/if_link.h, linux/genetlink.h, linux/netdev.h
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

REQUEST = 1  # NLM_F_REQUEST
DUMP = 0x300  # NLM_F_DUMP
ERROR, DONE = 2, 3  # NLMSG_*
SOL_NETLINK, STRICT_CHECK = 270, 12  # NETLINK_GET_STRICT_CHK: filters of a dump are heeded
NETLINK_GENERIC = 16
GETLINK = 18  # RTM_GETLINK
CONTROL, GET_FAMILY, FAMILY_ID, FAMILY_NAME = 16, 3, 1, 2  # GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_*
DEV_GET, DEV_IFINDEX, DEV_XDP_FEATURES = 1, 1, 3  # NETDEV_CMD_DEV_GET, NETDEV_A_DEV_*
IFLA_XDP, XDP_ATTACHED, XDP_PROGRAM_ID = 43, 2, 4  # the latter two, IFLA_XDP_*, are in the first
IFLA_LINKINFO, INFO_KIND, INFO_PORT_KIND = 18, 1, 4  # the latter two (IFLA_INFO_SLAVE_KIND) in the first
IFLA_TARGET_NETNSID = 46
TYPE = 0x3FFF  # of an attribute, without NLA_F_NESTED and NLA_F_NET_BYTEORDER

Attributes = dict[int, bytes]


def link(ifindex: int, namespace: int | None = None) -> Attributes:
    """An interface's IFLA_* attributes. OSError: ENODEV if there is none.

    `namespace`: the one it is in, by the number that this one knows it by (EACCES: we may not look there).
    """
    where = b"" if namespace is None else attribute(IFLA_TARGET_NETNSID, struct.pack("=i", namespace))
    reply = ask(socket.NETLINK_ROUTE, GETLINK, struct.pack("=BxHiII", 0, 0, ifindex, 0, 0) + where)
    return attributes(reply[16:])


def kind(facts: Attributes) -> str:
    """Of an interface's attributes: what a virtual one says it is: veth, vlan, bond ..."""
    return information(facts, INFO_KIND)


def port_kind(facts: Attributes) -> str:
    """Likewise: what kind of device it is a port of: bridge, bond, vrf ...; "" if of none."""
    return information(facts, INFO_PORT_KIND)


def information(facts: Attributes, which: int) -> str:
    """One of its names of kinds; "" if it has none."""
    return attributes(facts.get(IFLA_LINKINFO, b"")).get(which, b"").rstrip(b"\0").decode("ascii", "replace")


def link_type(ifindex: int) -> int:
    """ARPHRD_*: what kind of header an interface's frames begin with. OSError (ENODEV) if there is none."""
    reply = ask(socket.NETLINK_ROUTE, GETLINK, struct.pack("=BxHiII", 0, 0, ifindex, 0, 0))
    kind: int = struct.unpack_from("=H", reply, 2)[0]
    return kind


def xdp_program(facts: Attributes) -> tuple[int, int]:
    """Of an interface's attributes: how an XDP program is attached (XDP_ATTACHED_*; 0: none is), and its id (or 0)."""
    xdp = attributes(facts.get(IFLA_XDP, b""))
    return xdp.get(XDP_ATTACHED, b"\0")[0], struct.unpack("=I", xdp.get(XDP_PROGRAM_ID, bytes(4)))[0]


def xdp_features(ifindex: int) -> int | None:
    """The driver's NETDEV_XDP_ACT_* bits; None where the kernel (before 6.3) does not tell."""
    try:
        name = generic(CONTROL, GET_FAMILY, attribute(FAMILY_NAME, b"netdev\0"))
        family = struct.unpack("=H", name[FAMILY_ID])[0]
        reply = generic(family, DEV_GET, attribute(DEV_IFINDEX, struct.pack("=I", ifindex)))
        return int(struct.unpack("=Q", reply[DEV_XDP_FEATURES])[0])
    except (OSError, KeyError):
        return None


def generic(family: int, command: int, body: bytes) -> Attributes:
    """One generic netlink request and its answer. OSError."""
    return attributes(ask(NETLINK_GENERIC, family, struct.pack("=BBH", command, 1, 0) + body)[4:])


def ask(protocol: int, kind: int, body: bytes) -> bytes:
    """Send one request, and return the body of the one answer. OSError: the kernel's."""
    with opened(protocol) as kernel:
        return exchange(kernel, kind, body)


def opened(protocol: int) -> socket.socket:
    """A socket to ask the kernel by; it stays with the network namespace that this thread is in now."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)


def exchange(kernel: socket.socket, kind: int, body: bytes) -> bytes:
    """One request by an open socket, and the body of the one answer. OSError: the kernel's."""
    kernel.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST, 1, 0) + body)
    reply = kernel.recv(1 << 16)
    size, answer = struct.unpack_from("=IH", reply)
    if answer == ERROR:
        raise refused(reply[16:])
    return reply[16:size]


def dump(kernel: socket.socket, kind: int, body: bytes) -> Iterator[bytes]:
    """The same with all answers that there are: their bodies. OSError, also where there is no such dump."""
    kernel.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST | DUMP, 1, 0) + body)
    while True:
        for answer, found in messages(kernel.recv(1 << 18)):
            if answer == DONE:
                return
            if answer == ERROR:
                raise refused(found)
            yield found


def messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """The types and bodies of a datagram's messages."""
    at = 0
    while at + 16 <= len(datagram):
        size, kind = struct.unpack_from("=IH", datagram, at)
        yield kind, datagram[at + 16 : at + size]
        at += max(size, 16) + 3 & ~3


def refused(body: bytes) -> OSError:
    """What the kernel says in an ERROR."""
    number = -struct.unpack_from("=i", body)[0]
    return OSError(number, os.strerror(number))


def attribute(kind: int, content: bytes) -> bytes:
    """One attribute, padded to 4 bytes."""
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def attributes(data: bytes) -> Attributes:
    """The attributes in `data`; of several of one kind, the last."""
    return dict(each(data))


def listed(data: bytes) -> Iterator[Attributes]:
    """The attributes of each attribute in `data`: of a list's elements."""
    return (attributes(content) for _, content in each(data))


def each(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of the attributes in `data`."""
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            break
        yield kind & TYPE, data[at + 4 : at + size]
        at += size + 3 & ~3
