"""Generated traffic of a few connections, again and again the same ones: opened, followed, confused, ended, opened anew.

Segments are drawn with `random`, which is ten times as fast as Hypothesis: of these it takes many until something happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from naive import challenge, cookie
from naive.cookie import EPOCH, Flow
from naive.frames import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, VLAN, Ethernet, IPv4, IPv6, Tcp, frame, packed
from naive.state import Handshake, mapped
from naive.world import (
    BACK,
    BACK6,
    CALM6,
    CHALLENGED,
    CHALLENGED6,
    EPOCH_BEGINS,
    HEARD,
    HEARD6,
    HOPS,
    HOSTS,
    LOST,
    OPEN,
    OPEN6,
    PASSED,
    PASSED6,
    ROUTED,
    ROUTED6,
    RULED,
    RULED6,
    SLOW,
    SLOW6,
    SWITCHED,
    SWITCHED6,
    TRIED,
    UNHEARD,
    UNHEARD6,
    WEB,
    WEB6,
    state,
)

WORD = 1 << 32
WINDOW = 1 << 23  # bytes: see naive/known.py
KEYS, OLD_KEYS = state().keys, state().old_keys
ANSWERING_4, ANSWERING_6 = (CHALLENGED, UNHEARD, PASSED, OPEN, TRIED), (CHALLENGED6, UNHEARD6, PASSED6, OPEN6, CALM6)
HOSTS_4 = (WEB, ROUTED, SWITCHED, BACK, LOST, HEARD, SLOW, *ANSWERING_4)
HOSTS_6 = (WEB6, ROUTED6, SWITCHED6, BACK6, HEARD6, SLOW6, *ANSWERING_6)
CLIENTS_4, CLIENTS_6 = ("198.51.100.7", "198.51.100.8", "203.0.112.9"), ("2001:db8::1", "2001:db8:0:1::1", "2001:db8:1::9")
# ICMP errors: more for a host whose `default` drops what is not TCP, and for one with a rule that lets them in
ERRORS_4, ERRORS_6 = (*HOSTS_4, *[SWITCHED] * 4, RULED, RULED), (*HOSTS_6, *[SWITCHED6] * 4, RULED6, RULED6)
LISTED_4 = ("192.88.99.1", "192.88.99.9", "192.88.99.129", "192.88.99.200", "203.0.112.1")
LISTED_6 = ("2001:db8:bad::1", "2001:db8:bad:1::1", "2001:db8:bad:1:1::1", "2001:db8:bad:2::1", "2001:db8:bad:ffff::")
BASE = 0xFFFFFFF0  # of every client's sequence numbers: they soon wrap
HOSTS_BASE = 0x7FFFFFF0  # likewise of hosts', where no cookie says otherwise
MOMENTS = [EPOCH_BEGINS + t * EPOCH + at for t in (-1, 0, 1) for at in (0, 127, 128, 31_999, 32_000, 63_999)]
# How far a client's sequence number is from its SYN's: what comes first, and the edges of what a RST may have
AHEAD = [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 6, 6, 0, -1, WINDOW, WINDOW + 1, WINDOW + 6, 1 << 31]
FARTHER = [0] * 20 + [1, 5, 1 << 17, 1 << 26, -(1 << 26) - 1, 1 << 31]  # of an acknowledgment
PAYLOADS = [b"", b"", b"", b"x", b"hello"]
CLIENT_FLAGS = [ACK] * 8 + [ACK | PSH, ACK | FIN, ACK | FIN, ACK | FIN | PSH, ACK | URG, ACK | ECE, ACK | CWR]
CLIENT_FLAGS += [
    SYN,
    SYN,
    SYN | ECE | CWR,
    SYN | ACK,
    RST,
    RST,
    RST | ACK,
    0,
    FIN,
    FIN | PSH | URG,
    SYN | FIN,
    SYN | RST,
]
HOST_FLAGS = [ACK] * 6 + [ACK | PSH, ACK | FIN, ACK | FIN, SYN | ACK, SYN, RST, RST | ACK, 0]

# What hosts answer to a SYN, and what their clients then say
ANSWER_FLAGS, FIRST_FLAGS = [SYN | ACK] * 8 + [ACK, RST | ACK, SYN], [ACK] * 6 + [ACK | PSH, ACK | FIN, RST, RST | ACK, SYN]


@dataclass(frozen=True)
class Event:
    """A frame, where it is seen and when."""

    side: Literal["outside", "inside"]
    frame: bytes
    now_ms: int


def traffic(rng: Random, count: int) -> Iterator[Event]:
    """So many events of some twenty connections; one in forty is a handshake with a host that answers by itself."""
    for _ in range(count):
        now_ms = rng.choice(MOMENTS)
        if rng.random() < 0.025:
            yield from handshake(rng, now_ms)
            continue
        ip, tcp = client(rng)
        what = rng.random()
        if what < 0.25:
            tcp = with_cookie(rng, ip, tcp, now_ms)
        if what < 0.7:
            yield Event("outside", frame(ip, tcp, link(rng)), now_ms)
        elif what < 0.95:
            yield Event("inside", from_host(rng, ip, tcp), now_ms)
        else:
            yield Event("outside", error(rng, ip, tcp), now_ms)


def handshake(rng: Random, now_ms: int) -> Iterator[Event]:
    """A client proves its source, and is in touch with its host; now and then something is missing, or wrong."""
    ip: IPv4 | IPv6 = IPv4(rng.choice(CLIENTS_4), rng.choice(ANSWERING_4))
    if rng.random() < 0.5:
        ip = IPv6(rng.choice(CLIENTS_6), rng.choice(ANSWERING_6))
    syn = Tcp(41000 + rng.randrange(40), 80, BASE)
    first = replace(syn, seq=(BASE + rng.choice(AHEAD)) % WORD, ack=(HOSTS_BASE + 1 - rng.choice(FARTHER)) % WORD, flags=ACK)
    answer = replace(first, seq=(BASE + 1) % WORD, ack=HOSTS_BASE)
    key = KEYS[0].get(cookie.epoch(now_ms), bytes(16))
    for said in (with_proof(ip, syn, key, now_ms), syn, answer, replace(first, flags=rng.choice(FIRST_FLAGS))):
        if said is answer:
            yield Event("inside", from_host(rng, ip, said, rng.choice(ANSWER_FLAGS)), now_ms)
        elif rng.random() < 0.9:
            yield Event("outside", frame(ip, said), now_ms)


def client(rng: Random) -> tuple[IPv4 | IPv6, Tcp]:
    """A client's segment; which connection it is of, is by address and port."""
    ip: IPv4 | IPv6 = IPv4(destination=rng.choice(HOSTS_4)) if rng.random() < 0.6 else IPv6(destination=rng.choice(HOSTS_6))
    hops = rng.choice([57, 57, 57, 2, 1, 0])
    ip = replace(ip, ttl=hops) if isinstance(ip, IPv4) else replace(ip, hop_limit=hops)
    seq = (BASE + rng.choice(AHEAD)) % WORD
    flags, payload = rng.choice(CLIENT_FLAGS), rng.choice(PAYLOADS)
    if flags == SYN and rng.random() < 0.7:
        seq = BASE
    ack = (HOSTS_BASE + rng.choice(FARTHER)) % WORD if rng.random() < 0.9 else rng.getrandbits(32)
    if ack & 7 == 1:  # now and then, without another draw: lists are about him
        ip = replace(ip, source=(LISTED_4 if isinstance(ip, IPv4) else LISTED_6)[(ack >> 3) % 5])
    return ip, Tcp(40000 + rng.randrange(2), 80, seq, ack, flags, payload=payload)


