"""An ACK with a good cookie: the kernel makes the connection from what the cookie says.

It is for a listening socket, or for what a former connection of the same address and port has left behind (`former`).
"""

from __future__ import annotations

from hardtack.compiler.language import (
    Pointer,
    absent,
    address,
    entry_of,
    external,
    helper,
    i64,
    inlined,
    load32,
    new,
    store32,
    store64,
    swap32,
    types,
    u64,
)
from hardtack.packet.cookie.cookie import LOW_32, SACK_SHIFT, cookie_holds, mss_of, said_before
from hardtack.packet.cookie.time import now_ms
from hardtack.packet.frame.options import NO_SCALE, read_options
from hardtack.packet.frame.parse import IS_FRAGMENT, LATER_FRAGMENT, NONE, parse, parse_tcp
from hardtack.packet.frame.wire import ACK, FIN, RST, SYN
from hardtack.packet.host.again import INTERFACE, come_again, was_sent_by_us
from hardtack.packet.host.former import KEPT, LISTEN, TIME_WAIT_KEPT, end_former, is_of_another, to_tcp_socket
from hardtack.packet.host.place import is_elsewhere
from hardtack.packet.host.round_lo import LOOPBACK
from hardtack.packet.host.waiting import note_if_full
from hardtack.packet.layout import ALL_SPOKEN, PROMISE, Promise
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Attributes, Tuple4, Tuple6

NOT_ACK = int(Reason.not_ack)
KNOWN = int(Reason.known)
NO_LISTENER = int(Reason.no_listener)
ADMITTED = int(Reason.admitted)
BAD_COOKIE = int(Reason.bad_cookie)
NOT_ADMITTED = int(Reason.not_admitted)
ELSEWHERE = int(Reason.elsewhere)

STATE = 72  # bpf_sock.state
THIS_NAMESPACE = (1 << 64) - 1  # BPF_F_CURRENT_NETNS
ATTRIBUTES_SIZE = Attributes.itemsize
TUPLE_4_SIZE, TUPLE_6_SIZE = 12, 36
OWN_KEYS = 0  # the set of keys that an agent uses
ECN_BIT = 0x80  # of TSecr
HIGH_32 = LOW_32 << 32
NO_CLIENT = 0xFFFF0000  # of ports as they lie in a frame: without the client's, so that it is nobody's connection

# bpf_skc_lookup_tcp, bpf_sk_release, bpf_sk_assign
look_up_4 = helper(99, Pointer, Pointer, Tuple4, types.uint32, u64, u64)
look_up_6 = helper(99, Pointer, Pointer, Tuple6, types.uint32, u64, u64)
release = helper(86, i64, Pointer)
hand_to = helper(124, i64, Pointer, Pointer, u64)
assign = external("bpf_sk_assign_tcp_reqsk", types.int32, Pointer, Pointer, Attributes, types.int32)

promise = entry_of(PROMISE, Promise)
new_tuple_4, new_tuple_6, new_attributes = new(Tuple4), new(Tuple6), new(Attributes)


@inlined
def admit(frame, flow):
    """Why the segment admits nobody, or that it has. It passes on in any case."""
    reason = parse_whole(frame, flow)
    if reason != NONE:
        return reason
    if flow.flags & (ACK | SYN | RST) != ACK:
        return NOT_ACK
    socket = find_socket(frame, flow, flow.ports_isn & u64(LOW_32))
    if absent(socket):
        return NO_LISTENER
    reason = judge(frame, flow, socket) if is_of_another(flow, socket, load32(socket, STATE)) else KNOWN
    release(socket)
    return reason


@inlined
def parse_whole(frame, flow):
    """Why this is no whole TCP segment, or NONE."""
    reason = parse(frame, flow)
    if reason != NONE:
        return reason
    if flow.kind == LATER_FRAGMENT:
        return IS_FRAGMENT
    return flow.kind if flow.kind != NONE else parse_tcp(frame, flow)


