"""Segments of no known connection: with a good cookie, with a bad one, without a key, in the grace period."""

from __future__ import annotations

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
from naive.world import ANY_PORT, EPOCH_BEGINS, EPOCH_NOW, KEYS, LOST, NOW, OTHER_KEYS

from hardtack.packet.reasons import Reason
from rows.row import Row, acknowledgment, first_ack

TO_80 = Tcp(destination_port=80)
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
    Row(
        "a good cookie of the epoch before", first_ack(now_ms=EPOCH_BEGINS - 1), Reason.remembered, now_ms=EPOCH_BEGINS
    ),
    Row("a good cookie, 32 s old", first_ack(now_ms=NOW), Reason.remembered, now_ms=NOW + 32_000),
    Row("a cookie of 96 s ago", first_ack(now_ms=NOW - 96_000), Reason.stray_ack),
    Row(
        "a good cookie of the other set of keys", first_ack(IPv4(destination=LOST), keys=OTHER_KEYS), Reason.remembered
    ),
    Row(
        "the first set's cookie, for a host of the other",
        first_ack(IPv4(destination=LOST), keys=KEYS),
        Reason.stray_ack,
    ),
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
    Row(
        "no key: RST of no connection is known for one without", first_ack(flags=RST), Reason.stray_rst, now_ms=KEYLESS
    ),
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

ROWS = COOKIES + KEYS_GONE + LEARNING
