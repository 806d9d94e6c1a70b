"""A client by hand: every segment is written here, and none is sent that a test did not ask for.

Its addresses are the flood's, which the lab routes to the client's namespace but nobody there owns: no kernel answers
for them. Frames come from naive/, so nothing here is what the packet program is made of.
"""

from __future__ import annotations

import json
import random
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from naive import options, parse
from naive.frames import ACK, FIN, PSH, RST, SYN, Ethernet, Extension, IPv4, IPv6, Tcp, frame

from handshake.stage import ADDRESSES, PATIENCE
from hardtack.lab.capture import Capture, capturing
from hardtack.lab.clients import ping
from hardtack.lab.links import Interface
from hardtack.lab.topology import Topology

TSVAL = 0x00C0FFEE
ALL_OPTIONS = bytes.fromhex("020405b4 0402 080a 00c0ffee 00000000 01 030307")  # as Linux: MSS SACK TS NOP WS
PLAIN_OPTIONS = bytes.fromhex("020405b4 01 030307 01 01 0402")  # the same without timestamps
LOW_32 = 0xFFFFFFFF
ETH_P_ALL, SOL_PACKET, PACKET_AUXDATA = 3, 263, 8  # linux/if_ether.h, linux/socket.h, linux/if_packet.h
AUXDATA, VLAN_VALID = struct.Struct("=I12xHH"), 1 << 4  # struct tpacket_auxdata: status, the tag, its kind


@dataclass(frozen=True)
class Heard:
    """A segment that came back, and the frame it was in."""

    frame: bytes
    segment: parse.Segment

    @property
    def flags(self) -> int:
        return self.segment.flags

    @property
    def is_reset(self) -> bool:
        return bool(self.flags & RST)

    @property
    def seq(self) -> int:
        return self.segment.seq

    @property
    def ack(self) -> int:
        return int.from_bytes(self.segment.packet.transport[8:12], "big")

    @property
    def offer(self) -> options.Offer:
        return options.parse(self.segment.options)

    @property
    def payload(self) -> bytes:
        transport = self.segment.packet.transport[: self.segment.packet.room]
        return transport[(transport[12] >> 4) * 4 :]


class Wire:
    """The client's end of its link: frames go out as they are, and all that come in are kept.

    Frames go from `sender` to `receiver`: from the client to the front, or past the front to the server.
    """

    def __init__(self, net: Topology, out: socket.socket, heard: Capture, sender: Interface, receiver: Interface) -> None:
        self.net, self._out, self._heard = net, out, heard
        self.sender, self.receiver = sender, receiver

    def send(self, *frames: bytes) -> None:
        """Put frames on the wire, in this order."""
        for data in frames:
            self._out.send(data)

    def wait_for(self, wanted: Callable[[bytes], bool], number: int = 1, timeout: float = PATIENCE) -> bytes:
        """The frame that is the `number`th to be wanted since the wire was made. TimeoutError if there is none."""
        return self._heard.wait_for(wanted, number, timeout)[-1]

    def settle(self) -> None:
        """Wait until all that was sent has been dealt with: an echo on the same way comes back behind it."""
        for address in ADDRESSES.values():
            assert ping(self.net.client, address)

    def heard(self) -> list[bytes]:
        """All that came so far."""
        return list(self._heard.frames)


@contextmanager
def wired(net: Topology, *, past_the_front: bool = False) -> Iterator[Wire]:
    """A wire to play on: the client's link, or the server's, as if there were a way to it that no front is on."""
    sender, receiver = (net.inside, net.far) if past_the_front else (net.near, net.outside)
    out = sender.namespace.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0)
    with out, capturing(net.near) as heard:
        out.bind((sender.name, 0))
        yield Wire(net, out, heard, sender, receiver)


