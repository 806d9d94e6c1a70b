"""The steering program, verified by the kernel and asked about single frames: what goes up, and what if nobody is there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from af_xdp_ground import PORT, Ground, ground
from kernel_ground import needs_root
from naive.frames import ACK, SYN, UDP, Ethernet, IPv4, Tcp, carrying, datagram, frame

from hardtack.compiler.objects import compiled
from hardtack.engines.af_xdp import WHEN_DOWN
from hardtack.image import ONLY
from hardtack.kernel.programs import Program, load
from hardtack.kernel.umem import Umem
from hardtack.kernel.xsk import Sizes, Socket, open_socket
from hardtack.lab.addresses import CLIENT, SECOND, SERVER
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import Host
from hardtack.packet.programs import FRONT, STEER
from hardtack.packet.reasons import Reason

pytestmark = needs_root

DROP, PASS, TX, REDIRECT = 1, 2, 3, 4  # enum xdp_action
KNOWN = 40_000  # the client's port of a known connection
KERNEL, DIRECT = SERVER[0], SECOND[0]
NUMBERS = {KERNEL: 1, DIRECT: 2}
QUEUE = bytes(4)  # the place of the only one


@dataclass
class Steered:
    """The program over filled tables, and a socket for it."""

    place: Ground
    program: Program
    socket: Socket

    def of(self, data: bytes) -> tuple[int, list[Reason]]:
        """The action for a frame, and the reasons that were counted meanwhile."""
        before = self.counted()
        action = self.program.test_run(data).verdict
        after = self.counted()
        return action, [reason for reason in Reason if reason < len(after) and after[reason] != before[reason]]

    def counted(self) -> list[int]:
        counters = self.place.tables["counters"]
        rows = [frames_of(counters.totals(n.to_bytes(4, "little"))) for n in range(len(NUMBERS) + 1)]
        return [sum(column) for column in zip(*rows, strict=True)]

    def attend(self, there: bool, when_down: str = "pass") -> None:
        """Whether there is a socket; what happens without."""
        self.place.tables["steering"].update(ONLY, WHEN_DOWN[when_down].to_bytes(8, "little"))
        if there:
            self.place.tables["xsks"].update(QUEUE, struct.pack("=I", self.socket.fd))
        else:
            self.place.tables["xsks"].delete(QUEUE)


@pytest.fixture(scope="module")
def steered() -> Iterator[Steered]:
    with ground() as place, load(compiled(FRONT), place.tables) as front, load(compiled(STEER), place.tables) as steer:
        place.tables["steered"].update(bytes(4), front.fd.to_bytes(4, "little"))
        for host, number in NUMBERS.items():
            place.add_connection(host, number, KNOWN)
        outside = place.net.outside
        with Umem(64) as umem, outside.namespace.call(open_socket, umem, outside.name, 0, Sizes(64, 64, 64, 64)) as socket:
            yield Steered(place, steer, socket)


def segment(steered: Steered, host: str, port: int, flags: int, known: bool = False) -> bytes:
    return steered.place.segment(host, Tcp(KNOWN if known else 50_000, port, flags=flags, seq=1, ack=1))


@pytest.mark.parametrize("host", [KERNEL, DIRECT])
def test_what_may_be_new_goes_up(steered: Steered, host: str) -> None:
    steered.attend(True)
    for flags in (SYN, ACK):
        assert steered.of(segment(steered, host, PORT, flags)) == (REDIRECT, [])


def test_known_connections_go_up_unless_the_kernel_is_to_have_them(steered: Steered) -> None:
    steered.attend(True)
    assert steered.of(segment(steered, DIRECT, PORT, ACK, known=True)) == (REDIRECT, [])
    assert steered.of(segment(steered, KERNEL, PORT, ACK, known=True)) == (PASS, [Reason.connection])


def test_the_kernel_has_all_else(steered: Steered) -> None:
    steered.attend(True)
    link = Ethernet(steered.place.net.near.mac, steered.place.net.outside.mac)
    elsewhere = frame(IPv4(CLIENT[0], "203.0.113.9"), Tcp(), link)
    assert steered.of(elsewhere) == (PASS, [Reason.not_ours])
    assert steered.of(link.encode(0x0806, bytes(28))) == (PASS, [Reason.not_ip])
    assert steered.of(segment(steered, DIRECT, 22, SYN)) == (PASS, [Reason.other_port])
    udp = carrying(IPv4(CLIENT[0], DIRECT, protocol=UDP), UDP, datagram(1000, 53), link)
    assert steered.of(udp) == (PASS, [Reason.default_pass])


def test_hosts_with_rules_are_judged_here(steered: Steered) -> None:
    """The front's program goes on in rule programs; there is none here."""
    steered.attend(True)
    rules = np.frombuffer(steered.place.tables["hosts"].memory(), Host, NUMBERS[DIRECT] + 1)["rules"]
    rules[NUMBERS[DIRECT]] = 1
    assert steered.of(segment(steered, DIRECT, PORT, SYN)) == (TX, [Reason.answered])
    rules[NUMBERS[DIRECT]] = 0


def test_frames_of_several_buffers_are_judged_here(steered: Steered) -> None:
    steered.attend(True)
    large = steered.place.segment(DIRECT, Tcp(50_000, PORT, flags=ACK, payload=bytes(6000)))
    assert steered.of(large) == (DROP, [Reason.stray_data])


def test_scans_are_dropped_where_they_are(steered: Steered) -> None:
    steered.attend(True)
    assert steered.of(segment(steered, DIRECT, PORT, 0)) == (DROP, [Reason.null])


@pytest.mark.parametrize(
    ("when_down", "unknown", "known"),
    [
        ("pass", (PASS, []), (PASS, [])),
        ("hold", (DROP, [Reason.held]), (PASS, [])),
        ("judge", (TX, [Reason.answered]), (PASS, [Reason.connection])),
    ],
)
def test_without_a_socket(
    steered: Steered, when_down: str, unknown: tuple[int, list[Reason]], known: tuple[int, list[Reason]]
) -> None:
    steered.attend(False, when_down)
    assert steered.of(segment(steered, KERNEL, PORT, SYN)) == unknown
    assert steered.of(segment(steered, KERNEL, PORT, ACK, known=True)) == known
    assert steered.of(segment(steered, KERNEL, 22, SYN)) == (PASS, [Reason.other_port])