@inlined
def find_socket(frame, flow, ports):
    """The socket that the kernel would find for a segment by these ports: a connection's, else a listener, else nothing."""
    if flow.version == 4:
        tuple4 = new_tuple_4()
        tuple4.addresses = (flow.source_low >> u64(32)) | (flow.destination_low & u64(HIGH_32))
        tuple4.ports = ports
        return look_up_4(frame, tuple4, TUPLE_4_SIZE, u64(THIS_NAMESPACE), u64(0))
    tuple6 = new_tuple_6()
    tuple6.source_high, tuple6.source_low = flow.source_high, flow.source_low
    tuple6.destination_high, tuple6.destination_low = flow.destination_high, flow.destination_low
    tuple6.ports = ports
    return look_up_6(frame, tuple6, TUPLE_6_SIZE, u64(THIS_NAMESPACE), u64(0))


@inlined
def judge(frame, flow, socket):
    """A segment that no connection is alive for: has it a good cookie, and does the kernel take it?"""
    read_options(frame, flow, ALL_SPOKEN)
    good = cookie_holds(flow, now_ms(), OWN_KEYS, i64(promise().scale))
    state = load32(socket, STATE)  # read again, so that the verifier walks through the hash only once
    again = was_sent_by_us(frame) or load32(frame, INTERFACE) == LOOPBACK
    early = not again and (flow.payload > 0 or flow.flags & FIN)  # what should come first may be in the same batch
    if not good and state != LISTEN:
        return KNOWN
    if state == LISTEN and is_elsewhere(flow, socket):
        return ELSEWHERE if good else BAD_COOKIE
    if not good:
        return come_again(frame) if early else BAD_COOKIE
    if state != LISTEN:
        reason = end_former(frame, flow, socket, state, again)
        if reason == TIME_WAIT_KEPT or reason == KEPT:
            refuse(frame, flow)
        return reason
    if early:
        return come_again(frame)
    return make_connection(frame, flow, socket)


@inlined
def refuse(frame, flow):
    """Let the kernel reset who sends this: the segment goes to the listener, which can make nothing of it.

    A client that lives would send its request again and again, to a connection that is not its own. Whoever else this may
    come from does not expect such a number.
    """
    listener = find_socket(frame, flow, flow.ports_isn & u64(NO_CLIENT))
    if not absent(listener):
        hand_to(frame, listener, u64(0))
        release(listener)


@inlined
def make_connection(frame, flow, listener):
    """Hand the kernel what it needs to make a socket of the segment."""
    socket = to_tcp_socket(listener)
    if absent(socket):
        return NOT_ADMITTED
    attributes = new_attributes()
    describe(attributes, flow)
    if assign(frame, socket, attributes, ATTRIBUTES_SIZE):
        return NOT_ADMITTED
    note_if_full(flow, socket)
    return ADMITTED


@inlined
def describe(attributes, flow):
    """What the client offered in its SYN, as the cookie has kept it."""
    ours = i64(promise().scale)
    said = said_before(flow, ours)
    scale = said & 15
    forget(attributes)
    attributes.mss = mss_of(said, flow.version)
    attributes.sack_ok = (said >> SACK_SHIFT) & 1
    if scale != NO_SCALE:
        attributes.wscale_ok = 1
        attributes.snd_wscale = scale
        attributes.rcv_wscale = ours
    if flow.timestamps:
        attributes.tstamp_ok = 1
        attributes.rcv_tsval = swap32(flow.tsval)
        attributes.rcv_tsecr = swap32(flow.tsecr)
        attributes.ecn_ok = 1 if swap32(flow.tsecr) & ECN_BIT else 0


@inlined
def forget(attributes):
    """All zero, the reserved bytes too: the kernel refuses anything else there."""
    place = address(attributes)
    store64(place, 0, u64(0))
    store64(place, 8, u64(0))
    store32(place, 16, 0)
