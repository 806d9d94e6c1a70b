"""TCP: header length, ports, every combination of flags, payload, ECN."""

from __future__ import annotations

from naive.frames import ACK, CWR, ECE, FIN, LINUX, PSH, RST, SYN, URG, IPv4, IPv6, Tcp, frame, padded
from naive.world import ANY_PORT, ANY_PORT6, EDGES

from hardtack.packet.reasons import Reason
from rows.row import BARE, EVERYTHING, Expected, Row, answered

JUST_TS = bytes.fromhex("0101080a0102030400000000")
TO_80 = Tcp(destination_port=80)
NAMES = {FIN: "FIN", SYN: "SYN", RST: "RST", PSH: "PSH", ACK: "ACK", URG: "URG", ECE: "ECE", CWR: "CWR"}
PLAIN, SAFE = Expected(0x77, EVERYTHING, echo=0x01020304), Expected(0x77, EVERYTHING, echo=0x01020304, ecn=True)


def named(flags: int) -> str:
    """What people call a combination of flags."""
    return "+".join(name for bit, name in NAMES.items() if flags & bit) or "no flag"


def judged(flags: int) -> Row:
    """The row of one combination of flags, sent without options to a protected port."""
    description = f"flags {named(flags)}"
    reason = stranger(flags)
    if reason == Reason.answered:
        return answered(description, BARE, tcp=Tcp(flags=flags))
    return Row(description, frame(tcp=Tcp(flags=flags)), reason)


def stranger(flags: int) -> Reason:
    """What becomes of a segment of no known connection, without data, without a cookie."""
    if flags & SYN:
        if flags & FIN:
            return Reason.syn_fin
        if flags & RST:
            return Reason.syn_rst
        return Reason.stray_syn_ack if flags & ACK else Reason.answered
    if flags & RST:
        return Reason.stray_rst
    if flags & ACK:
        return Reason.stray_fin if flags & FIN else Reason.stray_ack
    if flags & (FIN | PSH | URG) == FIN | PSH | URG:
        return Reason.xmas
    return Reason.no_ack if flags & (FIN | PSH | URG) else Reason.null


FLAGS = [judged(flags) for flags in range(256)]

HEADER = [
    Row("TCP header length 0", frame(tcp=Tcp(doff=0)), Reason.bad_offset),
    Row("TCP header length 16", frame(tcp=Tcp(doff=4)), Reason.bad_offset),
    Row("TCP header length 16 over IPv6", frame(IPv6(), Tcp(destination_port=80, doff=4)), Reason.bad_offset),
    Row(
        "TCP header length 16, for a host not ours",
        frame(IPv4(destination="192.0.2.11"), Tcp(doff=4)),
        Reason.not_ours,
    ),
    Row("TCP header length one word beyond the frame", frame(tcp=Tcp(doff=6)), Reason.cut_short),
    Row("TCP header length one word beyond the packet, in padding", padded(frame(tcp=Tcp(doff=6))), Reason.bad_offset),
    Row(
        "TCP header length one word beyond an IPv6 packet",
        frame(IPv6(), Tcp(destination_port=80, doff=6)) + bytes(4),
        Reason.bad_offset,
    ),
    answered("TCP header length 60, all of it NOPs", BARE, tcp=Tcp(options=b"\x01" * 40)),
    Row("TCP header length 60, one byte missing", frame(tcp=Tcp(options=b"\x01" * 40))[:-1], Reason.cut_short),
    answered("TCP's reserved bits set", BARE, tcp=Tcp(reserved=0xF)),
    answered("TCP checksum wrong: not looked at", BARE, tcp=Tcp(checksum=0xBAD)),
    answered("urgent pointer without URG, window 0", BARE, tcp=Tcp(urgent=0xFFFF, window=0)),
    answered("an acknowledgment number without ACK", BARE, tcp=Tcp(ack=0xFFFFFFFF)),
    answered("ISN 0", BARE, tcp=Tcp(seq=0)),
    answered("ISN ffffffff: the acknowledgment wraps to 0", BARE, tcp=Tcp(seq=0xFFFFFFFF)),
    answered("ISN 7fffffff: the acknowledgment turns its sign bit", BARE, tcp=Tcp(seq=0x7FFFFFFF)),
    Row("SYN+FIN over IPv6", frame(IPv6(), Tcp(destination_port=80, flags=SYN | FIN)), Reason.syn_fin),
    Row("SYN+RST over IPv6", frame(IPv6(), Tcp(destination_port=80, flags=SYN | RST)), Reason.syn_rst),
    Row("SYN+ACK over IPv6", frame(IPv6(), Tcp(destination_port=80, flags=SYN | ACK)), Reason.stray_syn_ack),
    Row(
        "SYN+FIN, IPv4 checksum wrong: that comes first",
        frame(IPv4(checksum=1), Tcp(flags=SYN | FIN)),
        Reason.bad_checksum,
    ),
    Row("SYN+RST, IPv4 checksum wrong", frame(IPv4(checksum=1), Tcp(flags=SYN | RST)), Reason.bad_checksum),
    Row("SYN+ACK, IPv4 checksum wrong", frame(IPv4(checksum=1), Tcp(flags=SYN | ACK)), Reason.bad_checksum),
    Row("SYN+FIN to a port not protected", frame(tcp=Tcp(flags=SYN | FIN, destination_port=22)), Reason.other_port),
    Row("SYN+RST to a host not ours", frame(IPv4(destination="192.0.2.11"), Tcp(flags=SYN | RST)), Reason.not_ours),
]

