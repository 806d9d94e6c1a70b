"""Generated life in a small town: few clients and networks, few places in the table, small limits, CPUs whose clocks differ.

What is drawn are numbers that say who does what, where and when; which segment that is, is worked out when it happens
(`Town.segment`), from what the twin knows by then: so most of them are of connections, and plausible or just not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from naive import options
from naive.frames import ACK, FIN, PSH, RST, SYN, Ethernet, IPv4, IPv6, Tcp, frame, packed
from naive.moment import WINDOW, WORD
from naive.parse import Segment, parse
from naive.state import Name, State, mapped
from naive.world import (
    CALM,
    CALM6,
    CHALLENGED,
    CHALLENGED6,
    FEW,
    FEW6,
    HEARD,
    HEARD6,
    NOW,
    SCARCE,
    SCARCE6,
    SLOW,
    SLOW6,
    UNHEARD,
    UNHEARD6,
    WEB,
    WEB6,
)

Side = Literal["outside", "inside"]
BOOTED = (3 << 32) - (60 << 10)  # ms: a minute before 32 bits of it, and 16 of its windows and seconds, begin anew
PORT, CLIENT_PORT, ISN = 80, 40000, 0xFFFFFFF0
HOSTS = [(WEB, WEB6), (HEARD, HEARD6), (SLOW, SLOW6), (SCARCE, SCARCE6)]
HOSTS += [(CHALLENGED, CHALLENGED6), (FEW, FEW6), (UNHEARD, UNHEARD6), (CALM, CALM6)]
CLIENTS = [("198.18.1.1", "2001:db8:c01:1::1"), ("198.18.1.2", "2001:db8:c01:2::1"), ("198.18.1.3", "2001:db8:c01:1::2")]
CLIENTS += [(f"198.18.{number}.1", f"2001:db8:c{number:02x}::1") for number in range(2, 5)]
# Mostly little time passes: within a tick, a window, a second; now and then enough for a cookie or a guess to be forgotten
WAITS = [0, 0, 0, 0, 0, 1, 1, 1, 4, 4, 12, 12, 40, 60, 120, 128, 128, 129, 300, 1024, 1030, 4000, 8200, 66_000]
STEPS = [0] * 300 + [64_000, -64_000, 7_200_000, -7_200_000]
# A connection's whole life first, in its order; then what happens to it
WHAT = ["open", "open", "open", "open", "syn", "cookie", "confirm", "data"] * 4
WHAT += ["back", "fin", "host_fin", "wrong_ack", "host_reset", "bare_reset", "bad_cookie"] * 2
WHAT += ["host_syn", "syn_ack", "host_ack"] * 2
WHAT += ["wrong_seq", "near_reset", "far_reset", "again", "much", "spike", "error", "family", "calls"] * 2
WHAT += ["reset"] * 4 + ["guesses"] + ["whole"] * 8 + ["half"] * 4 + ["bounces"] * 8
SEVERAL = {"open": ["syn", "cookie"], "half": ["syn", "cookie", "syn"]}
SEVERAL |= {"whole": ["syn", "cookie", "syn", "host_ack", "data"], "again": ["syn"] * 4, "much": ["data"] * 70}
# What each says: flags; of clients how far ahead of what is expected, how far beyond what was sent; bytes of data
HOST_SAYS = {
    "confirm": (ACK, 0),
    "back": (ACK | PSH, 1000),
    "host_fin": (ACK | FIN, 0),
    "host_reset": (RST | ACK, 0),
    "bare_reset": (RST, 0),
    "host_syn": (SYN, 0),
    "host_ack": (SYN | ACK, 0),
}
CLIENT_SAYS = {
    "data": (ACK | PSH, 0, 0, 10),
    "fin": (ACK | FIN, 0, 0, 0),
    "wrong_seq": (ACK, 1 << 26, 0, 0),
    "wrong_ack": (ACK, 0, 1 << 26, 0),
    "near_reset": (RST, 1, 0, 0),
    "far_reset": (RST, 1 << 30, 0, 0),
    "reset": (RST | ACK, 0, 0, 0),
    "syn_ack": (SYN | ACK, 0, 0, 0),
    "bad_cookie": (ACK, 1, 7, 0),
}
SKEWS = st.sampled_from([0, 0, 1, 4, 12, -1, -4, -12, 130, -130, 2000, -2000])


@dataclass(frozen=True)
class Deed:
    """Who does what, on which CPU, how many ms after the last one; how far unix time steps before it."""

    what: str
    client: int
    cpu: int
    wait: int
    step: int


@dataclass(frozen=True)
class Life:
    """Limits, as fields of the twin's state; the CPUs' skews; what happens. `hosts`: with whom the clients begin."""

    limits: dict[str, int]
    skews: tuple[int, ...]
    deeds: list[Deed]
    hosts: int


@dataclass(frozen=True)
class Event:
    """A frame, where it is seen and when."""

    side: Side
    frame: bytes
    cpu: int
    now_ms: int
    ms: int


DEEDS = st.builds(
    Deed,
    st.sampled_from(WHAT),
    st.integers(0, 2 * len(CLIENTS) - 1),
    st.sampled_from([0, 0, 1, 2]),
    st.sampled_from(WAITS),
    st.sampled_from(STEPS),
)
LIMITS = st.fixed_dictionaries(
    {
        "replies": st.sampled_from([2, 8, 20, 200, 1 << 31]),
        "prefix_replies": st.sampled_from([1, 3, 9, 40, 1 << 31, 1 << 31]),
        "prefix_connections": st.sampled_from([1, 1, 2, 16, 1 << 31]),
        "taught": st.sampled_from([1, 1, 1 << 31]),
        "learned": st.sampled_from([1, 3, 1 << 31]),
        "grace_until": st.sampled_from([0, 0, BOOTED + 2000, BOOTED + 70_000]),
        "source_syns": st.sampled_from([2, 5, 205]),
        "source_life": st.sampled_from([1, 2, 4, 292]),
    }
)
LIVES = st.builds(
    Life,
    LIMITS,
    st.tuples(st.just(0), SKEWS, SKEWS),
    st.lists(DEEDS, min_size=30, max_size=60),
    st.integers(0, len(HOSTS) - 1),
)


def lives() -> SearchStrategy[Life]:
    """Some dozens of deeds on three CPUs."""
    return LIVES


class Town:
    """The twin's state, by which deeds become frames."""

    def __init__(self, state: State, hosts: int) -> None:
        self._state, self._hosts = state, hosts
        self._answers: dict[int, Segment] = {}
        self._challenges: dict[int, int] = {}
        self._isns: dict[int, int] = {}
        self._rng = Random(1)

    def answered(self, client: int, out: bytes) -> None:
        """The front's SYN-ACK has come home."""
        answer = parse(out)
        assert isinstance(answer, Segment)
        if answer.ack == (self._isns.get(client, ISN) + 1) % WORD:
            self._answers[client] = answer
        else:
            self._challenges[client] = answer.ack

    def events(self, life: Life) -> Iterator[tuple[Deed, Event]]:
        """One after the other: each is made when it is asked for."""
        now_ms, ms = NOW, BOOTED
        for deed in life.deeds:
            ms, now_ms = ms + deed.wait, now_ms + deed.wait + deed.step
            for said in self._frames(deed):
                if said is None:
                    ms, now_ms = ms + WINDOW, now_ms + WINDOW
                else:
                    yield deed, Event(*said, deed.cpu, now_ms, ms + life.skews[deed.cpu])

    def _frames(self, deed: Deed) -> Iterator[tuple[Side, bytes] | None]:
        """What is sent; None: a window passes."""
        if deed.what == "guesses":
            for port in range(130):
                yield "outside", self._sent(deed.client, Tcp(port, PORT, port, 7 * port, ACK))
        elif deed.what == "spike":
            for count in (40, 1, 3):
                for number in range(count):
                    yield "outside", self._strangers_syn(deed.client, number + 1)
                yield None
        elif deed.what == "family":
            for port in range(5):
                yield "outside", self._sent(deed.client, Tcp(port, PORT, ISN, 0, SYN))
                if deed.client in self._answers:
                    cookie = self._cookie(self._answers[deed.client])
                    yield "outside", self._sent(deed.client, replace(cookie, source_port=port))
        elif deed.what == "bounces":  # a live address that has never asked
            yield from (self._segment(deed.client, what) for what in ("syn", "cookie"))
            for flags in (SYN, RST):
                for port in range(4):
                    yield "outside", self._sent(deed.client, Tcp(port, PORT, (ISN + flags // RST) % WORD, 0, flags))
            yield self._segment(deed.client, "syn")
        elif deed.what == "calls":
            for port in range(3):
                yield "inside", self._said(deed.client, (SYN, 0), port, 0, port)
        elif deed.what == "error":
            for port in (CLIENT_PORT, CLIENT_PORT + 1):  # of a connection that may be known, and of one that nobody has
                yield "outside", self._error(deed.client, port)
        else:
            for what in SEVERAL.get(deed.what, [deed.what]):
                yield self._segment(deed.client, what)

    def _strangers_syn(self, client: int, number: int) -> bytes:
        source = f"11.{self._rng.getrandbits(8)}.{self._rng.getrandbits(8)}.{number}"
        return frame(IPv4(source, self._ends(client & ~1)[1]), Tcp(1, PORT))

    def _segment(self, client: int, what: str) -> tuple[Side, bytes]:
        known = self._state.connections.get(self._name(client))
        answer = self._answers.get(client)
        isn = self._isns.setdefault(client, ISN)
        following = known.next if known is not None else (isn + 1) % WORD
        sent = known.sent if known is not None else (answer.seq + 1) % WORD if answer is not None else 9000
        if what == "syn":
            if known is not None and known.fin_acked:
                ahead = 70_000_000 if self._rng.getrandbits(2) else -70_000_000  # or another one behind the same NAT
                self._isns[client] = isn = (isn + ahead) % WORD
            return "outside", self._sent(client, Tcp(CLIENT_PORT, PORT, isn, 0, SYN, options=offer(client)))
        if what == "cookie" and client in self._challenges:
            return "outside", self._sent(client, Tcp(CLIENT_PORT, PORT, self._challenges.pop(client), 0, RST))
        if what == "cookie" and answer is not None:
            return "outside", self._sent(client, self._cookie(answer))
        if what in HOST_SAYS:
            return "inside", self._said(client, HOST_SAYS[what], sent, following)
        flags, ahead, acked, size = CLIENT_SAYS.get(what, (ACK, 0, 0, 0))
        tcp = Tcp(CLIENT_PORT, PORT, (following + ahead) % WORD, (sent + acked) % WORD, flags, payload=bytes(size))
        return "outside", self._sent(client, tcp)

    def _cookie(self, answer: Segment) -> Tcp:
        carried = options.parse(answer.options)
        stamp = b"" if carried.tsval is None else b"\x01\x01\x08\x0a" + bytes(4) + carried.tsval.to_bytes(4, "big")
        return Tcp(CLIENT_PORT, PORT, answer.ack, (answer.seq + 1) % WORD, ACK, options=stamp)

    def _ends(self, client: int) -> tuple[str, str]:
        version, number = client % 2, client // 2
        return CLIENTS[number][version], HOSTS[(self._hosts + number) % len(HOSTS)][version]

    def _name(self, client: int) -> Name:
        source, destination = self._ends(client)
        return Name(mapped(packed(source)), mapped(packed(destination)), CLIENT_PORT, PORT)

    def _sent(self, client: int, tcp: Tcp) -> bytes:
        ends = self._ends(client)
        return frame(IPv6(*ends) if client % 2 else IPv4(*ends), tcp)

    def _said(self, client: int, say: tuple[int, int], sent: int, following: int, port: int = CLIENT_PORT) -> bytes:
        destination, source = self._ends(client)
        flags, size = say
        tcp = Tcp(PORT, port, sent, following if flags & ACK else 0, flags, payload=bytes(size))
        return frame(IPv6(source, destination) if client % 2 else IPv4(source, destination), tcp)

    def _error(self, client: int, port: int) -> bytes:
        ours, theirs = self._ends(client)
        tcp = Tcp(PORT, port).encode(theirs, ours)
        if client % 2 == 0:
            message = b"\x03\x04" + bytes(6) + IPv4(theirs, ours).encode(tcp)
            return carried(IPv4("198.51.100.1", theirs, protocol=1), message)
        return carried(IPv6("2001:db8::ff", theirs, next_header=58), b"\x02\0" + bytes(6) + IPv6(theirs, ours).encode(tcp))


def carried(ip: IPv4 | IPv6, message: bytes) -> bytes:
    """A frame with something else than TCP."""
    return Ethernet().encode(ip.ethertype, ip.encode(message))


def offer(client: int) -> bytes:
    """What a client offers: timestamps and window scaling, or next to nothing."""
    return bytes.fromhex(("020405b40402080a000000070000000001030307", "020405b401010402", "")[client % 3])
