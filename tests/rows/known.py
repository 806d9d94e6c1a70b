"""Segments of a known connection, and of its neighbours. How it all hangs together: tests/transcripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from naive.frames import ACK, FIN, MORE_FRAGMENTS, PSH, RST, SYN, URG, Ethernet, IPv4, IPv6, Tcp, frame
from naive.state import START
from naive.world import HEARD, HEARD6, WIDE, WIDE6

from hardtack.packet.reasons import Reason
from rows.row import Row, acknowledgment, first_ack

WORD = 1 << 32
TO_80 = Tcp(destination_port=80)
FOUR, SIX = (first_ack(),), (first_ack(IPv6(), TO_80),)
MINE, MINE6 = acknowledgment(), acknowledgment(IPv6(), TO_80)
WINDOW = 1 << 23  # bytes: how far ahead of what is expected an RST is taken for a mistake rather than an attack


def of(description: str, reason: Reason, ahead: int = 0, ip: IPv4 | None = None, **changes: Any) -> list[Row]:
    """A segment of the connection over IPv4, and over IPv6; `ahead` of the sequence number that is expected."""
    seq = (MINE.seq + ahead) % WORD
    changes = {"seq": seq, "flags": ACK} | changes
    four, six = first_ack(**changes), first_ack(IPv6(), TO_80, **changes)
    return [
        Row(description, four, reason, before=FOUR, number=1),
        Row(f"{description} over IPv6", six, reason, before=SIX, number=1),
    ]


def told(ip: IPv4 | IPv6, to: Tcp, flags: int = ACK) -> bytes:
    """The host's own word on what it expects next, after this segment from its client."""
    back = replace(ip, source=ip.destination, destination=ip.source)
    return frame(back, Tcp(to.destination_port, to.source_port, to.ack, to.seq, flags))


def heard(description: str, reason: Reason, **fields: Any) -> list[Row]:
    """The same, of connections of which the host has been heard."""
    four, six = of(description, reason, **fields)
    return [replace(four, heard=(told(IPv4(), MINE),)), replace(six, heard=(told(IPv6(), MINE6),))]


TRAFFIC = [
    *of("known: the same ACK again", Reason.connection),
    *of("known: data", Reason.connection, payload=b"GET / HTTP/1.1\r\n\r\n", flags=ACK | PSH),
    *of("known: FIN", Reason.connection, flags=ACK | FIN),
    *of("known: keep-alive, one byte back", Reason.connection, ahead=-1),
    *of("known: any sequence number, where nobody knows the host's", Reason.connection, ahead=1 << 31),
    *of("known: any acknowledgment, likewise", Reason.connection, ack=7),
    *of("known: zero window", Reason.connection, window=0),
    *of("known: urgent data", Reason.connection, flags=ACK | URG, urgent=1, payload=b"!"),
    *of("known: SYN", Reason.reopened, flags=SYN),
    *of("known: SYN-ACK", Reason.connection, flags=SYN | ACK),
    *of("known: SYN and FIN", Reason.syn_fin, flags=SYN | FIN),
    *of("known: SYN and RST", Reason.syn_rst, flags=SYN | RST),
    *of("known: no flag", Reason.null, flags=0),
    *of("known: FIN without ACK", Reason.no_ack, flags=FIN),
    *of("known: FIN, PSH and URG without ACK", Reason.xmas, flags=FIN | PSH | URG),
    *of("known: an impossible header", Reason.bad_offset, doff=4),
]

RESETS = [
    *of("known: RST with the very number that is expected", Reason.reset_asked, flags=RST),
    *heard("known: RST with the very number that the host has told", Reason.reset, flags=RST),
    *heard("known: RST and ACK with that number", Reason.reset, flags=RST | ACK),
    *heard("known: RST with every other flag but SYN", Reason.reset, flags=0xFF & ~SYN),
    *heard("known: RST, one ahead of what the host has told", Reason.reset_asked, ahead=1, flags=RST),
    *heard("known: RST, one back of what the host has told", Reason.implausible_rst, ahead=-1, flags=RST),
    *of("known: RST, one ahead", Reason.reset_asked, ahead=1, flags=RST),
    *of("known: RST, the last within the window", Reason.reset_asked, ahead=WINDOW - 1, flags=RST | ACK),
    *of("known: RST, the first beyond the window", Reason.implausible_rst, ahead=WINDOW, flags=RST),
    *of("known: RST, the farthest ahead", Reason.implausible_rst, ahead=(1 << 31) - 1, flags=RST),
    *of("known: RST, one back", Reason.implausible_rst, ahead=-1, flags=RST),
    *heard("known: RST with data is judged by where it begins", Reason.reset, flags=RST, payload=b"why"),
]