def with_cookie(rng: Random, ip: IPv4 | IPv6, tcp: Tcp, now_ms: int) -> Tcp:
    """The same, with a cookie that is good, if the time it was made and the connection's SYN are right; or a challenge."""
    times = rng.random() < 0.5
    o, made = rng.getrandbits(7), now_ms - rng.choice([0, 10, 1000, 31_000, 97_000])
    host = HOSTS[mapped(packed(ip.destination))]
    if host.handshake.configured == Handshake.challenge:
        return with_proof(ip, tcp, KEYS[host.keys].get(cookie.epoch(made), bytes(16)), made)
    schedule = OLD_KEYS.get(host.keys, KEYS[host.keys]) if o & 1 else KEYS[host.keys]
    key = schedule.get(cookie.epoch(made), bytes(16))
    flow = Flow(packed(ip.source), packed(ip.destination), tcp.source_port, tcp.destination_port)
    fine = rng.getrandbits(2) if times else 0
    ours = cookie.make(key, flow, BASE, o, made, timestamps=times, ecn=False, fine=fine, scale=host.scale)
    carried = b"\x01\x01\x08\x0a" + bytes(4) + ours.tsval.to_bytes(4, "big") if ours.tsval is not None else b""
    flags = ACK | rng.choice([0, 0, PSH, FIN])
    return replace(tcp, seq=(BASE + 1) % WORD, ack=(ours.isn + 1) % WORD, flags=flags, options=carried)


