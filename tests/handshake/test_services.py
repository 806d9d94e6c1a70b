"""Services for which a cookie is not what a SYN is, beside the same without hardtack; docs/compatibility.md says so."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from lab_ground import eventually
from naive.frames import ACK, PSH

from handshake.raw import Peer, Wire
from handshake.stage import ADDRESSES, PATIENCE, SPARE, TALK, UNPROTECTED, Stage
from hardtack.lab.counters import tcp_events
from hardtack.lab.lab import NAMED_PORTS
from hardtack.lab.process import run
from hardtack.packet.reasons import Reason

OURS, ALONE = SPARE[7], 8099  # ports: with cookies, and without
TCP_DEFER_ACCEPT, TCP_MD5SIG, TCP_SAVE_SYN, TCP_SAVED_SYN = 9, 14, 27, 28  # linux/tcp.h
RESET_AT_CLOSE = struct.pack("=ii", 1, 0)  # struct linger

# A host that lets out only answers; what is dropped is counted
ANSWERS_ONLY = """
flush ruleset
table inet strict {{
    chain out {{
        type filter hook output priority 0; policy drop;
        ct state established,related accept
        meta l4proto {{ icmp, icmpv6 }} accept
        tcp sport {{ {accepted} }} accept
        tcp sport {{ {ours}, {alone} }} counter
    }}
}}
"""


@contextmanager
def listener(stage: Stage, port: int, *options: tuple[int, int]) -> Iterator[socket.socket]:
    """At the protected IPv4 address, with options of TCP."""
    made = stage.net.server.call(socket.socket)
    with made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option in options:
            made.setsockopt(socket.IPPROTO_TCP, *option)
        made.bind((ADDRESSES[4], port))
        made.listen()
        made.settimeout(PATIENCE)
        yield made


def test_who_waits_for_data_before_he_accepts_gets_the_connection_before(stage: Stage) -> None:
    """What is promised by TCP_DEFER_ACCEPT is that he may have to wait for it. Without hardtack the ACK is dropped."""
    with listener(stage, OURS, (TCP_DEFER_ACCEPT, 30)) as service, stage.connect(4, OURS) as client:
        accepted, (_, port) = service.accept()
        with accepted:
            assert port == client.getsockname()[1]
    with listener(stage, ALONE, (TCP_DEFER_ACCEPT, 30)) as service, stage.connect(4, ALONE) as client:
        service.settimeout(0.5)
        with pytest.raises(TimeoutError):
            service.accept()
        client.sendall(b"now")
        service.settimeout(PATIENCE)
        service.accept()[0].close()


@pytest.mark.parametrize(("port", "length"), [(OURS, 0), (ALONE, 60)])
def test_who_keeps_syns_has_none(stage: Stage, port: int, length: int) -> None:
    with listener(stage, port, (TCP_SAVE_SYN, 1)) as service, stage.connect(4, port):
        accepted = service.accept()[0]
        with accepted:
            assert len(accepted.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 200)) == length


def sign(made: socket.socket, peer: str) -> None:
    """TCP-MD5 towards a peer: struct tcp_md5sig."""
    address = struct.pack("=HH4s120x", socket.AF_INET, 0, socket.inet_aton(peer))
    made.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, address + struct.pack("=BBHi80s", 0, 0, 3, 0, b"key"))


def test_who_signs_by_md5_does_not_take_our_answer(stage: Stage) -> None:
    """Peers that sign drop it, and do not connect. By a port that is not protected they do."""
    for port, works in ((OURS, False), (ALONE, True)):
        with listener(stage, port) as service, stage.net.client.call(socket.socket) as client:
            sign(service, stage.client_address(4))
            sign(client, ADDRESSES[4])
            client.setblocking(False)
            before = tcp_events(stage.net.client)["TcpExtTCPMD5NotFound"]
            client.connect_ex((ADDRESSES[4], port))
            if works:
                service.accept()[0].close()
            else:
                assert eventually(lambda: tcp_events(stage.net.client)["TcpExtTCPMD5NotFound"] > before, PATIENCE)  # noqa: B023


def test_who_promises_timestamps_and_sends_none_is_a_stranger(stage: Stage, wire: Wire, version: int) -> None:
    """Half of the cookie was in them. RFC 7323 3.2 wants them in each segment; Linux alone can do without."""
    for port, works in ((TALK, False), (UNPROTECTED, True)):
        peer = Peer(wire, version, port)
        with stage.counting() as seen:
            peer.syn()
            peer.echo = None
            peer.send(ACK | PSH, b"info\n" if port == TALK else b"GET /small HTTP/1.0\r\n\r\n")
            if works:
                assert peer.hear(lambda heard: bool(heard.payload))
            wire.settle()
        assert seen.front[Reason.stray_data] == (not works)
        peer.leave()


@pytest.fixture
def strict(stage: Stage) -> Iterator[Callable[..., None]]:
    """Rules for the host: what goes out there without being an answer, only from these ports. Connections are soon over."""

    def set_rules(*accepted: int) -> None:
        write_rules(stage, ANSWERS_ONLY.format(accepted=", ".join(map(str, accepted or (1,))), ours=OURS, alone=ALONE))

    stage.net.server.sysctl("net.netfilter.nf_conntrack_tcp_timeout_close", 1)
    yield set_rules
    write_rules(stage, "flush ruleset")


def write_rules(stage: Stage, text: str) -> None:
    done = run(["sh", "-c", f"nft -f - <<'END'\n{text}\nEND"], stage.net.server)
    assert done.returncode == 0, done.stderr


def tracked(stage: Stage, source: int, port: int) -> Sequence[str]:
    """The states of connections from one port to another, as the host's conntrack has them."""
    lines = stage.net.server.call(Path("/proc/thread-self/net/nf_conntrack").read_text).splitlines()
    return [line.split()[5] for line in lines if f"sport={source} dport={port} " in line]


