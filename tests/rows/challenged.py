"""Hosts with `challenge`: SYNs that are challenged, RSTs that prove a source, and what goes on of those that are proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from naive import challenge, world
from naive.cookie import EPOCH
from naive.frames import ACK, CWR, ECE, FIN, PSH, RST, SYN, VLAN, Ethernet, IPv4, IPv6, Tcp, frame
from naive.prefixes import GUESSES
from naive.world import (
    CHALLENGED,
    CHALLENGED6,
    EPOCH_BEGINS,
    EPOCH_NOW,
    KEYS,
    NOW,
    OLD_KEYS,
    OTHER_KEYS,
    SLOW,
    SLOW6,
    UNHEARD,
    UNHEARD6,
    WEB,
    WEB6,
)

from hardtack.packet.reasons import Reason
from rows.row import Row, challenged, first_ack, flow_of, proof

WORD = 1 << 32
C4, C6 = IPv4(destination=CHALLENGED), IPv6(destination=CHALLENGED6)
U4, U6 = IPv4(destination=UNHEARD), IPv6(destination=UNHEARD6)
ENDS = ((C4, ""), (C6, " over IPv6"))
TO_80 = Tcp(destination_port=80)
LINUX = bytes.fromhex("020405b40402080a000000070000000001030307")
WITH_OPTIONS = replace(TO_80, options=LINUX)
KEYLESS = EPOCH_BEGINS + 3 * EPOCH  # the first moment without a key


def edge(ip: IPv4 | IPv6, ahead: int) -> Tcp:
    """A SYN whose right acknowledgment is so far behind the 31 lower bits of its challenge."""
    low = challenge.tag(KEYS[EPOCH_NOW], flow_of(ip, TO_80)) & challenge.PROOF | (EPOCH_NOW & 1) << 7
    return replace(TO_80, seq=(low - ahead - 1) % WORD)


SYNS = [
    *(challenged(f"challenge: a bare SYN{over}", ip) for ip, over in ENDS),
    *(challenged(f"challenge: Linux's options{over}", ip, WITH_OPTIONS) for ip, over in ENDS),
    *(
        challenged(f"challenge: ECN{over}", ip, replace(WITH_OPTIONS, flags=SYN | ECE | CWR))
        for ip, over in ENDS
    ),
    *(
        challenged(f"challenge: a host without timestamps{over}", ip, WITH_OPTIONS)
        for ip, over in ((U4, ""), (U6, " over IPv6"))
    ),
    *(
        challenged(f"challenge: MSS 4096{over}", ip, replace(TO_80, options=b"\2\4\x10\0" + LINUX[4:]))
        for ip, over in ENDS
    ),
    *(challenged(f"challenge: under a tag{over}", ip, link=Ethernet(tags=[(VLAN, 5)])) for ip, over in ENDS),
    *(challenged(f"challenge: with data{over}", ip, replace(TO_80, payload=b"fast open")) for ip, over in ENDS),
    *(
        challenged(f"challenge: the right number is {what}{over}", ip, edge(ip, ahead))
        for ip, over in ENDS
        for what, ahead in (
            ("that of the tag", 0),
            ("the next one", -1),
            ("opposite to it", 1 << 31),
            ("a quarter behind", 1 << 30),
            ("a quarter ahead", -(1 << 30)),
            ("nearly a quarter behind", (1 << 30) - 1),
            ("nearly a quarter ahead", 1 - (1 << 30)),
        )
    ),
    *(challenged(f"challenge: ISN ffffffff{over}", ip, replace(TO_80, seq=WORD - 1)) for ip, over in ENDS),
    *(challenged(f"challenge: in another epoch{over}", ip, now_ms=NOW + EPOCH) for ip, over in ENDS),
    Row("challenge: SYN with FIN", frame(C4, replace(TO_80, flags=SYN | FIN)), Reason.syn_fin),
    Row("challenge: SYN with RST", frame(C4, replace(TO_80, flags=SYN | RST)), Reason.syn_rst),
    Row("challenge: SYN-ACK", frame(C4, replace(TO_80, flags=SYN | ACK)), Reason.stray_syn_ack),
    Row("challenge: IPv4 checksum wrong", frame(replace(C4, checksum=1), TO_80), Reason.bad_checksum),
    Row("challenge: another MAC address", frame(C4, TO_80, Ethernet(destination=b"\2\0\0\0\0\1")), Reason.not_for_us),
    Row("challenge: from nobody", frame(replace(C4, source="127.0.0.1"), TO_80), Reason.martian),
    Row("challenge: another port", frame(C4, Tcp(destination_port=22)), Reason.other_port),
]


def proved(description: str, reason: Reason, **changes: Any) -> list[Row]:
    """An RST over IPv4, and over IPv6."""
    return [Row(f"proof: {description}{over}", proof(ip, **changes), reason, number=24) for ip, over in ENDS]


PROOFS = [
    *proved("the RST", Reason.proof),
    *proved("with ACK", Reason.proof, flags=RST | ACK),
    *proved("with every other flag but SYN", Reason.proof, flags=0xFF & ~SYN),
    *proved("with data", Reason.proof, payload=b"go away"),
    *proved("under a tag", Reason.proof, link=Ethernet(tags=[(VLAN, 5)])),
    *proved("to another MAC address: it is only listened to", Reason.proof, link=Ethernet(destination=b"\2\0\0\0\0\1")),
    *proved("the highest bit is none", Reason.proof, wrong=1 << 31),
    *(row for bit in (0, 6, 8, 15, 16, 30) for row in proved(f"bit {bit} is wrong", Reason.stray_rst, wrong=1 << bit)),
    *proved("of another epoch than it says", Reason.stray_rst, wrong=1 << 7),
    *proved("by another key", Reason.stray_rst, keys=OTHER_KEYS),
    *proved("of another of its ports", Reason.stray_rst, source_port=40001),
    *proved("to another port", Reason.stray_rst, destination_port=443),
    *proved("no number at all", Reason.stray_rst, seq=0),
    Row("proof: no RST", proof(C4, flags=ACK), Reason.stray_ack),
    Row("proof: by a neighbour", proof(replace(C4, source="198.51.100.8"), seq=7), Reason.stray_rst),
    Row("proof: of the epoch before", proof(C4, now_ms=EPOCH_BEGINS - 1), Reason.proof, now_ms=EPOCH_BEGINS),
    Row("proof: 32 s old", proof(C4), Reason.proof, now_ms=NOW + 32_000),
    Row("proof: 96 s old", proof(C4, now_ms=NOW - 96_000), Reason.stray_rst),
    *(
        Row(f"proof: of a host with another handshake{over}", proof(ip), Reason.stray_rst)
        for ip, over in ((IPv4(destination=WEB), ""), (IPv6(destination=WEB6), " over IPv6"))
    ),
    *(
        Row(f"proof: by {which}{over}", proof(ip, keys=keys), reason, policy={"hosts": CHALLENGING})
        for CHALLENGING in (world.with_handshake(world.CHALLENGE, SLOW, SLOW6),)
        for ip, over in ((IPv4(destination=SLOW), ""), (IPv6(destination=SLOW6), " over IPv6"))
        for which, keys, reason in (
            ("an old key, which is taken, too", OLD_KEYS, Reason.proof),
            ("the key beside an old one", KEYS, Reason.proof),
            ("neither the key nor the old one", OTHER_KEYS, Reason.stray_rst),
        )
    ),
    *(
        Row(
            f"proof: after {GUESSES} wrong ones{over}",
            proof(ip),
            Reason.stray_rst,
            before=tuple(proof(ip, wrong=2, source_port=number) for number in range(1, GUESSES + 1)),
        )
        for ip, over in ENDS
    ),
]
NO_KEY = [
    Row(f"challenge: without a key, {what}{over}", frame(ip, replace(TO_80, flags=flags)), Reason.no_key, now_ms=KEYLESS)
    for ip, over in ENDS
    for what, flags in (("SYN", SYN), ("RST", RST), ("ACK", ACK), ("FIN", FIN | ACK))
]


def of(
    description: str, reason: Reason, before: Sequence[Tcp] = (), tcp: Tcp = TO_80, heard: Sequence[Tcp] = (), **changes: Any
) -> list[Row]:
    """A segment of a source that has been proven, after others of it, and then some of the host's."""
    rows = []
    for ip, over in ENDS:
        back = replace(ip, source=ip.destination, destination=ip.source)
        first = (proof(ip), *(frame(ip, one) for one in before))
        said = tuple(frame(back, one) for one in heard)
        rows.append(Row(f"proven: {description}{over}", frame(ip, tcp), reason, before=first, heard=said, **changes))
    return rows


