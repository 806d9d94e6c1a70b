"""The front's program over bursts of frames, in native code: the policy of decide.py, its phases arranged another way.

First all frames are read; then memory is asked for all that their look-ups will touch; then all tags are made that they will
probably be judged by, side by side. Then each is judged, in its order, by the same functions as in the kernel: they find in
the caches what they read, and the tag beside them. So a burst of any size comes to what its frames come to one by one.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    address,
    at,
    i64,
    inlined,
    own_entry,
    viewed,
)
from hardtack.compiler.memory import pointer_at, prefetch
from hardtack.packet.burst_records import BURST, Batch, Burst, Frame, Item
from hardtack.packet.cookie.lanes import hash_4, hash_6, number_in, tag_in
from hardtack.packet.cookie.time import own_moment, update
from hardtack.packet.decide import find_destination, heed, judge, reach_host, read_segment
from hardtack.packet.frame.link import came_by
from hardtack.packet.frame.parse import NONE
from hardtack.packet.frame.plain import parse_plain, parse_plain_tcp
from hardtack.packet.frame.platform import head
from hardtack.packet.front import carried_out
from hardtack.packet.judge.ahead import ask_ahead
from hardtack.packet.judge.header import judge_parsed
from hardtack.packet.judge.question import no_query
from hardtack.packet.judge.unknown import has_made_known
from hardtack.packet.layout import NO_HOST
from hardtack.packet.out.tap import note
from hardtack.packet.state.connections import hashed, no_connection
from hardtack.packet.state.count import count
from hardtack.packet.state.hosts import host_of
from hardtack.packet.state.near import fetch_record, fetch_tags, find_near
from hardtack.packet.state.seen import seen_by_front

ITEM_SIZE, FRAME_SIZE = Item.itemsize, Frame.itemsize
LINE = 64  # bytes, of a cache

own_burst = own_entry(BURST, Burst)
batch_at = viewed(Batch)
item_at = viewed(Item)
frame_at = viewed(Frame)


def bursts(batch):
    """The entry: a Batch -> 0; what becomes of its frames is written into them."""
    batch = batch_at(batch)
    frames = pointer_at(batch.frames)
    done, most = 0, i64(batch.most)
    while done < i64(batch.count):
        size = i64(batch.count) - done
        size = size if size < most else most
        judge_together(at(frames, done * FRAME_SIZE), size)
        done += size
    return 0


@inlined
def judge_together(frames, size):
    """So many Frames, MOST_TOGETHER at most: what becomes of each is written into it, and counted."""
    burst, moment = own_burst(), own_moment()
    update(moment)
    read_all(frames, burst, size)
    count_4, count_6 = ask_all(frames, burst, size, moment)
    hash_4(burst.lanes_4, count_4)
    hash_6(burst.lanes_6, count_6)
    take_tags(burst, burst.lanes_4, count_4)
    take_tags(burst, burst.lanes_6, count_6)
    judge_all(frames, burst, size, moment)


@inlined
def item_of(burst, number):
    """What is known of a frame."""
    return item_at(at(address(burst), number * ITEM_SIZE))


@inlined
def read_all(frames, burst, size):
    """As far as each frame says by itself what becomes of it; of others, the words are asked for that say where more is."""
    for number in range(size):
        frame, item = at(frames, number * FRAME_SIZE), item_of(burst, number)
        flow = item.flow
        flow.host, flow.ruling = NO_HOST, 0
        flow.uplink = came_by(frame)
        seen_by_front(flow.uplink)
        prefetch(at(head(frame), LINE))
        item.reason = read(frame, flow, item.name)
        if item.reason == NONE:
            item.name.hashed = hashed(item.name)
            fetch_tags(item.name)


@inlined
def read(frame, flow, name):
    """What it says; NONE: its connection decides. Most frames are plain, and need no parse."""
    if not parse_plain(frame, flow):
        reason = reach_host(frame, flow)
        return reason if reason != NONE else read_segment(frame, flow, name)
    reason = find_destination(flow)
    if reason == NONE:
        reason = heed(frame, flow)
    if reason != NONE:
        return reason
    parse_plain_tcp(frame, flow)
    return judge_parsed(flow, host_of(flow), name)


@inlined
def ask_all(frames, burst, size, moment):
    """The connections' records are asked for; where there is none, the tag. How many there are of IPv4, of IPv6."""
    count_4, count_6 = 0, 0
    for number in range(size):
        frame, item = at(frames, number * FRAME_SIZE), item_of(burst, number)
        item.query.asked = 0
        if item.reason == NONE:
            item.likely = fetch_record(item.name)
            if item.likely < 0:
                count_4, count_6 = ask_ahead(frame, item, number, moment, burst, count_4, count_6)
    return count_4, count_6


@inlined
def take_tags(burst, lanes, size):
    """Each to its frame."""
    for lane in range(size):
        item_of(burst, number_in(lanes, lane)).query.tag = tag_in(lanes, lane)


@inlined
def judge_all(frames, burst, size, moment):
    """One by one, in their order. Whose connection was not known before is not looked for, until one is made known."""
    changed = False
    for number in range(size):
        frame, item = at(frames, number * FRAME_SIZE), item_of(burst, number)
        flow, name, reason = item.flow, item.name, item.reason
        note(frame)
        if reason == NONE:
            entry, query = no_connection(), no_query()
            if item.likely >= 0 or changed:
                entry = find_near(name, item.likely)
            if absent(entry) and item.query.asked:
                query = item.query
            reason = judge(frame, flow, name, entry, moment, query)
            changed = changed or has_made_known(reason)
        count(reason, flow.host, flow.size)
        record = frame_at(frame)
        record.reason, record.action = reason, carried_out(frame, flow, reason)
