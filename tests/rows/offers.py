"""TCP options: what real clients send, near misses of it, unknown ones, broken ones, and every edge of every value."""

from __future__ import annotations

import struct

from naive.frames import CWR, ECE, SYN, IPv4, IPv6, Tcp
from naive.world import ANY_PORT6, EDGES, PLAIN, PLAIN6, WIDE, WIDE6

from rows.row import BARE, EVERYTHING, Expected, Row, answered

TSVAL = 0x01020304
MSS, SACK, TS, WS = "020405b4", "0402", "080a0102030400000000", "030307"
LINUX, WINDOWS, APPLE = (
    MSS + SACK + TS + "01" + WS,
    MSS + "01030308" + "0101" + SACK,
    MSS + "01030306" + "0101" + TS + SACK + "0000",
)
ALL = Expected(0x77, EVERYTHING, TSVAL)
MSS_ONLY, SACK_ONLY = Expected(0x6F), Expected(0x1F, "MSS NOP NOP SACK")
SCALE_ONLY, TS_ONLY = Expected(0x07, "MSS NOP WS"), Expected(0x0F, "MSS NOP NOP TS", TSVAL)


def offer(description: str, options: str, expected: Expected, filler: int = 0) -> Row:
    """An IPv4 SYN with these option bytes, in hexadecimal, filled up to whole words with EOLs (or `filler`)."""
    given = bytes.fromhex(options)
    return answered(description, expected, tcp=Tcp(options=given + bytes([filler]) * (-len(given) % 4)))


def offer6(description: str, options: str, expected: Expected, to: str = "2001:db8::2") -> Row:
    """The same over IPv6."""
    given = bytes.fromhex(options)
    given += bytes(-len(given) % 4)
    return answered(description, expected, IPv6(destination=to), Tcp(destination_port=80, options=given))


def mss(value: int) -> str:
    """An MSS option."""
    return struct.pack("!BBH", 2, 4, value).hex()


LAYOUTS = [
    offer("no options", "", BARE),
    offer("MSS alone", MSS, MSS_ONLY),
    offer("Linux: MSS SACK TS NOP WS", LINUX, ALL),
    offer("Windows: MSS NOP WS NOP NOP SACK", WINDOWS, Expected(0x78, "MSS NOP NOP SACK NOP WS")),
    offer("Apple: MSS NOP WS NOP NOP TS SACK EOL", APPLE, Expected(0x76, EVERYTHING, TSVAL)),
    offer(
        "Linux without timestamps: MSS NOP NOP SACK NOP WS",
        MSS + "0101" + SACK + "01" + WS,
        Expected(0x77, "MSS NOP NOP SACK NOP WS"),
    ),
    offer(
        "Linux without SACK: MSS NOP NOP TS NOP WS",
        MSS + "0101" + TS + "01" + WS,
        Expected(0x67, "MSS NOP NOP TS NOP WS", TSVAL),
    ),
    offer("Linux without window scale: MSS SACK TS", MSS + SACK + TS, Expected(0x7F, "MSS SACK TS", TSVAL)),
    offer("MSS NOP WS", MSS + "01" + WS, Expected(0x67, "MSS NOP WS")),
    offer("MSS NOP NOP SACK", MSS + "0101" + SACK, Expected(0x7F, "MSS NOP NOP SACK")),
    offer("MSS NOP NOP TS", MSS + "0101" + TS, Expected(0x6F, "MSS NOP NOP TS", TSVAL)),
    offer("SACK alone", SACK, SACK_ONLY),
    offer("window scale alone", WS, SCALE_ONLY),
    offer("timestamps alone", TS, TS_ONLY),
    offer6("Linux over IPv6", mss(1440) + LINUX[8:], Expected(0x57, EVERYTHING, TSVAL)),
    offer6("Windows over IPv6", mss(1440) + WINDOWS[8:], Expected(0x58, "MSS NOP NOP SACK NOP WS")),
    offer6("Apple over IPv6", mss(1440) + APPLE[8:], Expected(0x56, EVERYTHING, TSVAL)),
    offer6("MSS alone over IPv6", mss(1440), Expected(0x4F)),
]