FOUR = [replace(TO_80, source_port=port) for port in (1, 2, 3, 4)]
RESETS = [replace(syn, seq=syn.seq + 1, flags=RST) for syn in FOUR]
FAR = 1 << 26  # of windows whose scale is not known
HOSTS_ISN, FIRST_ACK = 0x70000000, replace(TO_80, seq=TO_80.seq + 1, ack=0x70000001, flags=ACK)
ANSWER = Tcp(80, TO_80.source_port, HOSTS_ISN, TO_80.seq + 1, SYN | ACK)
PROVEN = [
    *of("its SYN", Reason.opened, number=24),
    *of("the fourth in 2 s", Reason.opened, FOUR[:3]),
    *of("the fifth", Reason.source_limit, FOUR),
    *of("the fifth, when all were reset", Reason.source_waits, FOUR + RESETS),
    *of("the fourth that was reset", Reason.reset, FOUR + RESETS[:3], RESETS[3]),
    *of("the same SYN again", Reason.reopened, [TO_80]),
    *of("a third time", Reason.implausible, [TO_80] * 2),
    *of("the ACK that ends the handshake", Reason.established, [TO_80], FIRST_ACK, [ANSWER]),
    *of("data that does", Reason.established, [TO_80], replace(FIRST_ACK, flags=ACK | PSH, payload=b"GET /\r\n"), [ANSWER]),
    *of("a FIN that does", Reason.established, [TO_80], replace(FIRST_ACK, flags=ACK | FIN), [ANSWER]),
    *of("an ACK before the host's answer", Reason.doubtful, [TO_80], FIRST_ACK),
    *of("one beyond what the host has sent", Reason.doubtful, [TO_80], replace(FIRST_ACK, ack=FIRST_ACK.ack + 1), [ANSWER]),
    *of("of less than a SYN carries", Reason.established, [TO_80], replace(FIRST_ACK, ack=FIRST_ACK.ack - 16383), [ANSWER]),
    *of("one less", Reason.doubtful, [TO_80], replace(FIRST_ACK, ack=FIRST_ACK.ack - 16384), [ANSWER]),
    *of("the last sequence number", Reason.established, [TO_80], replace(FIRST_ACK, seq=FIRST_ACK.seq + FAR - 1), [ANSWER]),
    *of("one more", Reason.doubtful, [TO_80], replace(FIRST_ACK, seq=FIRST_ACK.seq + FAR), [ANSWER]),
    *of("RST with the number after its SYN", Reason.reset, [TO_80], replace(FIRST_ACK, flags=RST)),
    *of("RST and ACK with it", Reason.reset, [TO_80], replace(FIRST_ACK, flags=RST | ACK), [ANSWER]),
    *of("RST, one ahead", Reason.reset_asked, [TO_80], replace(FIRST_ACK, seq=FIRST_ACK.seq + 1, flags=RST)),
    *of("RST, one back", Reason.implausible_rst, [TO_80], replace(FIRST_ACK, seq=FIRST_ACK.seq - 1, flags=RST)),
]