def with_proof(ip: IPv4 | IPv6, tcp: Tcp, key: bytes, made: int) -> Tcp:
    """An RST that brings a challenge back."""
    flow = Flow(packed(ip.source), packed(ip.destination), tcp.source_port, tcp.destination_port)
    return replace(tcp, seq=challenge.make(key, flow, BASE, made).acknowledgment, flags=RST)


def from_host(rng: Random, ip: IPv4 | IPv6, tcp: Tcp, flags: int | None = None) -> bytes:
    """The host's side of it: acknowledges what a client's segment would have had as its sequence number."""
    back = replace(ip, source=ip.destination, destination=ip.source)
    flags = rng.choice(HOST_FLAGS) if flags is None else flags
    said = Tcp(tcp.destination_port, tcp.source_port, tcp.ack, tcp.seq, flags, payload=tcp.payload)
    hop = HOPS.get(mapped(packed(ip.destination)))
    by_itself = hop is not None and rng.random() < 0.8
    return frame(back, said, Ethernet(source=hop.mac) if hop is not None and by_itself else Ethernet())


def error(rng: Random, ip: IPv4 | IPv6, tcp: Tcp) -> bytes:
    """An ICMP error about a segment of the host's, at times to a client that nobody knows; or another message."""
    ip = replace(ip, destination=rng.choice(ERRORS_4 if isinstance(ip, IPv4) else ERRORS_6))
    back = replace(ip, source=ip.destination, destination=ip.source)
    port = rng.choice([tcp.source_port, tcp.source_port, 50000])
    quoted = back.encode(Tcp(tcp.destination_port, port).encode(back.source, back.destination))
    if isinstance(ip, IPv4):
        asked = replace(ip, source="198.51.100.1", protocol=1)
        return Ethernet().encode(ip.ethertype, asked.encode(bytes([rng.choice([3, 11, 8])]) + bytes(7) + quoted))
    told = replace(ip, source="2001:db8::ff", next_header=58, hop_limit=rng.choice([57, 255, 255]))
    return Ethernet().encode(ip.ethertype, told.encode(bytes([rng.choice([1, 2, 128, 135, 135])]) + bytes(7) + quoted))


def link(rng: Random) -> Ethernet:
    """Mostly untagged, and sent to the front."""
    to = Ethernet() if rng.random() < 0.9 else Ethernet(destination=rng.randbytes(6))
    return replace(to, tags=[(VLAN, rng.getrandbits(16))] * rng.choice([0, 0, 0, 0, 1, 2]))
