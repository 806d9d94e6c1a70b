"""What an expression may be, and what is said of one that may not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hardtack.pcap import classic, libpcap
from hardtack.pcap.libpcap import ExpressionError, NoLibpcap, compile

NAME = "is a name, and names are not resolved"
REFUSED = [
    ("host example.org", f'"host example.org": `example.org` (character 6) {NAME}: write its address'),
    ("net loopback", f"`loopback` (character 5) {NAME}: write its address"),
    ("ether host gate", f"`gate` (character 12) {NAME}: write its address"),
    ("gateway gate", f"`gate` (character 9) {NAME}: write its address"),
    ("src gate", f"`gate` (character 5) {NAME}: write its address"),
    ("not gate", f"`gate` (character 5) {NAME}: write its address"),
    ("host 1.2.3.4.5", f"`1.2.3.4.5` (character 6) {NAME}: write its address"),
    ("host \\tcp", f"`\\tcp` (character 6) {NAME}: did you mean `tcp`? Else write an address"),
    ("len-20 > 5", f"`len-20` (character 1) {NAME}: write its address"),
    ("portt 80", f"`portt` (character 1) {NAME}: did you mean `port`? Else write an address"),
    ("port 80 and src http", f"`http` (character 17) {NAME}: write its address"),
    ("host 10.0.0.1 and (port 80) and http", f"`http` (character 33) {NAME}: write its address"),
    ("host (10.0.0.1 or (gate))", f"`gate` (character 20) {NAME}: write its address"),
    ("inbound", "`inbound` (character 1) needs a live capture"),
    ("tcp and ifindex 1", "`ifindex` (character 9) needs a live capture"),
    ("tcp und udp", f"`und` (character 5) {NAME}: write its address"),
    ("tcp \x1b[2J", '"tcp \\x1b[2J": `\\x1b` (character 5) is not valid in an expression'),
    ("tcp\0udp", "`\\x00` (character 4) is not valid in an expression"),
    ("host exämple", "`ä` (character 8) is not valid in an expression"),
    ("ip6 protochain 6", "it would walk a chain of headers in a loop (protochain): name the protocol with `proto`"),
    ("ether[4294967295] = 1", "it needs data of a live capture, or reads before the frame"),
    ("tcp or", "syntax error (libpcap)"),
    ("port 65536", "illegal port number 65536 > 65535 (libpcap)"),
    ("port nonesuch", "unknown port 'nonesuch' (libpcap)"),
    ("ip broadcast", "netmask not known, so 'ip broadcast' not supported (libpcap)"),
    ("tcp and udp", "expression rejects all packets (libpcap)"),
    ("x" * 5000, f'expression "{"x" * 60}…": it is longer than 4096 bytes: split it into several'),
    (" or ".join(f"port {port}" for port in range(300)), "it is too complex for libpcap's optimiser (19142 instructions)"),
]
TAKEN = [
    *("", "port http", "(port 80 or http)", "portrange ssh-http", "ip proto \\tcp", "ether proto \\arp", "llc i"),
    *("net 10.1", "host ::ffff:1.2.3.4", "dst net 2001:db8::/32", "ether host 00:11:22:33:44:55", "ip proto 47 or sctp"),
    *("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "net 10.0.0.0 mask 255.0.0.0", "icmp6[icmp6type] = icmp6-echo"),
    *("tcp[0:2]-1 > 5", "port 80 and (host 10.0.0.1) or http"),
]


@pytest.mark.parametrize(("expression", "complaint"), REFUSED, ids=[text[:30] for text, _ in REFUSED])
def test_what_is_refused_and_why(expression: str, complaint: str) -> None:
    with pytest.raises(ExpressionError) as error:
        compile(expression)
    assert complaint in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("expression", TAKEN)
def test_what_is_taken(expression: str) -> None:
    code = compile(expression).code
    assert all(here.ways(at) == () or max(here.ways(at)) < len(code) for at, here in enumerate(code))
    assert len(libpcap.listing(code)) == len(code)


def test_frames_that_begin_with_ip() -> None:
    assert [(here.mode, here.k) for here in compile("ip", "ip").code if here.reads_frame] == [(classic.ABSOLUTE, 0)]
    with pytest.raises(ExpressionError, match="ethernet addresses supported only on ethernet"):
        compile("ether host 00:11:22:33:44:55", "ip")


def test_long_code_is_refused() -> None:
    code = compile("tcp").code
    assert classic.objection(code * 100) == ""
    assert "the limit is 4096: split it into several" in classic.objection(code * 1000)


def test_the_word_vlan_is_a_word() -> None:
    assert compile("vlan 5 and tcp").sees_tags
    assert not compile("tcp port 5").sees_tags


def test_many_at_once() -> None:
    texts = [f"tcp port {port} or host 10.0.0.{port % 256}" for port in range(1, 400)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(compile, texts))
    assert together == [compile(text) for text in texts]


def test_a_listing_is_tcpdumps() -> None:
    assert libpcap.listing(compile("ip").code) == [
        "(000) ldh      [12]",
        "(001) jeq      #0x800           jt 2\tjf 3",
        "(002) ret      #262144",
        "(003) ret      #0",
    ]


@pytest.fixture
def forgotten() -> Iterator[None]:
    libpcap.library.cache_clear()
    yield
    libpcap.library.cache_clear()


def test_without_libpcap(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libpcap, "FILES", ("libpcap.so.nowhere",))
    with pytest.raises(NoLibpcap, match="apt-get install libpcap0"):
        compile("tcp")


def test_with_an_old_one(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libpcap, "OLDEST", (99, 0))
    with pytest.raises(NoLibpcap, match=r"libpcap version .* is too old"):
        compile("tcp")