NEAR_MISSES = [
    offer(
        "Linux's with EOL for the NOP: the scale is never reached",
        MSS + SACK + TS + "00" + WS,
        Expected(0x7F, "MSS SACK TS", TSVAL),
    ),
    offer("Linux's with 4 more bytes of NOP", LINUX + "01010101", ALL),
    offer("Linux's, NOP and scale swapped", MSS + SACK + TS + WS + "01", ALL),
    offer(
        "Linux's with SACK of size 3, which eats the timestamps' kind", MSS + "0403" + TS + "01" + WS, Expected(0x6F)
    ),
    offer("Linux's with MSS of size 3: what follows is out of step", "020305b4" + SACK + TS + "01" + WS, BARE),
    offer(
        "Linux's with timestamps of size 9",
        MSS + SACK + "080901020304000000" + "01" + WS,
        Expected(0x77, "MSS NOP NOP SACK NOP WS"),
    ),
    offer(
        "timestamps of size 9 in 10 bytes: the last is an EOL",
        MSS + SACK + "080901020304000000" + "0001" + WS,
        Expected(0x7F, "MSS NOP NOP SACK"),
        1,
    ),
    offer(
        "Linux's with scale of size 4, past the end", MSS + SACK + TS + "01030407", Expected(0x7F, "MSS SACK TS", TSVAL)
    ),
    offer(
        "Linux's with scale of size 2: there is none",
        MSS + SACK + TS + "01030207",
        Expected(0x7F, "MSS SACK TS", TSVAL),
    ),
    offer("Linux's, but TSecr is not 0: not our business", MSS + SACK + "080a01020304ffffffff" + "01" + WS, ALL),
    offer("Linux's with TSval 0", MSS + SACK + "080a0000000000000000" + "01" + WS, Expected(0x77, EVERYTHING, 0)),
    offer(
        "Linux's with TSval ffffffff",
        MSS + SACK + "080affffffff00000000" + "01" + WS,
        Expected(0x77, EVERYTHING, 0xFFFFFFFF),
    ),
    offer("Windows' with SACK first", MSS + "0101" + SACK + "01" + WS, Expected(0x77, "MSS NOP NOP SACK NOP WS")),
    offer("Windows' with EOL for its last NOPs", MSS + "01030308" + "0000" + SACK, Expected(0x68, "MSS NOP WS")),
    offer("Windows' with scale of size 4", MSS + "01030408" + "0101" + SACK, Expected(0x7F, "MSS NOP NOP SACK")),
    offer("Apple's without its SACK", MSS + "01030306" + "0101" + TS, Expected(0x66, "MSS NOP NOP TS NOP WS", TSVAL)),
    offer(
        "Apple's with garbage after EOL",
        MSS + "01030306" + "0101" + TS + SACK + "0003",
        Expected(0x76, EVERYTHING, TSVAL),
    ),
    offer(
        "Apple's with EOL before the SACK",
        MSS + "01030306" + "0101" + TS + "0000" + SACK,
        Expected(0x66, "MSS NOP NOP TS NOP WS", TSVAL),
    ),
    offer("MSS with size 5, a word longer", "020505b400000000", BARE),
    offer("MSS with size 2 and no value", "02020101", BARE),
    offer("MSS of size 6, then a good one", "020605b40000" + mss(1300) + "0101", Expected(0x2F)),
    offer("SACK of size 10, as in an ACK's SACK block", "050a0102030405060708", BARE),
]

UNKNOWN = [
    offer("Fast Open, asking for a cookie (34, 2)", LINUX + "2202", ALL, 1),
    offer("Fast Open with a cookie", MSS + "220a0102030405060708" + SACK, Expected(0x7F, "MSS NOP NOP SACK")),
    offer("Multipath TCP's MP_CAPABLE (30, 12)", LINUX + "1e0c0081" + "0102030405060708", ALL),
    offer("Multipath TCP's MP_CAPABLE of version 1 (30, 4)", LINUX + "1e040181", ALL),
    offer("an MD5 signature (19, 18)", MSS + "1312" + "ab" * 16 + SACK, Expected(0x7F, "MSS NOP NOP SACK")),
    offer("TCP-AO (29, 16)", "1d10" + "01" * 14 + LINUX, ALL),
    offer("an experimental option (254)", "fe0af989" + "00" * 6 + "0101" + MSS, MSS_ONLY),
    offer("an unknown option that fills all 40 bytes", "fe28" + "00" * 38, BARE),
    offer("an unknown option of size 2, nineteen times, then SACK", "fd02" * 19 + SACK, SACK_ONLY),
    offer("an unknown option whose value looks like an MSS", "fd06" + MSS, BARE),
    offer("the long obsolete echo option (6, 6)", "060601020304" + SACK, SACK_ONLY),
    offer6(
        "Multipath TCP over IPv6",
        mss(1440) + LINUX[8:] + "1e0c0081" + "0102030405060708",
        Expected(0x57, EVERYTHING, TSVAL),
    ),
]

