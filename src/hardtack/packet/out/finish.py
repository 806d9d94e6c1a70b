"""Checksums that their sender has left to a network card, where there is none: frames of this machine's own containers.

By a veth they come with nothing but the pseudo-header's sum in the checksum's place (CHECKSUM_PARTIAL), and the kernel has
noted beside the frame what is left to do. That note is lost when the driver sends the frame on. So it is done here. Of whole
checksums one in 65,535 looks the same; done again, it comes out as it was.

It is the last thing that is done to a frame, and all is read anew for it: so the verifier has few cases to walk.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    address,
    at,
    barrier,
    beyond,
    i64,
    inlined,
    load8,
    load16,
    load16be,
    load32,
    load64,
    own_entry,
    store16,
    store32,
    swap16,
)
from hardtack.packet.frame.checksum import fold, halves
from hardtack.packet.frame.platform import add_up, copy, head, tail
from hardtack.packet.frame.wire import FRAGMENT_BITS, IPV4, IPV6, TCP_PROTOCOL, UDP_PROTOCOL
from hardtack.packet.layout import SHEET
from hardtack.packet.records import SHEET_SIZE, Sheet

IN_TCP, IN_UDP = 16, 6  # where the checksum is
MOST_SHEETS = 18  # 9,216 bytes
OFFSETS = 63  # of an IP header: 14, and tags

own_sheet = own_entry(SHEET, Sheet)


@inlined
def finish(frame, network, version):
    """Do what is left to do of a TCP or UDP checksum. The IP header is at this offset, and no IPv6 extension behind it."""
    barrier()  # the frame may have been moved
    place = network & OFFSETS
    header, end = at(head(frame), place), tail(frame)
    if version == 4:
        if beyond(header, IPV4, end) or load16be(header, 6) & FRAGMENT_BITS:
            return
        length, protocol = (load8(header, 0) & 15) * 4, load8(header, 9)
        size, addresses = load16be(header, 2) - length, load32(header, 12) + load32(header, 16)
    else:
        if beyond(header, IPV6, end):
            return
        length, protocol, size = IPV6, load8(header, 6), load16be(header, 4)
        addresses = i64(
            halves(load64(header, 8)) + halves(load64(header, 16)) + halves(load64(header, 24)) + halves(load64(header, 32))
        )
    if protocol == TCP_PROTOCOL or protocol == UDP_PROTOCOL:
        finish_segment(frame, place + length, size, protocol, addresses + swap16(size) + swap16(protocol))


@inlined
def finish_segment(frame, start, size, protocol, begun):
    """The same, of a segment at an offset, if its checksum is as far as that."""
    place = start + (IN_TCP if protocol == TCP_PROTOCOL else IN_UDP)
    field = at(head(frame), place)
    if size < place - start + 2 or beyond(field, 2, tail(frame)) or load16(field, 0) != fold(begun):
        return
    total = sum_of(frame, start, size)
    field = at(head(frame), place)
    if total < 0 or beyond(field, 2, tail(frame)):
        return
    check = fold(total) ^ 0xFFFF
    store16(field, 0, check if check or protocol == TCP_PROTOCOL else 0xFFFF)  # RFC 768: 0 says that there is none


@inlined
def sum_of(frame, offset, size):
    """The sum of so many bytes of the frame, in whichever buffer they are; -1 if it cannot be had."""
    sheet = own_sheet()
    if absent(sheet):
        return -1
    paper, total = address(sheet), 0
    for _ in range(MOST_SHEETS):
        if size <= 0:
            break
        part = size if size < SHEET_SIZE else SHEET_SIZE
        last = (part - 1) & (SHEET_SIZE - 4)
        store32(paper, last, 0)  # it may be filled in part
        if copy(frame, offset, paper, part) != 0:
            return -1
        total = add_up(paper, last + 4, total)
        if total < 0:
            return -1
        offset, size = offset + part, size - part
        barrier()
    return total if size <= 0 else -1
