"""How hosts are asked at a start: cookies that fronts and agents would take for their own, whole packets, answers."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import cookie as twin
from naive import options, parse
from naive.siphash import siphash as slow

from hardtack.control.handovers import segments
from hardtack.control.handovers.cookie import Cookie, Flow, cookie, siphash
from hardtack.kernel.tcp import OPTIONS, Speech

MASTER = bytes(range(32))
NOW = 1_763_800_000_345  # unix ms
FLOWS = [
    Flow(ip_address(client).packed, ip_address(host).packed, 50_123, 443, 0xFFFFFFFF)
    for client, host in (("198.51.100.7", "192.0.2.10"), ("2001:db8::1", "2001:db8::2"))
]


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=60))
def test_siphash_is_that_of_the_twin(key: bytes, message: bytes) -> None:
    assert siphash(key, message) == slow(key, message)


@pytest.mark.parametrize("flow", FLOWS, ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("offered", [OPTIONS, ("timestamps",), ("sack", "window_scaling"), ()], ids=str)
@pytest.mark.parametrize("promised", [Speech(), Speech(("sack",), 12)], ids=["all", "sack"])
def test_the_twin_takes_such_a_cookie(flow: Flow, offered: tuple[str, ...], promised: Speech) -> None:
    for ms in (NOW, NOW + 63_999):
        made = cookie(MASTER, flow, promised, offered, ms)
        keys = twin.keys(MASTER, range(ms // twin.EPOCH - 1, ms // twin.EPOCH + 2))
        name = twin.Flow(flow.source, flow.destination, flow.source_port, flow.destination_port)
        for packet in segments.bringing(flow, made, 77):
            segment = read(packet)
            tsecr = options.parse(segment.options).tsecr
            ack = int.from_bytes(segment.packet.transport[8:12], "big")
            admitted = twin.check(keys, name, segment.seq, ack, tsecr, ms, promised.scale)
            assert isinstance(admitted, twin.Admitted), admitted
            taken = {*offered} & {*promised.options}
            seen = (admitted.sack, admitted.timestamps, admitted.scale is not None, admitted.ecn)
            assert seen == ("sack" in taken, "timestamps" in taken, "window_scaling" in taken, False)
            assert admitted.mss == {4: 1460, 6: 1440}[flow.version]


def read(packet: bytes) -> parse.Segment:
    """As the twin does."""
    segment = parse.parse(bytes(12) + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet)
    assert isinstance(segment, parse.Segment), segment
    return segment


@pytest.mark.parametrize("flow", FLOWS, ids=["ipv4", "ipv6"])
def test_packets_are_whole(flow: Flow) -> None:
    made = Cookie(7, 9)
    sent = [segments.syn(flow), *segments.bringing(flow, made, 1), segments.reset(flow, 2)]
    for packet, flags, seq in zip(sent, (2, 16, 17, 4), (0xFFFFFFFF, 0, 0, 1), strict=True):
        segment = read(packet)
        assert (segment.flags, segment.seq) == (flags, seq)
        tcp = packet[20 if flow.version == 4 else 40 :]
        assert segments.summed(flow.source + flow.destination + struct.pack(">II", len(tcp), 6) + tcp) == 0
        assert flow.version == 6 or segments.summed(packet[:20]) == 0


def test_answers_are_read_and_nothing_else() -> None:
    for flow in FLOWS:
        packet = segments.reset(flow, 0)
        assert segments.read(packet) == segments.Answer(flow.source, flow.source_port, segments.RST, flow.isn, 0)
        for length in range(len(packet)):
            assert segments.read(packet[:length]) is None
    assert segments.read(b"\x45" + bytes(60)) is None