@dataclass
class Peer:
    """One connection of the client by hand; `seq` is what it sends next, `ack` what it expects next."""

    wire: Wire
    version: int
    port: int
    to: str = ""
    tags: Sequence[tuple[int, int]] = ()
    extensions: Sequence[Extension] = ()
    isn: int = field(default_factory=lambda: random.getrandbits(32))
    source_port: int = field(default_factory=lambda: random.randrange(1024, 65536))

    def __post_init__(self) -> None:
        # A /24, a /48: what fronts have limits for; half of them are left to floods, and never bring a good cookie
        prefix, number = random.randrange(128, 256), random.getrandbits(8)
        source = f"198.18.{prefix}.{number}" if self.version == 4 else f"2001:db8:f1{prefix:02x}::{number:x}"
        self.source = str(ip_address(source))  # as the kernel writes it
        self.to = self.to or ADDRESSES[self.version]
        self.seq, self.ack, self.echo = (self.isn + 1) & LOW_32, 0, None

    seq: int = 0
    ack: int = 0
    echo: int | None = None  # the last TSval heard; None: no timestamps in use
    window: int = 64240

    def frame(self, flags: int, payload: bytes = b"", *, seq: int | None = None, ack: int | None = None,
              carried: bytes | None = None) -> bytes:  # fmt: skip
        """A segment of this connection, with timestamps if they are in use."""
        if carried is None:
            carried = b"" if self.echo is None else struct.pack("!BBBBII", 1, 1, 8, 10, TSVAL + 1, self.echo)
        tcp = Tcp(
            source_port=self.source_port,
            destination_port=self.port,
            seq=self.seq if seq is None else seq & LOW_32,
            ack=self.ack if ack is None else ack & LOW_32,
            flags=flags,
            window=self.window,
            options=carried,
            payload=payload,
        )
        link = Ethernet(self.wire.sender.mac, self.wire.receiver.mac, self.tags)
        if self.version == 4:
            return frame(IPv4(self.source, self.to), tcp, link)
        return frame(IPv6(self.source, self.to, self.extensions), tcp, link)

    def syn(self, carried: bytes = ALL_OPTIONS, flags: int = SYN, payload: bytes = b"") -> Heard:
        """Send the SYN; the SYN-ACK. What it says is kept for the segments to come."""
        before = len(self.heard())
        self.wire.send(self.frame(flags, payload, seq=self.isn, ack=0, carried=carried))
        answer = self.hear(lambda heard: bool(heard.flags & SYN), number=before + 1)
        self.take(answer)
        return answer

    def take(self, answer: Heard) -> None:
        """Keep what the SYN-ACK says."""
        self.ack, self.echo = (answer.seq + 1) & LOW_32, answer.offer.tsval

    def send(self, flags: int, payload: bytes = b"") -> None:
        """One segment in sequence, which then goes on behind it."""
        self.wire.send(self.frame(flags, payload))
        self.seq = (self.seq + len(payload) + bool(flags & FIN)) & LOW_32

    def leave(self) -> None:
        """End it, so that the server does not go on sending to nobody."""
        self.send(RST)

    def hear(self, wanted: Callable[[Heard], bool] = lambda heard: True, number: int = 1) -> Heard:
        """The segment to this connection that is the `number`th to be wanted. TimeoutError if there is none."""

        def fits(data: bytes) -> bool:
            mine = self._mine(data)
            return mine is not None and wanted(mine)

        mine = self._mine(self.wire.wait_for(fits, number))
        assert mine is not None
        return mine

    def heard(self) -> list[Heard]:
        """All segments to this connection so far."""
        return [mine for data in self.wire.heard() if (mine := self._mine(data))]

    def is_reset(self) -> bool:
        """Wait for an answer to what was sent after the SYN: whether it is a reset."""
        return self.hear(lambda heard: not heard.flags & SYN).is_reset

    def ask(self, word: bytes = b"info\n") -> dict[str, Any]:
        """Put a question to the talker; its line of JSON, which proves that it accepted this connection."""
        self.send(ACK | PSH, word)
        return self.hear_line()

    def hear_line(self) -> dict[str, Any]:
        """The talker's line of JSON."""
        answer: dict[str, Any] = json.loads(self.hear(lambda heard: heard.payload.endswith(b"}\n")).payload)
        return answer

    def _mine(self, data: bytes) -> Heard | None:
        segment = parse.parse(data)
        if not isinstance(segment, parse.Segment):
            return None
        ends = (segment.packet.source, segment.packet.destination, segment.source_port, segment.destination_port)
        packed = [socket.inet_pton(socket.AF_INET6 if ":" in end else socket.AF_INET, end) for end in (self.to, self.source)]
        return Heard(data, segment) if ends == (*packed, self.port, self.source_port) else None


def tag_showing_socket(interface: str) -> socket.socket:
    """All that comes in, with what the kernel has taken off."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    made.settimeout(PATIENCE)
    made.bind((interface, ETH_P_ALL))
    return made


def with_tag(packets: socket.socket) -> bytes:
    """The next frame as it was on the wire: the kernel takes the outer tag off, and says so beside it."""
    frame, [(_, _, about)], _, _ = packets.recvmsg(65536, 64)
    status, tag, kind = AUXDATA.unpack(about[: AUXDATA.size])
    return frame[:12] + struct.pack("!HH", kind, tag) + frame[12:] if status & VLAN_VALID else frame
