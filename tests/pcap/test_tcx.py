"""At tcx, on frames that a kernel really receives: of which the first buffer holds the Ethernet header and no more.

A packet socket on `left` sends; a frame of a page or more gets such buffers (packet_snd(), net/packet/af_packet.c).

    left ====== right, a rule program at its tcx ingress
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel_ground import needs_root, one_cpu, veth_pair
from naive.frames import ACK, VLAN, Ethernet, IPv4, IPv6, Tcp, frame
from pyroute2 import IPRoute

from hardtack.image import ONLY, Table
from hardtack.kernel import links, maps, programs
from hardtack.kernel.maps import Map
from hardtack.pcap.libpcap import Expression, compile
from hardtack.pcap.programs import Onward, rule_program
from pcap.corpus import EXPRESSIONS
from pcap.judges import Libpcap

pytestmark = needs_root
RECORD, NEXT = Table("record", "percpu_array", 4, 8, 1), Table("next", "prog_array", 4, 4, 1)
TCX_NEXT, UNSEEN, PAGE = -1, 0xFFFFFFFF, 4096
LONG = Tcp(flags=ACK, payload=bytes(range(250)) * 30)
SENT = [
    frame(IPv4(), LONG),
    frame(IPv6(), LONG),
    frame(tcp=Tcp(destination_port=80)),
    frame(IPv4(), LONG, Ethernet(tags=((VLAN, 5),))),
]


@contextmanager
def wire() -> Iterator[tuple[socket.socket, int]]:
    """A socket on the one end, the other one's number; jumbo frames, and nobody else says anything."""
    with veth_pair() as (left, right), IPRoute() as kernel, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        for index, name in ((left, "left"), (right, "right")):
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
            kernel.link("set", index=index, mtu=9000)
        sock.bind(("left", 0))
        yield sock, right


def positions(expression: Expression, sock: socket.socket, ifindex: int, record: Map, onward: Map) -> list[int]:
    """What a rule program of one expression finds, frame by frame."""
    image = rule_program([expression], Onward(RECORD, 4, NEXT, 0, TCX_NEXT), "tcx")
    found = []
    with programs.load(image, {"record": record, "next": onward}) as program, links.attach_tcx(program, ifindex):
        for sent in SENT:
            record.update(ONLY, struct.pack("=II", 0, UNSEEN))
            sock.send(sent)
            rows = [struct.unpack("=II", row)[1] for row in record.lookup_all(ONLY)]
            found.append(next((position for position in rows if position != UNSEEN), UNSEEN))
    return found


def test_what_is_in_later_buffers_is_read_too() -> None:
    """The kernel has taken the outermost tag off before (skb_vlan_untag()): nothing here sees it, `vlan` neither."""
    assert all(len(sent) > PAGE or len(sent) == 54 for sent in SENT)
    seen = [*SENT[:3], SENT[3][:12] + SENT[3][16:]]
    with one_cpu(), wire() as (sock, ifindex), maps.create(RECORD) as record, maps.create(NEXT) as onward:
        for text in EXPRESSIONS[::5]:
            expression = compile(text)
            judge = Libpcap(expression)
            assert positions(expression, sock, ifindex, record, onward) == [judge.match(each) for each in seen], text