def hosts(description: str, reason: Reason, tcp: Tcp, heard: Sequence[Tcp] = ()) -> list[Row]:
    """A segment from the host, of a connection that is half open."""
    rows = []
    for row in of(description, reason, [TO_80], heard=heard):
        ip = C4 if "IPv6" not in row.description else C6
        back = replace(ip, source=ip.destination, destination=ip.source)
        rows.append(replace(row, frame=frame(back, tcp), side="inside", number=24))
    return rows


BARE_ACK = replace(ANSWER, seq=HOSTS_ISN + 1, flags=ACK)
HEARD = [
    *hosts("the host's SYN-ACK", Reason.outbound_first, ANSWER),
    *hosts("the host's SYN-ACK again", Reason.outbound, ANSWER, [ANSWER]),
    *hosts("the host's RST", Reason.outbound_refused, replace(ANSWER, seq=0, flags=RST | ACK)),
    *hosts("the host's RST after its SYN-ACK", Reason.outbound_end, replace(BARE_ACK, flags=RST), [ANSWER]),
    *hosts("the host's bare ACK", Reason.outbound, BARE_ACK, [ANSWER]),
    *hosts("the host's data", Reason.outbound, replace(BARE_ACK, payload=b"220 welcome\r\n"), [ANSWER]),
    *hosts("the host's ACK of data", Reason.outbound, replace(BARE_ACK, ack=BARE_ACK.ack + 10), [ANSWER]),
    *hosts("the host's FIN", Reason.outbound, replace(BARE_ACK, flags=ACK | FIN), [ANSWER]),
]
NOT_HEARD = [
    Row(f"proven: {what}, of a host that is not heard{over}", frame(ip, tcp), reason, before=(proof(ip), frame(ip, TO_80)))
    for ip, over in ((U4, ""), (U6, " over IPv6"))
    for what, tcp, reason in (
        ("the ACK that ends the handshake", FIRST_ACK, Reason.established),
        ("whatever it acknowledges", replace(FIRST_ACK, ack=7), Reason.established),
        ("the last sequence number", replace(FIRST_ACK, seq=FIRST_ACK.seq + 16383), Reason.established),
        ("one more", replace(FIRST_ACK, seq=FIRST_ACK.seq + 16384), Reason.doubtful),
        ("one back", replace(FIRST_ACK, seq=FIRST_ACK.seq - 1), Reason.doubtful),
    )
]
MOODS = [
    challenged("challenge: it needs no room", C4, room=3),
    Row("a good cookie for a host that challenges is none", first_ack(C4, TO_80), Reason.stray_ack, number=24),
    Row("a good cookie over IPv6 for a host that challenges is none", first_ack(C6, TO_80), Reason.stray_ack, number=24),
]

ROWS = SYNS + PROOFS + NO_KEY + PROVEN + HEARD + NOT_HEARD + MOODS