def dropped(stage: Stage) -> bool:
    """Whether anything was that the host meant to send."""
    return b"counter packets 0 " not in run(["nft", "list", "table", "inet", "strict"], stage.net.server).stdout


def reused(stage: Stage, service: socket.socket, source: int, port: int) -> tuple[socket.socket, socket.socket]:
    """A client's second connection by the same port, after a first one that it has reset. Both ends."""
    client = stage.connect(4, port, source_port=source)
    with service.accept()[0] as served:
        served.sendall(b"hello")
        assert client.recv(5, socket.MSG_WAITALL) == b"hello"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        client.close()
        with pytest.raises(ConnectionResetError):
            served.recv(1)
    return stage.connect(4, port, source_port=source), service.accept()[0]


@pytest.mark.parametrize(
    ("source", "port", "may_leave", "silent"),
    [(NAMED_PORTS[-3], ALONE, (), False), (NAMED_PORTS[-2], OURS, (), True), (NAMED_PORTS[-1], OURS, (OURS,), False)],
    ids=["without hardtack", "answers only", "and that port"],
)
def test_where_only_answers_may_leave_a_reused_port_goes_silent(
    stage: Stage, strict: Callable[..., None], source: int, port: int, may_leave: tuple[int, ...], silent: bool
) -> None:
    """Conntrack has not seen the SYN that would have begun it anew, holds it for closed, and soon forgets it. What the host
    says next is then new. Its port among what may leave, nothing is lost.
    """
    strict(*may_leave)
    with listener(stage, port) as service:
        client, served = reused(stage, service, source, port)
        with client, served:
            if port == ALONE:
                assert tracked(stage, source, port) == ["ESTABLISHED"]
            else:
                assert eventually(lambda: not tracked(stage, source, port), PATIENCE)
            served.sendall(b"hello")
            if silent:
                assert eventually(partial(dropped, stage), PATIENCE)
            else:
                assert client.recv(5, socket.MSG_WAITALL) == b"hello"
                assert not dropped(stage)