BROKEN = [
    offer("size 0", "020005b4" + SACK, BARE, 1),
    offer("size 1", "020105b4" + SACK, BARE, 1),
    offer("size 0 after good options: they count", MSS + SACK + "0800", Expected(0x7F, "MSS NOP NOP SACK")),
    offer("size 255", MSS + "08ff0102", MSS_ONLY),
    offer("an unknown option past the end by one byte", MSS + "fd050000", MSS_ONLY),
    offer("an unknown option that ends just at the end", MSS + "fd040000", MSS_ONLY),
    offer("a kind in the last byte, its size beyond", MSS + "01010108", MSS_ONLY),
    offer("SACK's kind in the last byte", "01010104", BARE),
    offer("MSS past the end by its last byte", "01020405", BARE),
    offer("scale past the end by its last byte", "01010303", BARE),
    offer("timestamps past the end by their last byte", "010101" + TS[:-2], BARE),
    offer("timestamps that end just at the end", "0101" + TS, TS_ONLY),
    offer("timestamps at the end of 40 bytes", "01" * 30 + TS, TS_ONLY),
    offer("timestamps past the end of 40 bytes", "01" * 31 + TS[:-2], BARE),
    offer("EOL first, good options after", "00" + LINUX, BARE),
    offer("40 EOLs", "00" * 40, BARE),
    offer("40 bytes ff", "ff" * 40, BARE),
    offer("39 NOPs and an EOL", "01" * 39 + "00", BARE),
    offer("SACK as the 40th byte's neighbour", "01" * 38 + SACK, SACK_ONLY),
    offer("two MSS: the last one wins", mss(1460) + mss(1300), Expected(0x2F)),
    offer("two MSS, the larger last", mss(536) + mss(1460), Expected(0x6F)),
    offer("two MSS, the last one 0: it still wins", mss(1460) + mss(0), BARE),
    offer("two scales: the last one wins", "03030e01" + "03030201", Expected(0x02, "MSS NOP WS")),
    offer("two timestamps: the last one wins", "080affffffff00000000" + TS, TS_ONLY),
    offer("SACK twice", SACK + SACK, SACK_ONLY),
    offer("a good MSS, then one of wrong size: the good one stays", mss(1300) + "020306" + "01", Expected(0x2F)),
    offer("every size odd: 3 + 5 + 3", WS + "fd05000000" + "030302", Expected(0x02, "MSS NOP WS")),
]

MSS_EDGES4 = {
    0: 0,
    1: 0,
    535: 0,
    536: 0,
    537: 0,
    1299: 0,
    1300: 1,
    1301: 1,
    1439: 1,
    1440: 2,
    1459: 2,
    1460: 3,
    1461: 3,
    8960: 3,
    32768: 3,
    65535: 3,
}
MSS_EDGES6 = {0: 0, 536: 0, 1219: 0, 1220: 0, 1419: 0, 1420: 1, 1439: 1, 1440: 2, 1460: 2, 8939: 2, 8940: 3, 65535: 3}
SCALES = {0: 0, 1: 1, 13: 13, 14: 14, 15: 14, 16: 14, 128: 14, 255: 14}

EDGE_VALUES = [
    *(offer(f"MSS {value}", mss(value), Expected(index << 5 | 15)) for value, index in MSS_EDGES4.items()),
    *(offer6(f"MSS {value} over IPv6", mss(value), Expected(index << 5 | 15)) for value, index in MSS_EDGES6.items()),
    *(
        offer(f"window scale {value}", f"01 0303 {value:02x}", Expected(kept, "MSS NOP WS"))
        for value, kept in SCALES.items()
    ),
    answered(
        "a host whose own MSS is small says so",
        Expected(0x6F),
        IPv4(destination=EDGES),
        Tcp(destination_port=1, options=bytes.fromhex(MSS)),
    ),
    offer6("a host of jumbo frames", mss(8940) + SACK, Expected(0x7F, "MSS NOP NOP SACK"), to=ANY_PORT6),
]

