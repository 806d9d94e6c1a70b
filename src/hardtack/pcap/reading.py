"""How bytes of a frame become values, and how a frame is read as if its VLAN tags were not there: for eBPF and native code.

Offsets in an expression count in the frame without its tags ("place"); with tags, what lies from byte 12 on lies `shift`
bytes further in memory. Tags are the first two at most, 0x8100 and 0x88a8, as packet/frame/parse.py takes them. One counts
if the type behind it is in the frame too.
"""

from __future__ import annotations

from collections.abc import Callable

from hardtack.pcap.libpcap import Expression
from hardtack.pcap.writer import Writer

TAGS_AT = 12  # bytes: two MAC addresses
TAG = 4  # bytes
TYPES = (0x0081, 0xA888)  # 802.1Q, 802.1ad, as little-endian loads see them
ONE_TAG, TWO_TAGS = 18, 22  # the length of a frame that has one, or two, and a type behind


def first_of(expression: Expression) -> int:
    """From where on an expression sees the frame without its tags."""
    return 0 if expression.sees_tags or expression.link == "ip" else TAGS_AT


def opaque(writer: Writer, value: str, kind: str = "i64") -> str:
    """The same value, of which LLVM knows nothing: what the verifier shall see stays as it is written."""
    return writer.let(f'call {kind} asm "", "=r,0"({kind} {value})')


def at(writer: Writer, pointer: str, offset: int | str) -> str:
    """A place further on."""
    return writer.let(f"getelementptr i8, ptr {pointer}, i64 {offset}") if offset else pointer


def read(writer: Writer, pointer: str, size: int, align: int) -> str:
    """Bytes in network order as an i32."""
    value = writer.let(f"load i{size * 8}, ptr {pointer}, align {align}")
    if size > 1:
        value = writer.let(f"call i{size * 8} @llvm.bswap.i{size * 8}(i{size * 8} {value})")
    return value if size == 4 else writer.let(f"zext i{size * 8} {value} to i32")


def joined(writer: Writer, values: list[str]) -> str:
    """One i32 of single bytes, the first of them the highest."""
    whole = values[0]
    for value in values[1:]:
        whole = writer.let(f"or i32 {writer.let(f'shl i32 {whole}, 8')}, {value}")
    return whole


def scattered(writer: Writer, place: str, size: int, shift: str, byte: Callable[[str], str]) -> str:
    """A load that may begin before the tags and end behind them. `byte` reads one at an offset in memory (i64)."""
    values = []
    for index in range(size):
        here = writer.let(f"add i64 {place}, {index}")
        behind = writer.let(f"icmp uge i64 {here}, {TAGS_AT}")
        moved = writer.let(f"add i64 {here}, {shift}")
        values.append(byte(writer.let(f"select i1 {behind}, i64 {moved}, i64 {here}")))
    return joined(writer, values)


def is_tag(writer: Writer, kind: str) -> str:
    """1 if an i64 is one of TYPES, else 0, without a branch: the verifier would walk all that follows once for each way."""
    found = []
    for wanted in TYPES:
        differs = opaque(writer, writer.let(f"xor i64 {kind}, {wanted}"))
        found.append(writer.let(f"lshr i64 {opaque(writer, writer.let(f'sub i64 {differs}, 1'))}, 63"))
    return writer.let(f"or i64 {found[0]}, {found[1]}")


def at_least(writer: Writer, length: str, least: int) -> str:
    """1 if an i64 is so large, else 0, without a branch."""
    return writer.let(f"lshr i64 {opaque(writer, writer.let(f'sub i64 {least - 1}, {length}'))}, 63")


def shift_of(writer: Writer, kinds: list[str], length: str = "") -> str:
    """How far the tags move what follows: 0, 4 or 8. `kinds`: i16 as loaded from 12 and 16; `length` if not checked yet."""
    first, second = (is_tag(writer, writer.let(f"zext i16 {kind} to i64")) for kind in kinds)
    if length:
        first = writer.let(f"and i64 {first}, {at_least(writer, length, ONE_TAG)}")
        second = writer.let(f"and i64 {second}, {at_least(writer, length, TWO_TAGS)}")
    both = writer.let(f"and i64 {first}, {second}")
    return writer.let(f"shl i64 {writer.let(f'add i64 {first}, {both}')}, 2")
