"""SYNs with options that hardtack does not know, with tags, extension headers, data: answered, and nothing reflected."""

from __future__ import annotations

import socket
import struct

import pytest
from naive.frames import (
    ACK,
    DESTINATION,
    FIN,
    HOP_BY_HOP,
    PROVIDER,
    RST,
    SYN,
    VLAN,
    Extension,
    options_header,
)
from naive.parse import parse

from handshake.raw import ALL_OPTIONS, Peer, Wire, tag_showing_socket, with_tag
from handshake.stage import ADDRESSES, PATIENCE, TALK, Stage
from hardtack.packet.reasons import Reason

IPPROTO_MPTCP = 262
TCP_FASTOPEN_CONNECT = 30  # linux/tcp.h
MSS, NOP = "020405b4", "01"
UNKNOWN = {
    "fast open, asking": "2202 0101",
    "fast open, with a cookie": "220a 0011223344556677 0101",
    "fast open, experimental": "fe04 f989",
    "mptcp": "1e0c 0181 0011223344556677",
    "md5": "1312 00112233445566778899aabbccddeeff 0101",
    "authentication": "1d10 0102 00112233445566778899aabb",
    "user timeout": "1c04 8123",
    "none of this world": "fd08 c0ffee c0ffee",
}
TAGS = {"802.1Q": [(VLAN, 0x6005)], "802.1ad": [(PROVIDER, 7)], "QinQ": [(PROVIDER, 0x2007), (VLAN, 0x0005)]}
CHAINS = {
    "hop-by-hop": [Extension(HOP_BY_HOP, options_header())],
    "destination options": [Extension(DESTINATION, options_header())],
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_unknown_options_are_answered_and_not_reflected(
    stage: Stage, wire: Wire, version: int, name: str, first: bool
) -> None:
    unknown, known = bytes.fromhex(UNKNOWN[name]), bytes.fromhex(MSS + "0402" + NOP + "030307" + NOP * 3)
    peer = Peer(wire, version, TALK)
    with stage.counting() as seen:
        answer = peer.syn(unknown + known if first else known + unknown)
        assert (answer.flags, answer.offer.sack, answer.offer.scale) == (SYN | ACK, True, 7)
        assert answer.segment.options == struct.pack("!BBH", 2, 4, answer.offer.mss) + bytes.fromhex("01010402 01030307")
        peer.send(ACK)
        facts = peer.ask()
    assert (facts["sack"], facts["send_scale"], facts["timestamps"]) == (True, 7, False)
    assert seen.cookies() == (1, 1, 0)


def test_a_client_with_fast_open(stage: Stage, version: int) -> None:
    stage.net.client.sysctl("net.ipv4.tcp_fastopen", 1)
    with stage.counting() as seen, stage.net.client.call(unconnected, version, socket.IPPROTO_TCP) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        connection.connect((ADDRESSES[version], TALK))  # the SYN waits for the data
        assert stage.info(connection)["sack"]
    assert seen.cookies() == (1, 1, 0)


def test_a_client_with_mptcp_falls_back_to_tcp(stage: Stage, version: int) -> None:
    with stage.counting() as seen, stage.net.client.call(unconnected, version, IPPROTO_MPTCP) as connection:
        connection.connect((ADDRESSES[version], TALK))
        assert stage.info(connection)["sack"]
    assert seen.cookies() == (1, 1, 0)


def unconnected(version: int, protocol: int) -> socket.socket:
    """A client's socket."""
    made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM, protocol)
    made.settimeout(PATIENCE)
    return made


def test_data_with_the_syn_is_left_to_be_sent_again(stage: Stage, wire: Wire, version: int) -> None:
    peer = Peer(wire, version, TALK)
    with stage.counting() as seen:
        answer = peer.syn(payload=b"info\n")
        assert answer.ack == peer.seq, "the SYN alone is acknowledged"
        assert not answer.payload
        assert peer.ask()["peer"] == [peer.source, peer.source_port]
    assert seen.cookies() == (1, 1, 0)


@pytest.mark.parametrize("name", TAGS)
def test_tags_come_back_as_they_were(stage: Stage, wire: Wire, version: int, name: str) -> None:
    peer = Peer(wire, version, TALK, tags=TAGS[name])
    with stage.net.client.call(tag_showing_socket, stage.net.near.name) as packets, stage.counting() as seen:
        wire.send(peer.frame(SYN, seq=peer.isn, ack=0, carried=ALL_OPTIONS))
        while isinstance(segment := parse(with_tag(packets)), Reason) or segment.flags != SYN | ACK:
            continue
    assert seen.front[Reason.answered] == 1
    tags = b"".join(struct.pack("!HH", *tag) for tag in TAGS[name])
    ethertype = b"\x08\x00" if version == 4 else b"\x86\xdd"
    assert segment.link == wire.net.near.mac + wire.net.outside.mac + tags + ethertype
    assert segment.destination_port == peer.source_port


@pytest.mark.parametrize("name", CHAINS)
def test_extension_headers_before_the_syn(stage: Stage, wire: Wire, name: str) -> None:
    peer = Peer(wire, 6, TALK, extensions=CHAINS[name])
    with stage.counting() as seen:
        peer.syn()
        peer.send(ACK)
        assert peer.ask()["peer"] == [peer.source, peer.source_port]
    assert seen.cookies() == (1, 1, 0)


@pytest.mark.parametrize(("more", "reason"), [(FIN, Reason.syn_fin), (RST, Reason.syn_rst)])
def test_impossible_flags_are_dropped(stage: Stage, wire: Wire, version: int, more: int, reason: Reason) -> None:
    peer = Peer(wire, version, TALK)
    with stage.counting() as seen, stage.events() as events:
        wire.send(peer.frame(SYN | more, seq=peer.isn, ack=0, carried=ALL_OPTIONS))
        wire.settle()
    assert (seen.front[reason], seen.front[Reason.answered]) == (1, 0)
    assert not peer.heard()
    assert events["TcpInSegs"] == 0