# With timestamps, which have room for it: which of the fours, and which of its values
FINE_EDGES4 = {
    0: (0, 0),
    536: (0, 0),
    1023: (0, 0),
    1024: (0, 1),
    1199: (0, 1),
    1200: (0, 2),
    1240: (0, 3),
    1299: (0, 3),
    1300: (1, 0),
    1359: (1, 0),
    1360: (1, 1),
    1380: (1, 2),
    1419: (1, 2),
    1420: (1, 3),
    1439: (1, 3),
    1440: (2, 0),
    1448: (2, 1),
    1452: (2, 2),
    1456: (2, 3),
    1459: (2, 3),
    1460: (3, 0),
    4047: (3, 0),
    4048: (3, 1),
    8855: (3, 1),
    8856: (3, 2),
    8959: (3, 2),
    8960: (3, 3),
    65535: (3, 3),
}
FINE_EDGES6 = {
    0: (0, 0),
    1339: (0, 0),
    1340: (0, 1),
    1360: (0, 2),
    1400: (0, 3),
    1419: (0, 3),
    1420: (1, 0),
    1424: (1, 1),
    1432: (1, 2),
    1436: (1, 3),
    1440: (2, 0),
    4027: (2, 0),
    4028: (2, 1),
    8836: (2, 2),
    8890: (2, 3),
    8939: (2, 3),
    8940: (3, 0),
    9138: (3, 1),
    9156: (3, 2),
    16323: (3, 2),
    16324: (3, 3),
    65535: (3, 3),
}


def fine(index: tuple[int, int]) -> Expected:
    """The answer to an MSS and timestamps."""
    return Expected(index[0] << 5 | 15, "MSS NOP NOP TS", TSVAL, fine=index[1])


FINE = [
    *(offer(f"MSS {value} with timestamps", mss(value) + TS, fine(index)) for value, index in FINE_EDGES4.items()),
    *(offer6(f"MSS {value}, timestamps, IPv6", mss(value) + TS, fine(index)) for value, index in FINE_EDGES6.items()),
    offer("PPPoE, Linux", mss(1452) + LINUX[8:], Expected(0x57, EVERYTHING, TSVAL, fine=2)),
    offer("PPPoE, Windows: without timestamps there is no room for it", mss(1452) + WINDOWS[8:],
          Expected(0x58, "MSS NOP NOP SACK NOP WS")),
    offer("no MSS, with timestamps", TS, fine((0, 0))),
    offer6("no MSS, with timestamps over IPv6", TS, fine((0, 0))),
]  # fmt: skip


def spoken(description: str, to: str, options: str, expected: Expected, flags: int = SYN) -> Row:
    """A SYN to a host that does not take all options, or whose windows have another scale."""
    ip = IPv6(destination=to) if ":" in to else IPv4(destination=to)
    return answered(description, expected, ip, Tcp(destination_port=80, options=bytes.fromhex(options), flags=flags))


LINUX6 = mss(1440) + LINUX[8:]
SPOKEN = [
    spoken("Linux, to a host that takes no option", PLAIN, LINUX, Expected(0x6F)),
    spoken("Linux with ECN, to a host that takes neither", PLAIN, LINUX, Expected(0x6F), SYN | ECE | CWR),
    spoken("Windows, to a host that takes no option", PLAIN, WINDOWS, Expected(0x6F)),
    spoken("no options, to a host that takes none", PLAIN, "", BARE),
    spoken("PPPoE, to a host without timestamps: no room for it", PLAIN, mss(1452) + LINUX[8:], Expected(0x4F)),
    spoken("Linux over IPv6, to a host that takes timestamps", PLAIN6, LINUX6, Expected(0x4F, "MSS NOP NOP TS", TSVAL)),
    spoken("the same without ECN", PLAIN6, LINUX6, Expected(0x4F, "MSS NOP NOP TS", TSVAL), SYN | ECE | CWR),
    spoken("Windows over IPv6, to a host that takes timestamps", PLAIN6, mss(1440) + WINDOWS[8:], Expected(0x4F)),
    spoken("Linux, to a host without timestamps, with a large scale", WIDE, LINUX,
           Expected(0x77, "MSS NOP NOP SACK NOP WS", scale=12)),
    spoken("ECN, without timestamps there is no room for it", WIDE, LINUX,
           Expected(0x77, "MSS NOP NOP SACK NOP WS", scale=12), SYN | ECE | CWR),
    spoken("no window scale offered: ours is not told", WIDE, MSS, Expected(0x6F, scale=12)),
    spoken("Linux over IPv6, to a host without SACK, with scale 0", WIDE6, LINUX6,
           Expected(0x47, "MSS NOP NOP TS NOP WS", TSVAL, scale=0)),
]  # fmt: skip

ROWS = LAYOUTS + NEAR_MISSES + UNKNOWN + BROKEN + EDGE_VALUES + FINE + SPOKEN
