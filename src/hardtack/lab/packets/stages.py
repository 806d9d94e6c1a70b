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
    i64,
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
from hardtack.packet.cookie.cookie import said_before, said_to, tag_of
from hardtack.packet.cookie.siphash import absorb, begin, finish
from hardtack.packet.cookie.time import find_key, own_moment, update
from hardtack.packet.decide import judge_segment
from hardtack.packet.frame.options import read_options
from hardtack.packet.frame.parse import NONE, parse
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import SYN
from hardtack.packet.front import goes_on, judged
from hardtack.packet.judge.header import judge_header
from hardtack.packet.judge.outcome import FOLLOW
from hardtack.packet.judge.syn import judge_syn
from hardtack.packet.out.forward import forward
from hardtack.packet.out.reply import swap_hardware_addresses
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Flow, Name
from hardtack.packet.state.connections import find
from hardtack.packet.state.follow import follow_client
from hardtack.packet.state.hosts import find_host, host_of

DROP, TX, REDIRECT = 1, 3, 4  # enum xdp_action
SHORTEST, SECOND_LINE = 60, 72  # bytes of frame; a frame of SECOND_LINE reaches into its second cache line
ANSWERED, CONNECTION = int(Reason.answered), int(Reason.connection)


class Step(IntEnum):
    """The steps, in the order in which the front takes them."""

    touch = 0
    parse = 1
    host = 2
    segment = 3
    time = 4
    look_up = 5
    judge = 6
    # only if a cookie is to be made or checked
    options = 7
    hash = 8


new_flow, new_name = new(Flow), new(Name)
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
def ends(flow):
    """A word that depends on the addresses."""
    return flow.source_high ^ flow.source_low ^ flow.destination_high ^ flow.destination_low


@inlined
def identity(flow):
    """A word that depends on all that parsing has found and later steps need."""
    return ends(flow) ^ flow.ports_isn ^ u64(flow.flags ^ flow.payload ^ flow.acknowledgment)


def cut(last: Step) -> Callable[..., int]:
    """The program that ends after the step `last`. Each `if to_...` is decided when it is compiled."""
    to_touch, to_parse, to_host, to_segment, to_time, to_look_up, to_judge, to_options = (bool(last == n) for n in range(8))

    def program(frame):
        if to_touch:
            return back(frame, second_line(head(frame), tail(frame)))
        flow = new_flow()
        flow.ruling, flow.uplink = 0, 0
        if parse(frame, flow) != NONE:
            return DROP
        if to_parse:
            return back(frame, ends(flow))
        if not find_host(flow, flow.destination_high, flow.destination_low):
            return DROP
        host, name = host_of(flow), new_name()
        if to_host:
            return back(frame, ends(flow) ^ u64(host.mss_4))
        if flow.kind != NONE or judge_header(frame, flow, host, name) != NONE:
            return DROP
        if to_segment:
            return back(frame, identity(flow) ^ u64(host.mss_4))
        moment = own_moment()
        if absent(moment):
            return DROP
        update(moment)
        seen = identity(flow) ^ u64(host.mss_4) ^ moment.now
        if to_time:
            return back(frame, seen)
        entry = find(name)
        seen ^= name.hashed ^ u64(1 if absent(entry) else 0)
        if to_look_up:
            return back(frame, seen)
        asks = flow.flags & SYN
        reason = judge_syn(frame, flow, host, name, moment, entry) if asks else judge_segment(flow, host, moment, entry)
        if reason == FOLLOW and not absent(entry):
            reason = follow_client(flow, entry, host, name, moment.ms)
        if reason != NONE and reason != CONNECTION:
            return DROP
        if to_judge:
            return back(frame, seen)
        if reason != NONE:
            return DROP
        read_options(frame, flow, i64(host.speaks))
        seen ^= u64(flow.tsval)
        scale = i64(host.scale)
        said = said_to(flow, scale) if flow.flags & SYN else said_before(flow, scale)
        if to_options:
            return back(frame, seen ^ u64(said))
        key = find_key(i64(host.keys), moment.epoch)
        if absent(key):
            return DROP
        return back(frame, seen ^ tag_of(flow, flow.ports_isn, said, key.low, key.high))

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
segment_read = cut(Step.segment)
dated = cut(Step.time)
looked_up = cut(Step.look_up)
judged_so_far = cut(Step.judge)
options_read = cut(Step.options)
hashed = cut(Step.hash)


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
    """Only restore: what to subtract from `whole_again`."""
    return restore(frame)


def whole_again(frame):
    """The front's whole program, and the frame restored, if it was answered or sent on."""
    flow = new_flow()
    reason = judged(frame, flow)
    if goes_on(reason, flow):
        return restore(frame) if forward(frame, flow) == REDIRECT else DROP
    return restore(frame) if reason == ANSWERED else DROP


def siphash(frame):
    """One SipHash-2-4 over as many words as the cookie of an IPv4 connection has, or of an IPv6 one if the frame is longer.

    Each hash is the next one's key, so that repeated runs cannot overlap.
    """
    found, start, end = found_entry(), head(frame), tail(frame)
    if beyond(start, SHORTEST, end):
        return DROP
    a, b, c, d = begin(found.word, ~found.word)
    a, b, c, d = absorb(a, b, c, d, load64(start, 24))
    if not beyond(start, SECOND_LINE, end):
        a, b, c, d = absorb(a, b, c, d, load64(start, 32))
        a, b, c, d = absorb(a, b, c, d, load64(start, 40))
        a, b, c, d = absorb(a, b, c, d, load64(start, 48))
    a, b, c, d = absorb(a, b, c, d, load64(start, 8))
    a, b, c, d = absorb(a, b, c, d, load64(start, 16))
    found.word = finish(a, b, c, d)
    return DROP
