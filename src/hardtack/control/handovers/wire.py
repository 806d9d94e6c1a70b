"""Segments sent as a client of this machine's own, and the answers to them: raw sockets, which take CAP_NET_RAW."""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Self

from hardtack.control.configuration.schema import Host
from hardtack.control.handovers.segments import Answer, read
from hardtack.kernel.routes import DISCARD

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, ETH_P_8021Q = 0x0003, 0x0800, 0x86DD, 0x8100
SO_ATTACH_FILTER = 26
LONGEST = 2048  # bytes of an answer that are read
# Classic BPF from the IP header on (linux/filter.h): code, jumps if true and false, operand; PORT: where TCP's must be
INSTRUCTION, PORT = struct.Struct("=HBBI"), -1
FILTER = (
    (0x30, 0, 0, 0),  # the version
    (0x74, 0, 0, 4),
    (0x15, 0, 5, 4),
    (0x30, 0, 0, 9),  # 4: the protocol, the header's length, the port
    (0x15, 0, 9, 6),
    (0xB1, 0, 0, 0),
    (0x48, 0, 0, 2),
    (0x15, 5, 6, PORT),
    (0x15, 0, 5, 6),
    (0x30, 0, 0, 6),  # 6: the next header, the port
    (0x15, 0, 3, 6),
    (0x28, 0, 0, 42),
    (0x15, 0, 1, PORT),
    (0x06, 0, 0, LONGEST),
    (0x06, 0, 0, 0),
)


class Wire:
    """A port of this machine's, from which segments go and to which answers come. OSError without CAP_NET_RAW."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._ours = self._made(socket.AF_INET, socket.SOCK_STREAM)  # so that the port is nobody else's meanwhile
        self._ours.bind(("", 0))
        self.port = self._ours.getsockname()[1]
        self._link = self._made(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        attach_filter(self._link, self.port)
        self._out = {4: self._made(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)}
        with suppress(OSError):  # a kernel without IPv6
            self._out[6] = self._made(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def _made(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        made = self._open.enter_context(socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol))
        return made

    def send(self, packet: bytes, address: IPv4Address | IPv6Address, host: Host, uplink: str) -> None:
        """On the way that frames for this host take. OSError."""
        if host.via != "mac":
            self._out[address.version].sendto(packet, (str(address), 0))
            return
        assert host.mac
        protocol = ETH_P_IP if address.version == 4 else ETH_P_IPV6
        if isinstance(host.vlan, int):
            packet, protocol = struct.pack(">HH", host.vlan, protocol) + packet, ETH_P_8021Q
        self._link.sendto(packet, (host.out or uplink, protocol, 0, 0, bytes.fromhex(host.mac.replace(":", ""))))

    def heard(self, until: float) -> Iterator[Answer]:
        """Answers as they come, until a moment of the monotonic clock."""
        while (left := until - time.monotonic()) > 0:
            self._link.settimeout(left)
            try:
                data = self._link.recv(LONGEST)
            except TimeoutError:
                return
            if answer := read(data):
                yield answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()


def attach_filter(link: socket.socket, port: int) -> None:
    """Have it hear nothing but answers: under a flood it would drown. OSError."""
    program = b"".join(INSTRUCTION.pack(*(code[:3]), port if code[3] == PORT else code[3]) for code in FILTER)
    memory = ctypes.create_string_buffer(program, len(program))
    link.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(FILTER), ctypes.addressof(memory)))


def own_address(address: IPv4Address | IPv6Address, interface: str | None) -> bytes:
    """That from which this machine would send there, by this interface if one is named. OSError: there is no way."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        if interface:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        asking.connect((str(address), DISCARD))
        return socket.inet_pton(family, asking.getsockname()[0].partition("%")[0])
