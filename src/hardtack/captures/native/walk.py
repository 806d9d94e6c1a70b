"""From one frame of a capture to the next: records of pcap, blocks of pcapng.

Formats: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html, draft-ietf-opsawg-pcapng-02.html. Nothing behind
`tail` is read, and no length is believed before it is compared with what there is. What comes once in a section (byte order,
interfaces) is left to Python: headers.py.
"""

from __future__ import annotations

from hardtack.captures.native.records import (
    DAMAGED,
    FOUND,
    FRAME_BEYOND,
    HEADER,
    LONG_BLOCK,
    LONG_FRAME,
    MORE,
    MOST_BLOCK,
    MOST_FRAME,
    NO_INTERFACE,
    ODD_BLOCK,
    OTHER,
    OTHER_LENGTH,
    PCAP,
    PCAPNG,
    SHORT_BLOCK,
    Interface,
    Reader,
    place_of,
)
from hardtack.compiler.language import address, at, distance, i64, inlined, load16, load32, swap16, swap32, u64, viewed
from hardtack.compiler.memory import pointer_at

AGAIN = -1  # nothing is found yet
SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 0x0A0D0D0A, 1, 2, 3, 6  # block types
FRAMING = 12  # bytes of a block around its body: type, length, and the length once more
CLOSING = 4
SIMPLE, USUAL = 12, 28  # where the frame begins in a block
NS = 1_000_000_000
MOST_BITS = 34  # of a fraction of a second, so that its product with NS has 64
INTERFACE_SIZE, TABLE = Interface.itemsize, place_of("table", Reader)

interface_record = viewed(Interface)


@inlined
def seek(reader):
    """Go on to the next frame: FOUND, MORE, HEADER or DAMAGED."""
    outcome = AGAIN
    while outcome == AGAIN:
        outcome = step(reader)
    return outcome


@inlined
def step(reader):
    """One record or block further."""
    start = pointer_at(reader.head)
    left = distance(start, pointer_at(reader.tail))
    if reader.skip:
        return skip(reader, u64(left))
    if reader.closing:
        return close(reader, start, left)
    if reader.format == u64(PCAP):
        return read_record(reader, start, left)
    if reader.format == u64(PCAPNG):
        return read_block(reader, start, left)
    return HEADER


@inlined
def word(place, offset, reader):
    """32 bits in the file's byte order."""
    value = load32(place, offset)
    return swap32(value) if reader.swapped else value


@inlined
def damaged(reader, fault, told, limit):
    """Nothing can be read from here on."""
    reader.fault, reader.told, reader.limit = fault, told, limit
    return DAMAGED


@inlined
def skip(reader, left):
    """Over what nobody reads, as far as it is there."""
    part = left if left < reader.skip else reader.skip
    reader.head += part
    reader.skip -= part
    return MORE if reader.skip else AGAIN


@inlined
def close(reader, start, left):
    """The end of a skipped block: its length, once more."""
    if left < CLOSING:
        return MORE
    if u64(word(start, 0, reader)) != reader.closing:
        return damaged(reader, OTHER_LENGTH, word(start, 0, reader), reader.closing)
    reader.closing = 0
    reader.head += u64(CLOSING)
    return AGAIN


@inlined
def read_record(reader, start, left):
    """pcap: time, bytes captured, bytes on the wire; `record` bytes, of which some systems have more than 16."""
    header = i64(reader.record)
    if left < header:
        return MORE
    captured = word(start, 8, reader)
    if captured > MOST_FRAME:
        return damaged(reader, LONG_FRAME, captured, MOST_FRAME)
    if left < header + captured:
        return MORE
    time = u64(word(start, 0, reader)) * u64(NS) + u64(word(start, 4, reader)) * interface_at(reader, 0).multiply
    return describe(reader, 0, header, captured, word(start, 12, reader), time, header + captured)


@inlined
def read_block(reader, start, left):
    """pcapng: a block with a frame in it; one for Python to read; or one to skip."""
    if left < FRAMING:
        return MORE
    kind, size = word(start, 0, reader), word(start, 4, reader)
    if kind == SECTION:  # it says in which byte order its length is
        return HEADER
    if size < FRAMING:
        return damaged(reader, SHORT_BLOCK, size, FRAMING)
    if size & 3:
        return damaged(reader, ODD_BLOCK, size, 4)
    if kind == INTERFACE:
        return HEADER
    if kind != PACKET and kind != SIMPLE_PACKET and kind != OLD_PACKET:
        reader.skip, reader.closing = size - FRAMING, size
        reader.head += u64(FRAMING - CLOSING)
        return AGAIN
    begin = SIMPLE if kind == SIMPLE_PACKET else USUAL
    if size < begin + CLOSING:
        return damaged(reader, SHORT_BLOCK, size, begin + CLOSING)
    if size > MOST_BLOCK:
        return damaged(reader, LONG_BLOCK, size, MOST_BLOCK)
    if left < size:
        return MORE
    if word(start, size - CLOSING, reader) != size:
        return damaged(reader, OTHER_LENGTH, word(start, size - CLOSING, reader), size)
    return read_packet(reader, start, kind, begin, size)


@inlined
def read_packet(reader, start, kind, begin, size):
    """A whole block with a frame. A simple one has neither interface nor time: the first, and that of the frame before."""
    number = 0
    if kind == PACKET:
        number = word(start, 8, reader)
    elif kind == OLD_PACKET:
        number = swap16(load16(start, 8)) if reader.swapped else load16(start, 8)
    if u64(number) >= reader.interfaces:
        return damaged(reader, NO_INTERFACE, number, reader.interfaces)
    most, way = size - begin - CLOSING, interface_at(reader, number)
    if kind == SIMPLE_PACKET:
        length, time = word(start, 8, reader), reader.time
        captured = length if length < most else most
        if way.snap and u64(captured) > way.snap:
            captured = i64(way.snap)
    else:
        captured, length = word(start, 20, reader), word(start, 24, reader)
        time = nanoseconds(way, (u64(word(start, 12, reader)) << u64(32)) | u64(word(start, 16, reader)))
    if captured > most:
        return damaged(reader, FRAME_BEYOND, captured, most)
    if captured > MOST_FRAME:
        return damaged(reader, LONG_FRAME, captured, MOST_FRAME)
    return describe(reader, number, begin, captured, length, time, size)


@inlined
def interface_at(reader, number):
    """Its record: there must be one."""
    return interface_record(at(address(reader), TABLE + number * INTERFACE_SIZE))


@inlined
def nanoseconds(way, ticks):
    """Unix time, modulo 2^64."""
    bits = way.bits
    if bits:
        fraction, seconds = ticks & ((u64(1) << bits) - u64(1)), ticks >> bits
        if bits > u64(MOST_BITS):
            fraction, bits = fraction >> (bits - u64(MOST_BITS)), u64(MOST_BITS)
        return seconds * u64(NS) + ((fraction * u64(NS)) >> bits) + way.offset
    if way.divide > u64(1):
        ticks = ticks // way.divide
    return ticks * way.multiply + way.offset


@inlined
def describe(reader, number, begin, captured, length, time, size):
    """The frame that was found. Those of unknown links are passed over."""
    reader.number += u64(1)
    if u64(captured) < u64(length):
        reader.snapped += u64(1)
    way = interface_at(reader, number)
    if way.form == u64(OTHER):
        way.skipped += u64(1)
        reader.head += u64(size)
        return AGAIN
    reader.frame, reader.after = reader.head + u64(begin), reader.head + u64(size)
    reader.captured, reader.length, reader.time, reader.interface = captured, length, time, number
    reader.ready = 1
    return FOUND
