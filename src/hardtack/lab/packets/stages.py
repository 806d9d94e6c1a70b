"""The front's program cut off after each of its steps: what each step costs. For the bench.

A cut program does all that the steps so far do, leaves what they found in a table so that LLVM cannot leave the work
out, and sends the frame back as a mirror does. Work that LLVM moves to where its result is first needed is charged there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from hardtack.compiler.language import (
    absent,
    address,
    at,
    barrier,
    beyond,
    entry_of,
    inlined,
    load8,
    load16,
    load32,
    load64,
    new,
    store16,
    store32,
    store64,
    u64,
)
from hardtack.lab.packets.found import FOUND, FRAME, ORIGINAL, Found, Original
from hardtack.packet.answer import accepts_ecn, answer_syn
from hardtack.packet.checksum import header_holds
from hardtack.packet.cookie import options_byte, tag_of
from hardtack.packet.count import count
from hardtack.packet.decide import decide
from hardtack.packet.hosts import find_host, protects
from hardtack.packet.layout import Flow
from hardtack.packet.options import read_options
from hardtack.packet.parse import NONE, parse
from hardtack.packet.platform import head, tail
from hardtack.packet.reasons import Reason
from hardtack.packet.reply import swap_hardware_addresses
from hardtack.packet.time import own_moment, update
from hardtack.packet.wire import ACK, FIN, RST, SYN

DROP, TX = 1, 3  # enum xdp_action
SHORTEST, SECOND_LINE = 60, 72  # bytes of frame; a frame of SECOND_LINE reaches into its second cache line
ANSWERED = int(Reason.answered)


class Step(IntEnum):
    """The steps, in the order in which the front takes them."""

    touch = 0
    parse = 1
    host = 2
    judge = 3
    time = 4
    options = 5
    hash = 6
    answer = 7



new_flow = new(Flow)
found_entry = entry_of(FOUND, Found)
original_entry = entry_of(ORIGINAL, Original)


@inlined
def back(frame, found):
    """Keep what was found, and mirror the frame. It changes nothing else, so the program may be run on it again."""
    start, end = head(frame), tail(frame)
    if beyond(start, SHORTEST, end):
        return DROP
    found_entry().word = found
    swap_hardware_addresses(start)
    return TX


@inlined
def identity(flow):
    """A word that depends on all that parse has found and later steps need."""
    addresses = flow.source_high ^ flow.source_low ^ flow.destination_high ^ flow.destination_low
    return addresses ^ flow.ports_isn ^ u64(flow.flags ^ flow.ecn ^ flow.payload)


def cut(last: Step) -> Callable[..., int]:
    """The program that ends after the step `last`. Each `if last` is decided when it is compiled."""
    to_touch, to_parse, to_host, to_judge, to_time, to_options, to_hash = (bool(last == n) for n in range(7))

    def program(frame):
        if to_touch:
            return back(frame, second_line(head(frame), tail(frame)))
        flow = new_flow()
        if parse(frame, flow) != NONE:
            return DROP
        if to_parse:
            return back(frame, identity(flow))
        host = find_host(flow)
        if absent(host) or not protects(host, flow.dport):
            return DROP
        if to_host:
            return back(frame, identity(flow) ^ u64(host.mss))
        if flow.flags & (SYN | FIN | RST | ACK) != SYN or not header_holds(frame, flow):
            return DROP
        if to_judge:
            return back(frame, identity(flow) ^ u64(host.mss))
        if to_time or to_options or to_hash:
            moment = own_moment()
            if absent(moment):
                return DROP
            update(moment)
            if not moment.known:
                return DROP
            if to_time:
                return back(frame, identity(flow) ^ u64(host.mss) ^ moment.key_low ^ moment.key_high)
            read_options(frame, flow)
            offered = options_byte(flow) | (accepts_ecn(flow) << 7)
            if to_options:
                seen = identity(flow) ^ u64(host.mss) ^ moment.key_low ^ moment.key_high
                return back(frame, seen ^ u64(offered) ^ u64(flow.tsval))
            tag = tag_of(flow, flow.ports_isn, offered & 127, moment.key_low, moment.key_high)
            return back(frame, tag ^ u64(host.mss) ^ u64(offered) ^ u64(flow.tsval))
        return TX if answer_syn(frame, flow, host) == ANSWERED else DROP

    return program


@inlined
def second_line(start, end):
    """A byte of the frame's second cache line: the first look at one waits for it to come from where it was written."""
    if beyond(start, SECOND_LINE, end):
        return u64(0)
    return u64(load8(start, SECOND_LINE - 1))


touched = cut(Step.touch)
parsed = cut(Step.parse)
host_found = cut(Step.host)
judged = cut(Step.judge)
dated = cut(Step.time)
options_read = cut(Step.options)
hashed = cut(Step.hash)
answered = cut(Step.answer)


@inlined
def restore(frame):
    """Write the frame as it was, so that a program that changes it can be run on it again. It must have kept its size."""
    barrier()  # what the program has written is written, whatever overwrites it now
    original, start, end = original_entry(), head(frame), tail(frame)
    template = at(address(original), FRAME)
    if beyond(start, SHORTEST, end):
        return DROP
    for word in range(0, 56, 8):
        store64(start, word, load64(template, word))
    if original.size == u64(74):
        if beyond(start, 74, end):
            return DROP
        store64(start, 56, load64(template, 56))
        store64(start, 64, load64(template, 64))
        store16(start, 72, load16(template, 72))
    elif original.size == u64(94):
        if beyond(start, 94, end):
            return DROP
        for word in range(56, 88, 8):
            store64(start, word, load64(template, word))
        store32(start, 88, load32(template, 88))
        store16(start, 92, load16(template, 92))
    else:
        store32(start, 56, load32(template, 56))
    return TX


def restored(frame):
    """Only restore: what to subtract from `answered_again`."""
    return restore(frame)


def answered_again(frame):
    """The front's whole program, and the frame restored."""
    reason = decide(frame, new_flow())
    count(reason)
    return restore(frame) if reason == ANSWERED else DROP