NEIGHBOURS = [
    Row("another client's port", first_ack(source_port=40001), Reason.stray_ack, before=FOUR),
    Row("another client's address", first_ack(IPv4("198.51.100.8"), ack=MINE.ack), Reason.stray_ack, before=FOUR),
    Row("another of the host's ports", first_ack(destination_port=80), Reason.stray_ack, before=FOUR),
    Row("another client's port, RST", first_ack(source_port=40001, flags=RST), Reason.stray_rst, before=FOUR),
    Row("another client's SYN-ACK", first_ack(source_port=40001, flags=SYN | ACK), Reason.stray_syn_ack, before=FOUR),
    Row("the ports exchanged", first_ack(source_port=443, destination_port=40000), Reason.other_port, before=FOUR),
    Row(
        "the same under another VLAN is the same",
        first_ack(link=Ethernet(tags=[(0x8100, 9)])),
        Reason.connection,
        before=FOUR,
    ),
    Row("the other address's connection", first_ack(IPv6(), TO_80, ack=7), Reason.stray_ack, before=FOUR),
    Row(
        "an IPv6 client that differs in its first bit",
        first_ack(IPv6("a001:db8::1"), TO_80, ack=7),
        Reason.stray_ack,
        before=SIX,
    ),
    Row(
        "an IPv6 client that differs in its last bit",
        first_ack(IPv6("2001:db8::"), TO_80, ack=7),
        Reason.stray_ack,
        before=SIX,
    ),
    Row("known: the first fragment", first_ack(IPv4(fragment=MORE_FRAGMENTS)), Reason.first_fragment, before=FOUR),
    Row("known: a later fragment", first_ack(IPv4(fragment=1)), Reason.later_fragment, before=FOUR),
    Row("known: SYN, IPv4 checksum wrong", first_ack(IPv4(checksum=1), flags=SYN), Reason.bad_checksum, before=FOUR),
    Row("known: the frame ends within the header", first_ack()[:53], Reason.cut_short, before=FOUR),
    Row(
        "after a RST from its host: gone",
        frame(tcp=Tcp(seq=7, flags=ACK)),
        Reason.stray_ack,
        before=FOUR,
        heard=(told(IPv4(), MINE, RST),),
    ),
    Row(
        "after a RST that was asked back: known",
        first_ack(),
        Reason.connection,
        before=(*FOUR, first_ack(seq=MINE.seq + 1, flags=RST)),
    ),
]

# How far from what a host expects a segment may be: where nothing is known of windows, with scaling, without
FAR, SCALED, UNSCALED = 1 << 26, 1 << 24, 1 << 17


def taught(description: str, reason: Reason, *, ahead: int = 0, acks: int = 0, **changes: Any) -> list[Row]:
    """A segment of a connection that is known by its host's word alone."""
    four, six = of(f"taught: {description}", reason, ahead=ahead, **changes)
    rows = []
    for row, ip, mine, to in ((four, IPv4(), MINE, Tcp()), (six, IPv6(), MINE6, TO_80)):
        given = first_ack(ip, to, **({"seq": (mine.seq + ahead) % WORD, "ack": (mine.ack + acks) % WORD} | changes))
        rows.append(replace(row, frame=given, before=(), heard=(told(ip, mine),)))
    return rows


PLAUSIBLE = [
    *heard("plausible: the numbers that the host expects", Reason.connection),
    *heard("plausible: the last sequence number ahead", Reason.connection, ahead=UNSCALED - 1),
    *heard("plausible: one more", Reason.doubtful, ahead=UNSCALED),
    *heard("plausible: the last sequence number back", Reason.connection, ahead=-UNSCALED),
    *heard("plausible: one less", Reason.doubtful, ahead=-UNSCALED - 1),
    *heard("plausible: the sequence number farthest away", Reason.doubtful, ahead=1 << 31),
    *heard("plausible: a FIN that is not", Reason.doubtful, ahead=FAR, flags=ACK | FIN),
    *heard("plausible: a SYN-ACK of these numbers", Reason.connection, flags=SYN | ACK),
    *heard("plausible: a SYN-ACK that is not", Reason.doubtful, ahead=FAR, flags=SYN | ACK),
    *taught("the last sequence number ahead", Reason.connection, ahead=FAR - 1),
    *taught("one more", Reason.doubtful, ahead=FAR),
    *taught("the last sequence number back", Reason.connection, ahead=-FAR),
    *taught("one less", Reason.doubtful, ahead=-FAR - 1),
    *taught("the last acknowledgment ahead", Reason.connection, acks=FAR - 1),
    *taught("one more acknowledged", Reason.doubtful, acks=FAR),
    *taught("the last acknowledgment back", Reason.connection, acks=-FAR),
    *taught("one less acknowledged", Reason.doubtful, acks=-FAR - 1),
]

H4, H6 = IPv4(destination=HEARD), IPv6(destination=HEARD6)


