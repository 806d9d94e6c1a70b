"""Ethernet: tags, padding, frames too short, things that are not IP."""

from __future__ import annotations

from naive.frames import PROVIDER, VLAN, Ethernet, IPv4, IPv6, Tcp, frame, padded

from hardtack.packet.reasons import Reason
from rows.row import BARE, Expected, Row, answered

SYN4, SYN6 = frame(), frame(IPv6(), Tcp(destination_port=80))
MSS_OFFER = bytes.fromhex("020405b4")  # 1460
ONE, TWO = Ethernet(tags=[(VLAN, 5)]), Ethernet(tags=[(PROVIDER, 0x6FFF), (VLAN, 5)])
THREE = Ethernet(tags=[(PROVIDER, 7), (VLAN, 6), (VLAN, 5)])
TO_80 = Tcp(destination_port=80)


def with_type(ethertype: int) -> bytes:
    """The bare SYN under another Ethernet type."""
    return SYN4[:12] + ethertype.to_bytes(2, "big") + SYN4[14:]


def kept(description: str, row: Row, to: int) -> Row:
    """A row whose frame is padded; the answer keeps that length, and the bytes after it stay."""
    given = row.frame + b"\xa5" * (to - len(row.frame))
    return Row(description, given, row.reason, row.expected + given[len(row.expected) :])


BARE_ROW = answered("", BARE)
MSS_ROW = answered("", Expected(0x6F), tcp=Tcp(options=MSS_OFFER))

ROWS = [
    Row("nothing at all", b"", Reason.truncated),
    Row("13 bytes: half an Ethernet type", SYN4[:13], Reason.truncated),
    Row("14 bytes: IPv4 announced, no byte of it there", SYN4[:14], Reason.truncated),
    Row("14 bytes of ARP are enough to know that it is not IP", with_type(0x0806)[:14], Reason.not_ip),
    Row("ARP", with_type(0x0806), Reason.not_ip),
    Row("an 802.3 length where the type should be", with_type(0x05DC), Reason.not_ip),
    Row("the Ethernet type's bytes the wrong way round", with_type(0x0008), Reason.not_ip),
    Row("MPLS", with_type(0x8847), Reason.not_ip),
    Row("PPPoE", with_type(0x8864), Reason.not_ip),
    Row("802.1ad's old number, which nobody promised to read", with_type(0x9100), Reason.not_ip),
    Row("an IPv4 packet under IPv6's type", with_type(0x86DD), Reason.bad_header),
    Row("an IPv6 packet under IPv4's type", SYN6[:12] + b"\x08\x00" + SYN6[14:], Reason.bad_header),
    answered("one VLAN tag", BARE, link=ONE),
    answered("one provider tag, priority 7", BARE, link=Ethernet(tags=[(PROVIDER, 0xE064)])),
    answered("a priority tag: VLAN 0", BARE, link=Ethernet(tags=[(VLAN, 0x6000)])),
    answered("provider tag, then VLAN tag", BARE, link=TWO),
    answered("two VLAN tags", BARE, link=Ethernet(tags=[(VLAN, 6), (VLAN, 5)])),
    answered("VLAN tag, then provider tag", BARE, link=Ethernet(tags=[(VLAN, 6), (PROVIDER, 5)])),
    answered("IPv6 under one VLAN tag", BARE, IPv6(), TO_80, ONE),
    answered("IPv6 under two tags", BARE, IPv6(), TO_80, TWO),
    Row("three tags", frame(link=THREE), Reason.not_ip),
    Row("three tags over IPv6", frame(IPv6(), TO_80, THREE), Reason.not_ip),
    Row("three provider tags", frame(link=Ethernet(tags=[(PROVIDER, 5)] * 3)), Reason.not_ip),
    Row("two tags, the third announced but not there", frame(link=THREE)[:22], Reason.not_ip),
    Row("cut within the first tag", frame(link=ONE)[:17], Reason.truncated),
    Row("cut within the second tag", frame(link=TWO)[:21], Reason.truncated),
    Row("cut after the second tag", frame(link=TWO)[:22], Reason.truncated),
    Row("a tag over ARP", frame(link=ONE)[:16] + b"\x08\x06" + bytes(28), Reason.not_ip),
    Row("cut one byte before IPv4's 20", SYN4[:33], Reason.truncated),
    Row("cut one byte before IPv6's 40", SYN6[:53], Reason.truncated),
    Row("cut one byte before TCP's 20 over IPv4", SYN4[:53], Reason.cut_short),
    Row("cut one byte before TCP's 20 over IPv6", SYN6[:73], Reason.cut_short),
    Row("cut one byte before the last TCP option", MSS_ROW.frame[:57], Reason.cut_short),
    # Ethernet padding: an answer of 58 bytes fits the shortest frame
    kept("54 bytes padded to 60: the length is kept", BARE_ROW, 60),
    kept("54 bytes padded to 59: the length is kept", BARE_ROW, 59),
    kept("54 bytes padded to 58, the answer's own length", BARE_ROW, 58),
    kept("MSS only, 58 bytes padded to 60", MSS_ROW, 60),
    Row("54 bytes padded to 57: it grows to the answer's 58", padded(SYN4, 57), Reason.answered, BARE_ROW.out),
    Row("padded to 61: beyond the shortest frame, cut to the answer", padded(SYN4, 61), Reason.answered, BARE_ROW.out),
    Row("padded to 1,514: cut to the answer", padded(SYN4, 1514), Reason.answered, BARE_ROW.out),
    answered("IP options leave a longer frame than its answer", BARE, IPv4(options=b"\x01\x01\x01\x00" * 3)),
    Row("no room to grow: 54 bytes in, 58 out", SYN4, Reason.no_room, room=3),
    Row("room for just the 4 bytes it takes", SYN4, Reason.answered, BARE_ROW.out, room=4),
    Row("a frame that need not grow needs no room", MSS_ROW.frame, Reason.answered, MSS_ROW.out, room=0),
]
