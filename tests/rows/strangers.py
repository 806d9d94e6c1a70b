"""Segments of no known connection: with a good cookie, with a bad one, without a key, in the grace period."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from naive.cookie import EPOCH
from naive.frames import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    RST,
    SYN,
    URG,
    Ethernet,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    frame,
    options_header,
)
from naive.prefixes import GUESSES
from naive.world import (
    ANY_PORT,
    EDGES,
    EPOCH_BEGINS,
    EPOCH_NOW,
    KEYS,
    LODGER,
    LOST,
    NOW,
    OLD_KEYS,
    OTHER_KEYS,
    SLOW,
    SLOW6,
    VIRTUAL,
    WEB,
    WEB6,
    WIDE,
    WIDE6,
)

from hardtack.packet.reasons import Reason
from rows.row import BARE, Row, acknowledgment, answered, first_ack

TO_80 = Tcp(destination_port=80)
WIDE_4, WIDE_6 = IPv4(destination=WIDE), IPv6(destination=WIDE6)
SLOW_4, SLOW_6 = IPv4(destination=SLOW), IPv6(destination=SLOW6)
REQUEST = b"GET / HTTP/1.1\r\n\r\n"
GOOD = acknowledgment()
KEYLESS = EPOCH_BEGINS + 3 * EPOCH  # the first moment without a key
GRACE = {"grace_until": NOW + 1}
BAD = (GOOD.ack + 256) % (1 << 32)  # the lowest bit of proof

COOKIES = [
    Row("a good cookie", first_ack(), Reason.remembered, number=1),
    Row("a good cookie over IPv6", first_ack(IPv6(), TO_80), Reason.remembered, number=1),
    Row("a good cookie with timestamps", first_ack(times=(7, 0)), Reason.remembered),
    Row("a good cookie with timestamps over IPv6", first_ack(IPv6(), TO_80, times=(7, 0)), Reason.remembered),
    Row("a good cookie with data", first_ack(payload=REQUEST, flags=ACK | PSH), Reason.remembered),
    Row("a good cookie with FIN", first_ack(flags=ACK | FIN), Reason.remembered),
    Row("a good cookie with data and FIN", first_ack(payload=REQUEST, flags=ACK | PSH | FIN), Reason.remembered),
    Row("a good cookie with URG, ECE and CWR", first_ack(flags=ACK | URG | ECE | CWR), Reason.remembered),
    Row("a good cookie under a VLAN tag", first_ack(link=Ethernet(tags=[(0x8100, 5)])), Reason.remembered),
    Row("a good cookie behind IP options", first_ack(IPv4(options=b"\x01" * 8)), Reason.remembered),
    Row(
        "a good cookie behind extension headers",
        first_ack(IPv6(extensions=[Extension(60, options_header(3))]), TO_80),
        Reason.remembered,
    ),
    Row("a good cookie, IPv4 checksum wrong: a router's business", first_ack(IPv4(checksum=1)), Reason.remembered),
    Row("a good cookie, ISN ffffffff", first_ack(syn=Tcp(seq=0xFFFFFFFF)), Reason.remembered),
    Row("a good cookie of the epoch before", first_ack(now_ms=EPOCH_BEGINS - 1), Reason.remembered, now_ms=EPOCH_BEGINS),
    Row("a good cookie, 32 s old", first_ack(now_ms=NOW), Reason.remembered, now_ms=NOW + 32_000),
    Row("a cookie of 96 s ago", first_ack(now_ms=NOW - 96_000), Reason.stray_ack),
    Row("a good cookie of the other set of keys", first_ack(IPv4(destination=LOST), keys=OTHER_KEYS), Reason.remembered),
    Row(
        "the first set's cookie, for a host of the other",
        first_ack(IPv4(destination=LOST), keys=KEYS),
        Reason.stray_ack,
    ),
    *(
        Row(f"{which} cookie for a host that takes an old key's, too: {what}", ack, Reason.remembered, number=10)
        for which, keys in (("an old key's", OLD_KEYS), ("the key's", KEYS))
        for what, ack in (
            ("IPv4", first_ack(SLOW_4, TO_80, keys=keys)),
            ("IPv6", first_ack(SLOW_6, TO_80, keys=keys)),
            ("timestamps", first_ack(SLOW_4, TO_80, keys=keys, times=(7, 0))),
            ("timestamps over IPv6", first_ack(SLOW_6, TO_80, keys=keys, times=(7, 0))),
            ("data and FIN", first_ack(SLOW_4, TO_80, keys=keys, payload=REQUEST, flags=ACK | FIN)),
            ("31 s old", first_ack(SLOW_6, TO_80, keys=keys, now_ms=NOW - 31_000)),
        )
    ),
    *(
        Row(f"for a host that takes an old key's cookies, too: {what}", ack, Reason.stray_ack, number=10)
        for what, ack in (
            ("another's", first_ack(SLOW_4, TO_80, keys=OTHER_KEYS)),
            ("an old one of 97 s ago", first_ack(SLOW_4, TO_80, keys=OLD_KEYS, now_ms=NOW - 97_000)),
            ("an old one, but a wrong echo", first_ack(SLOW_6, TO_80, keys=OLD_KEYS, times=(7, 1))),
            ("an old one, off by one", first_ack(SLOW_6, TO_80, keys=OLD_KEYS, ack=7)),
        )
    ),
    Row("an old key's cookie, for a host without one", first_ack(keys=OLD_KEYS), Reason.stray_ack, number=1),
    Row("the other set's cookie, for a host of the first", first_ack(keys=OTHER_KEYS), Reason.stray_ack, number=1),
    Row("a good cookie for another port, protected as well", first_ack(destination_port=80), Reason.stray_ack),
    Row("a good cookie from another port", first_ack(source_port=40001), Reason.stray_ack),
    Row("a good cookie, the sequence number off by one", first_ack(seq=GOOD.seq + 1), Reason.stray_ack),
    Row("a good cookie, the acknowledgment off by one", first_ack(ack=GOOD.ack + 1), Reason.stray_ack),
    Row("a bad cookie", first_ack(ack=BAD), Reason.stray_ack, number=1),
    Row("a bad cookie over IPv6", first_ack(IPv6(), TO_80, ack=7), Reason.stray_ack, number=1),
    Row("a bad cookie with data", first_ack(ack=BAD, payload=REQUEST), Reason.stray_data),
    Row("a bad cookie with 1 byte of data over IPv6", first_ack(IPv6(), TO_80, ack=7, payload=b"x"), Reason.stray_data),
    Row("a bad cookie with FIN", first_ack(ack=BAD, flags=ACK | FIN), Reason.stray_fin),
    Row("a bad cookie with FIN over IPv6", first_ack(IPv6(), TO_80, ack=7, flags=ACK | FIN), Reason.stray_fin),
    Row("a bad cookie with data and FIN", first_ack(ack=BAD, payload=REQUEST, flags=ACK | FIN), Reason.stray_fin),
    Row("padding is no data", first_ack(ack=BAD).ljust(60, b"\0"), Reason.stray_ack),
    Row("a good cookie, but an echo that differs in a bit of proof", first_ack(times=(7, 1)), Reason.stray_ack),
    Row("a good cookie, an echo that differs in its clock", first_ack(times=(7, 0x100)), Reason.remembered),
    Row("a good cookie, but an echo that says another MSS", first_ack(times=(7, 1 << 30)), Reason.stray_ack),
    Row("a good cookie of a host with a large window scale", first_ack(WIDE_4, TO_80), Reason.remembered),
    Row("the same over IPv6, of one with none", first_ack(WIDE_6, TO_80, times=(7, 0)), Reason.remembered),
    Row("a good cookie, but for the window scale", first_ack(WIDE_4, TO_80, scale=7), Reason.stray_ack),
    Row("a good cookie over IPv6, but for the window scale", first_ack(WIDE_6, TO_80, scale=7), Reason.stray_ack),
    Row("a good cookie with RST", first_ack(flags=ACK | RST), Reason.stray_rst),
    Row("a good cookie's numbers, but no ACK", first_ack(flags=PSH, payload=REQUEST), Reason.no_ack),
    Row("a good cookie for a port that is not protected", first_ack(syn=Tcp(destination_port=22)), Reason.other_port),
    Row(
        "a good cookie for a host of all ports",
        first_ack(IPv4(destination=ANY_PORT), Tcp(destination_port=22)),
        Reason.remembered,
    ),
]

KEYS_GONE = [
    Row("no key: ACK", frame(tcp=GOOD), Reason.no_key, now_ms=KEYLESS, number=1),
    Row("no key: ACK over IPv6", first_ack(IPv6(), TO_80), Reason.no_key, now_ms=KEYLESS, number=1),
    Row("no key: data", first_ack(payload=REQUEST), Reason.no_key, now_ms=KEYLESS),
    Row("no key: FIN", first_ack(flags=ACK | FIN), Reason.no_key, now_ms=KEYLESS),
    Row("no key: RST of no connection is known for one without", first_ack(flags=RST), Reason.stray_rst, now_ms=KEYLESS),
    Row(
        "no key, in the grace period",
        frame(tcp=GOOD),
        Reason.no_key,
        now_ms=KEYLESS,
        policy={"grace_until": KEYLESS + 1},
    ),
    Row(
        "no key for the cookie's own epoch, but for this one",
        first_ack(now_ms=EPOCH_BEGINS - 3 * EPOCH + 1, keys={EPOCH_NOW - 3: bytes(16)}),
        Reason.stray_ack,
        now_ms=EPOCH_BEGINS - 2 * EPOCH,
    ),
]

LEARNED = frame(tcp=Tcp(flags=ACK, seq=1, ack=1))
LEARNING = [
    Row("grace: ACK", LEARNED, Reason.learned, policy=GRACE, number=1),
    Row(
        "grace: ACK over IPv6",
        frame(IPv6(), Tcp(destination_port=80, flags=ACK)),
        Reason.learned,
        policy=GRACE,
        number=1,
    ),
    Row("grace: data", frame(tcp=Tcp(flags=ACK, payload=b"x")), Reason.learned, policy=GRACE),
    Row("grace: FIN", frame(tcp=Tcp(flags=ACK | FIN)), Reason.learned, policy=GRACE),
    Row("grace: a good cookie says more", first_ack(), Reason.remembered, policy=GRACE),
    Row("grace: RST teaches nothing", frame(tcp=Tcp(flags=RST | ACK)), Reason.stray_rst, policy=GRACE),
    Row("grace: nor does SYN-ACK", frame(tcp=Tcp(flags=SYN | ACK)), Reason.stray_syn_ack, policy=GRACE),
    Row(
        "grace: nor does a port that is not protected",
        frame(tcp=Tcp(flags=ACK, destination_port=22)),
        Reason.other_port,
        policy=GRACE,
    ),
    Row(
        "grace of others",
        frame(IPv4(destination=EDGES), Tcp(destination_port=1, flags=ACK)),
        Reason.stray_ack,
        policy=GRACE,
        number=3,
    ),
    Row("grace is over at its last moment", LEARNED, Reason.stray_ack, policy={"grace_until": NOW}),
    Row(
        "grace: the last that may be learned in this window",
        LEARNED,
        Reason.learned,
        policy=GRACE | {"learned": 2},
        before=(frame(tcp=Tcp(40001, flags=ACK)),),
    ),
    Row(
        "grace: one more than may be learned in this window",
        LEARNED,
        Reason.learn_limit,
        policy=GRACE | {"learned": 1},
        before=(frame(tcp=Tcp(40001, flags=ACK)),),
        number=1,
    ),
    Row(
        "grace: and one more over IPv6, with data",
        frame(IPv6(), Tcp(destination_port=80, flags=ACK, payload=b"x")),
        Reason.learn_limit,
        policy=GRACE | {"learned": 1},
        before=(LEARNED,),
    ),
    Row("grace: what was learned is known", LEARNED, Reason.connection, policy=GRACE, before=(LEARNED,)),
]

# RFC 1122 3.2.1.3; RFC 4291 2.5.2, 2.5.3, 2.5.5, 2.5.6, 2.7; and whoever calls himself what he calls
MARTIANS4 = ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255")
MARTIANS6 = ("::", "::1", "::ffff:192.0.2.1", "fe80::1", "febf::1", "ff02::1")
NEIGHBOURS4 = ("1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255")  # of martians, who are none
NEIGHBOURS6 = ("::2", "::fffe:192.0.2.1", "fe7f::1", "fec0::1", "feff::1", "2001:db8::1")


def comes(source: str, flags: int, keys: bool = True) -> Row:
    """A segment from an address that nobody can have."""
    ip: IPv4 | IPv6 = IPv6(source) if ":" in source else IPv4(source)
    given = frame(ip, Tcp(destination_port=80, flags=flags, ack=1))
    description = f"martian: {source}, flags {flags:02x}" + ("" if keys else ", no key")
    return Row(description, given, Reason.martian, now_ms=NOW if keys else KEYLESS, number=1)


MARTIANS = [
    *(comes(source, flags) for source in (*MARTIANS4, WEB, *MARTIANS6, WEB6) for flags in (SYN, ACK, RST, SYN | FIN)),
    *(comes(source, flags, keys=False) for source in ("127.0.0.1", "::1") for flags in (SYN, ACK)),
    *(answered(f"no martian: {source}", BARE, IPv4(source)) for source in NEIGHBOURS4),
    *(answered(f"no martian: {source}", BARE, IPv6(source), TO_80) for source in NEIGHBOURS6),
    Row("martian: without flags it is called so", frame(IPv4("127.0.0.1"), Tcp(flags=0)), Reason.null),
    Row("martian: for another port", frame(IPv4("127.0.0.1"), Tcp(destination_port=22)), Reason.other_port),
    Row("martian: IPv4 checksum wrong", frame(IPv4("127.0.0.1", checksum=1)), Reason.martian),
    Row("martian: with a good cookie", first_ack(IPv4("127.0.0.1")), Reason.martian),
    Row("martian: in the grace period", frame(IPv4("0.0.0.0"), Tcp(flags=ACK)), Reason.martian, policy=GRACE),
    Row(
        "martian: a host's own connection to one",
        frame(IPv4("127.0.0.1"), Tcp(flags=SYN | ACK, ack=1)),
        Reason.connection,
        heard=(frame(IPv4(WEB, "127.0.0.1"), Tcp(443, 40000, seq=0)),),
    ),
]
ELSEWHERE = [
    Row(f"a SYN for {whose}, {over}", frame(ip, TO_80, Ethernet(destination=mac)), Reason.not_for_us, number=1)
    for over, ip in (("IPv4", IPv4()), ("IPv6", IPv6()))
    for whose, mac in (
        ("another MAC address", bytes.fromhex("020000000f02")),
        ("one much like ours", VIRTUAL[:5] + b"\x08"),
        ("no MAC address", bytes(6)),
        ("a group of them", bytes.fromhex("01005e000107")),
        ("all of them", b"\xff" * 6),
    )
] + [
    answered(f"a SYN for {whose}, {over}: its answer comes from there", BARE, ip, TO_80, Ethernet(destination=mac))
    for over, ip in (("IPv4", IPv4()), ("IPv6", IPv6()))
    for whose, mac in (("a virtual router that is here", VIRTUAL), ("somebody else who lives here", LODGER))
]

WRONG = frame(tcp=Tcp(flags=ACK, ack=BAD))
PORTS = [frame(tcp=Tcp(port, flags=ACK, seq=7, ack=BAD)) for port in range(1, GUESSES + 1)]
PORTS6 = [frame(IPv6(), Tcp(port, 80, flags=ACK, seq=7, ack=BAD)) for port in range(1, GUESSES + 1)]


def guessed(description: str, given: bytes, reason: Reason, *more: bytes, count: int = GUESSES, **fields: Any) -> Row:
    """A segment after so many wrong cookies of its prefix."""
    guesses = PORTS6 if given[12:14] == b"\x86\xdd" else PORTS
    return Row(f"guesses: {description}", given, reason, before=(*guesses[:count], *more), **fields)


ASKING = frame()  # the SYN of GOOD
WRONG_ONES = [frame(tcp=replace(GOOD, ack=number)) for number in range(1, 6)]
GUESSING = [
    guessed("the last that is tried", WRONG, Reason.stray_ack, count=GUESSES - 1),
    guessed("one more", WRONG, Reason.guess_limit, number=1),
    guessed("one more over IPv6", first_ack(IPv6(), TO_80, ack=7), Reason.guess_limit, number=1),
    guessed("one more, with data and FIN", frame(tcp=replace(GOOD, ack=BAD, flags=ACK | FIN)), Reason.guess_limit),
    guessed("of the same /24", frame(IPv4("198.51.100.255"), Tcp(flags=ACK)), Reason.guess_limit),
    guessed("of another /24", frame(IPv4("198.51.101.7"), Tcp(flags=ACK)), Reason.stray_ack),
    guessed("of the same /48", first_ack(IPv6("2001:db8:0:1::1"), TO_80, ack=7), Reason.guess_limit),
    guessed("of another /48", first_ack(IPv6("2001:db8:1::1"), TO_80, ack=7), Reason.stray_ack),
    guessed("a good cookie that was never asked for is not tried", first_ack(), Reason.guess_limit),
    guessed("a good cookie after a SYN that was answered", first_ack(), Reason.remembered, ASKING),
    guessed("four tries for each SYN: the fourth", first_ack(), Reason.remembered, ASKING, *WRONG_ONES[:3]),
    guessed("four tries for each SYN: a fifth", first_ack(), Reason.guess_limit, ASKING, *WRONG_ONES[:4]),
    guessed("another SYN, four tries more", first_ack(), Reason.remembered, ASKING, *WRONG_ONES[:4], ASKING),
    guessed("a RST is no guess", frame(tcp=Tcp(flags=RST)), Reason.stray_rst),
    guessed("without a key nothing is one", WRONG, Reason.no_key, now_ms=KEYLESS),
    guessed(
        "SYNs of such a prefix are answered less often",
        frame(tcp=Tcp(40001)),
        Reason.prefix_cap,
        ASKING,
        policy={"prefix_replies": 15},
    ),
    Row(
        "guesses: good cookies are none",
        WRONG,
        Reason.stray_ack,
        before=tuple(first_ack(syn=Tcp(port)) for port in range(1, GUESSES + 1)),
    ),
    Row(
        "newcomers: the last that a prefix may bring at once",
        first_ack(),
        Reason.remembered,
        before=(first_ack(syn=Tcp(40001)),),
        policy={"prefix_connections": 1},
    ),
    Row(
        "newcomers: one more",
        first_ack(),
        Reason.newcomer_limit,
        before=(first_ack(syn=Tcp(40001)), first_ack(syn=Tcp(40002))),
        policy={"prefix_connections": 1},
        number=1,
    ),
    Row(
        "newcomers: one more of the same /48",
        first_ack(IPv6(), TO_80),
        Reason.newcomer_limit,
        before=(first_ack(IPv6("2001:db8:0:7::1"), TO_80), first_ack(IPv6("2001:db8:0:8::1"), TO_80)),
        policy={"prefix_connections": 1},
    ),
    Row(
        "newcomers: of another /24",
        first_ack(),
        Reason.remembered,
        before=(first_ack(IPv4("198.51.101.7")), first_ack(IPv4("198.51.101.8"))),
        policy={"prefix_connections": 1},
    ),
]

ROWS = COOKIES + KEYS_GONE + LEARNING + MARTIANS + ELSEWHERE + GUESSING
