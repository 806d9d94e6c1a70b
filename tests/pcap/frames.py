"""Frames for the corpus: of all that expressions ask for, tagged, cut short and long; of the rows; and by a real kernel."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from frame_table import ROWS
from kernel_ground import veth_pair
from naive.frames import (
    ACK,
    FIN,
    GRE,
    ICMP,
    ICMP6,
    LINUX,
    PROVIDER,
    PSH,
    RST,
    SCTP,
    SYN,
    UDP,
    VLAN,
    Ethernet,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    carrying,
    datagram,
    fragment_header,
    frame,
    options_header,
)

from hardtack.mistake import Mistake

OF_ROWS = 60
BUFFER = 3520  # bytes that BPF_PROG_TEST_RUN keeps in the first buffer
PLAIN = Ethernet()
TAGS = [
    ((VLAN, 5),),
    ((VLAN, 0x6005),),
    ((PROVIDER, 7), (VLAN, 5)),
    ((VLAN, 5), (VLAN, 6)),
    ((VLAN, 1), (VLAN, 2), (VLAN, 3)),
]
TEXT = b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"


def tcp_frames() -> Iterator[bytes]:
    """TCP over both, many ports and flags."""
    hosts: list[IPv4 | IPv6] = [IPv4(), IPv6(), IPv4(source="203.0.113.9", options=bytes(8)), IPv6(source="2001:db8:5::9")]
    for ip in hosts:
        for port in (80, 443, 22, 8080):
            yield frame(ip, Tcp(destination_port=port, options=LINUX))
            yield frame(ip, Tcp(destination_port=port, flags=ACK | PSH, ack=77, payload=TEXT))
        yield frame(ip, Tcp(source_port=80, destination_port=40000, flags=SYN | ACK, ack=9))
        yield frame(ip, Tcp(source_port=53, flags=RST, window=0))
        yield frame(ip, Tcp(flags=FIN | ACK, seq=1, ack=2, urgent=5))
        yield frame(ip, Tcp(flags=ACK, payload=bytes(range(256)) * 5))


def other_frames() -> Iterator[bytes]:
    """Everything else that expressions have words for."""
    for ip in (IPv4(), IPv6(), IPv4(source="203.0.113.9", tos=0xB8, ttl=1), IPv4(options=bytes(40))):
        yield carrying(ip, UDP, datagram(53, 33333, b"\x12\x34\x81\x80" + bytes(40)))
        yield carrying(ip, UDP, datagram(40000, 53, b"\x12\x34\x01\x00" + bytes(12)))
        yield carrying(ip, UDP, datagram(123, 123, bytes(48)))
        yield carrying(ip, UDP, datagram(40000, 6081, b"\0\0\x65\x58\0\0\x2a\0" + frame()))
        yield carrying(ip, SCTP, struct.pack("!HHII", 80, 90, 1, 0))
        yield carrying(ip, GRE, bytes.fromhex("00000800") + bytes(20))
        yield carrying(ip, ICMP6 if isinstance(ip, IPv6) else ICMP, bytes([8, 0, 1, 2, 0, 1, 0, 1]) + bytes(24))
        yield carrying(ip, ICMP6 if isinstance(ip, IPv6) else ICMP, bytes([128, 3, 1, 2, 0, 1, 0, 1]) + bytes(24))
    yield frame(IPv4(fragment=0x2000))
    yield frame(IPv4(fragment=0x00B9))
    yield carrying(IPv4(fragment=0x20B9, protocol=UDP), UDP, datagram(53, 53, bytes(20)))
    yield frame(IPv6(extensions=(Extension(0, options_header()), Extension(44, fragment_header(0, True)))))
    yield frame(IPv6(extensions=(Extension(60, options_header(1)),)))
    yield PLAIN.encode(0x0806, bytes.fromhex("0001080006040001020000000c01c6336407000000000000c000020a") + bytes(18))
    yield PLAIN.encode(0x8847, bytes.fromhex("000640ff000651ff") + frame()[14:])
    yield PLAIN.encode(0x8847, bytes.fromhex("000641ff") + frame()[14:])
    yield PLAIN.encode(0x8864, bytes.fromhex("110000110030") + b"\0\x21" + frame()[14:])
    yield PLAIN.encode(0x8863, bytes.fromhex("110900000004") + bytes(40))
    yield PLAIN.encode(0x0026, bytes.fromhex("424203000000") + bytes(40))  # LLC: spanning tree
    yield Ethernet(destination=b"\xff" * 6).encode(0x88CC, bytes(46))
    yield Ethernet(destination=bytes.fromhex("01005e000001")).encode(0x0800, frame()[14:])
    yield bytes(60)
    yield b"\xff" * 60


def lengths() -> Iterator[bytes]:
    """Cut anywhere, and long, so that they have several buffers."""
    whole = frame(IPv4(options=bytes(4)), Tcp(options=LINUX, payload=TEXT), Ethernet(tags=TAGS[2]))
    for size in (14, 15, 16, 17, 18, 20, 21, 22, 23, 26, 30, 33, 34, 37, 41, 45, 50, 54, 58, 61, 66, 90):
        yield whole[:size]
        yield frame(tcp=Tcp(options=LINUX, payload=TEXT))[:size]
        yield frame(IPv6(), Tcp(payload=TEXT))[:size]
    for size in (1460, 3400, BUFFER - 54, BUFFER - 53, 3600, 8900):
        yield frame(tcp=Tcp(flags=ACK, payload=bytes(range(250)) * 36))[: size + 54]
    yield frame(IPv6(), Tcp(flags=ACK, payload=bytes(range(250)) * 36), Ethernet(tags=TAGS[0]))[:9000]


def tagged() -> Iterator[bytes]:
    """One, two and three tags."""
    for tags in TAGS:
        link = Ethernet(tags=tags)
        yield frame(IPv4(), Tcp(destination_port=80, options=LINUX), link)
        yield frame(IPv6(), Tcp(destination_port=443, flags=ACK, payload=TEXT), link)
        yield carrying(IPv4(), UDP, datagram(53, 53, bytes(30)), link)
        yield link.encode(0x8847, bytes.fromhex("000641ff") + frame()[14:])


def generated() -> list[bytes]:
    """All that are made by hand."""
    made = [*tcp_frames(), *other_frames(), *lengths(), *tagged()]
    rows = [row.frame for row in ROWS if len(row.frame) >= 14]
    return list(dict.fromkeys([*made, *rows[:: len(rows) // OF_ROWS]]))


def heard(sock: socket.socket) -> Iterator[bytes]:
    """What a packet socket has by now."""
    sock.setblocking(False)
    while True:
        try:
            yield sock.recv(65535)
        except BlockingIOError:
            return


def captured() -> list[bytes]:
    """What a Linux kernel's ends say to each other when somebody talks: ARP, neighbour discovery, UDP, TCP, ICMP. As root.

    left ====== right, in one namespace; TCP and UDP over lo, whose frames look like Ethernet's.
    """
    from pyroute2 import IPRoute

    with veth_pair() as (left, right), IPRoute() as kernel, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300) as ear:
        kernel.link("set", index=1, state="up")
        kernel.addr("add", index=left, address="192.0.2.1", prefixlen=24)
        kernel.addr("add", index=left, address="2001:db8::1", prefixlen=64, flags=2)  # IFA_F_NODAD
        if not right:
            raise Mistake("no veth")
        for family, here, there in ((socket.AF_INET, "127.0.0.1", "192.0.2.9"), (socket.AF_INET6, "::1", "2001:db8::9")):
            talk(family, here, there)
        return [frame for frame in heard(ear) if 14 <= len(frame) <= 9000]


def talk(family: int, here: str, there: str) -> None:
    """To ourselves by TCP and UDP, and to nobody, so that the kernel asks for him."""
    with socket.create_server((here, 0), family=family) as server, socket.socket(family, socket.SOCK_STREAM) as client:
        client.connect(server.getsockname()[:2])
        other, _ = server.accept()
        with other:
            client.sendall(TEXT)
            other.recv(4096)
            other.sendall(bytes(6000))
            client.recv(9000)
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"nobody listens", (here, 9))  # answered by ICMP
        sock.sendto(b"nobody is there", (there, 53))