PORTS = [
    answered("the host's other port", BARE, tcp=TO_80),
    Row("the port below", frame(tcp=Tcp(destination_port=442)), Reason.other_port),
    Row("the port above", frame(tcp=Tcp(destination_port=444)), Reason.other_port),
    Row("the port with its bytes the wrong way round", frame(tcp=Tcp(destination_port=0xBB01)), Reason.other_port),
    Row("from a protected port to another", frame(tcp=Tcp(source_port=443, destination_port=40000)), Reason.other_port),
    Row("port 444 of an IPv6 host that protects 443", frame(IPv6(), Tcp(destination_port=444)), Reason.other_port),
    answered("port 1, protected", BARE, IPv4(destination=EDGES), Tcp(destination_port=1)),
    answered("port 65535, protected", BARE, IPv4(destination=EDGES), Tcp(destination_port=65535)),
    Row("port 0", frame(IPv4(destination=EDGES), Tcp(destination_port=0)), Reason.other_port),
    Row("port 2", frame(IPv4(destination=EDGES), Tcp(destination_port=2)), Reason.other_port),
    Row("port 65534", frame(IPv4(destination=EDGES), Tcp(destination_port=65534)), Reason.other_port),
    answered("port 0 of a host of all ports", BARE, IPv4(destination=ANY_PORT), Tcp(destination_port=0)),
    answered("port 65535 of an IPv6 host of all ports", BARE, IPv6(destination=ANY_PORT6), Tcp(destination_port=65535)),
    answered("source port 0", BARE, tcp=Tcp(source_port=0)),
    answered("source port 65535", BARE, tcp=Tcp(source_port=65535)),
    answered("the same port on both sides", BARE, tcp=Tcp(source_port=443)),
]

PAYLOAD = [
    answered("a SYN with 1 byte of data", BARE, tcp=Tcp(payload=b"x")),
    answered("4 bytes of data, the answer's own length", BARE, tcp=Tcp(payload=b"data")),
    answered("6 bytes of data, 60 bytes of frame: cut to the answer", BARE, tcp=Tcp(payload=b"hello!")),
    answered("1,400 bytes of data", PLAIN, tcp=Tcp(options=LINUX, payload=bytes(1400))),
    answered("3,000 bytes of data: a jumbo frame", PLAIN, tcp=Tcp(options=LINUX, payload=b"\xff" * 3000)),
    answered(
        "3,000 bytes of data over IPv6",
        Expected(0x57, EVERYTHING, 0x01020304),
        IPv6(),
        Tcp(options=LINUX, payload=bytes(3000), destination_port=80),
    ),
    answered("data announced that is not in the frame", BARE, IPv4(total=1500)),
    answered("data announced over IPv6 that is not in the frame", BARE, IPv6(payload_length=65535), TO_80),
    answered("what would be padding is data by IPv4's length", BARE, IPv4(total=41), Tcp(payload=b"x" + bytes(5))),
    answered("data that looks like options is none", BARE, tcp=Tcp(payload=LINUX)),
]

ECN = [
    answered("ECN asked for: accepted", SAFE, tcp=Tcp(options=LINUX, flags=SYN | ECE | CWR)),
    answered(
        "ECN asked for over IPv6",
        Expected(0x57, EVERYTHING, 0x01020304, ecn=True),
        IPv6(),
        Tcp(options=LINUX, flags=SYN | ECE | CWR, destination_port=80),
    ),
    answered(
        "ECN with timestamps and nothing else",
        Expected(0x0F, "MSS NOP NOP TS", 0x01020304, ecn=True),
        tcp=Tcp(options=JUST_TS, flags=SYN | ECE | CWR),
    ),
    answered("ECE without CWR", PLAIN, tcp=Tcp(options=LINUX, flags=SYN | ECE)),
    answered("CWR without ECE", PLAIN, tcp=Tcp(options=LINUX, flags=SYN | CWR)),
    answered(
        "ECN without timestamps: nowhere to keep it", Expected(0x6F), tcp=Tcp(options=LINUX[:4], flags=SYN | ECE | CWR)
    ),
    answered("ECN in a packet marked ECT(1)", PLAIN, IPv4(tos=1), Tcp(options=LINUX, flags=SYN | ECE | CWR)),
    answered("ECN in a packet marked ECT(0)", PLAIN, IPv4(tos=2), Tcp(options=LINUX, flags=SYN | ECE | CWR)),
    answered("ECN in a packet marked CE", PLAIN, IPv4(tos=3), Tcp(options=LINUX, flags=SYN | ECE | CWR)),
    answered(
        "ECN in a packet with every bit of the type of service but ECT",
        SAFE,
        IPv4(tos=0xFC),
        Tcp(options=LINUX, flags=SYN | ECE | CWR),
    ),
    answered(
        "ECN in an IPv6 packet marked ECT(0)",
        Expected(0x57, EVERYTHING, 0x01020304),
        IPv6(traffic_class=2),
        Tcp(options=LINUX, flags=SYN | ECE | CWR, destination_port=80),
    ),
    answered(
        "ECN over IPv6, traffic class full but for ECT",
        Expected(0x57, EVERYTHING, 0x01020304, ecn=True),
        IPv6(traffic_class=0xFC, flow_label=0xFFFFF),
        Tcp(options=LINUX, flags=SYN | ECE | CWR, destination_port=80),
    ),
    answered(
        "accurate ECN asked for (RFC 9768): answered as plain ECN",
        SAFE,
        tcp=Tcp(options=LINUX, flags=SYN | ECE | CWR, reserved=1),
    ),
    answered("ECN with URG and PSH", SAFE, tcp=Tcp(options=LINUX, flags=SYN | ECE | CWR | URG | PSH)),
]

ROWS = HEADER + PORTS + PAYLOAD + ECN + FLAGS