def promised(description: str, reason: Reason, *, o: int = 0x0F, ahead: int = 0, acks: int = 0, **changes: Any) -> list[Row]:
    """A segment of a connection whose good cookie has said what its host will expect: of a host that is heard."""
    rows = []
    for ip, over in ((H4, ""), (H6, " over IPv6")):
        mine = acknowledgment(ip, TO_80, o=o)
        numbers = {"seq": (mine.seq + ahead) % WORD, "ack": (mine.ack + acks) % WORD}
        given, first = first_ack(ip, TO_80, o=o, **(numbers | changes)), first_ack(ip, TO_80, o=o)
        rows.append(Row(f"cookie: {description}{over}", given, reason, before=(first,), number=9))
    return rows


def of_scale(description: str, to: str, reason: Reason, ahead: int) -> list[Row]:
    """A segment to a host whose windows have another scale than most, which its cookies have promised."""
    ip = IPv6(destination=to) if ":" in to else IPv4(destination=to)
    first = first_ack(ip, TO_80, o=0x07)
    given = first_ack(ip, TO_80, o=0x07, seq=(acknowledgment(ip, TO_80).seq + ahead) % WORD)
    return [Row(f"cookie: {description}", given, reason, before=(first,))]


COOKIES = [
    *promised("the numbers that it promises", Reason.connection),
    *promised("without window scaling, the last sequence number ahead", Reason.connection, ahead=UNSCALED - 1),
    *promised("without window scaling, one more", Reason.doubtful, ahead=UNSCALED),
    *promised("without window scaling, the last one back", Reason.connection, ahead=-UNSCALED),
    *promised("without window scaling, one less", Reason.doubtful, ahead=-UNSCALED - 1),
    *promised("without window scaling, the last acknowledgment ahead", Reason.connection, acks=UNSCALED - 1),
    *promised("without window scaling, one more acknowledged", Reason.doubtful, acks=UNSCALED),
    *promised("without window scaling, one less acknowledged", Reason.doubtful, acks=-UNSCALED - 1),
    *promised("with window scaling, the last sequence number ahead", Reason.connection, o=0x07, ahead=SCALED - 1),
    *promised("with window scaling, one more", Reason.doubtful, o=0x07, ahead=SCALED),
    *promised("with window scaling, one less", Reason.doubtful, o=0x07, ahead=-SCALED - 1),
    *promised("scaled by 0, the last acknowledgment ahead", Reason.connection, o=0, acks=UNSCALED - 1),
    *promised("scaled by 0, one more acknowledged", Reason.doubtful, o=0, acks=UNSCALED),
    *promised("scaled by 7, the last acknowledgment ahead", Reason.connection, o=0x07, acks=SCALED - 1),
    *promised("scaled by 7, one more acknowledged", Reason.doubtful, o=0x07, acks=SCALED),
    *promised("scaled by 14, the last acknowledgment ahead", Reason.connection, o=0x0E, acks=FAR - 1),
    *promised("scaled by 14, one more acknowledged", Reason.doubtful, o=0x0E, acks=FAR),
    *of_scale("with scale 12, the last sequence number ahead", WIDE, Reason.connection, FAR - 1),
    *of_scale("with scale 12, one more", WIDE, Reason.doubtful, FAR),
    *of_scale("with scale 0, the last sequence number ahead", WIDE6, Reason.connection, UNSCALED - 1),
    *of_scale("with scale 0, one more", WIDE6, Reason.doubtful, UNSCALED),
    *promised("a RST with the very number, which the host has not told", Reason.reset_asked, flags=RST),
    *promised("a SYN-ACK that nobody has asked for", Reason.doubtful, ahead=SCALED, flags=SYN | ACK),
]


def twice(description: str, reason: Reason, first: Reason, **changes: Any) -> list[Row]:
    """A second segment in one window that the host cannot expect; `first`: what becomes of the one before it."""
    rows = promised(f"{description}: the first", first, **changes)
    again = promised(f"{description}: the second", reason, **changes)
    return rows + [replace(row, before=(*row.before, row.frame)) for row in again]


DOUBTS = [
    *twice("two implausible ones", Reason.implausible, Reason.doubtful, ahead=1 << 30),
    *twice("two RSTs nearby", Reason.implausible_rst, Reason.reset_asked, ahead=5, flags=RST),
    *twice("two SYNs", Reason.implausible, Reason.reopened, flags=SYN),
]
LAST = promised("the last frame that it may send before its host confirms it", Reason.connection)
MORE = promised("one frame more", Reason.frame_limit)
FRAMES = [replace(row, before=(*row.before, *[row.frame] * (START - 1))) for row in LAST]
FRAMES += [replace(row, before=(*row.before, *[row.frame] * START)) for row in MORE]

ROWS = TRAFFIC + RESETS + NEIGHBOURS + PLAUSIBLE + COOKIES + DOUBTS + FRAMES
