"""Every record and table of the packet program, defined once. NumPy only: the control plane reads the same definitions.

A record is a typed pointer in the packet program (`flow.dport`, `host.mss`) and a structured array in the control plane.
Words written "wire" hold bytes in network order, just as they lie in a frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hardtack.image import MMAPABLE, Table, TableKind
from hardtack.packet.entries import KEY_SETS, KEY_SLOTS
from hardtack.packet.reasons import REASONS, Reason

PORT_WORDS = 65536 // 64
MOST_HOST_ADDRESSES = 1024
INDEX_BITS = 12  # of the hash of an address: four times as many slots as addresses
INDEX_SLOTS = 1 << INDEX_BITS
PROBES = 4  # slots looked at for an address
SPREAD = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio: Knuth's multiplicative hashing

WAYS = 8  # places in a bucket of the connection table: as many as a word has bytes, which are their tags
MARK_BITS = 20  # of a hash: 128 KiB, which a CPU keeps close by
MARK_WORDS = (1 << MARK_BITS) // 64
STRETCH = 64  # places that packet/sweep.py looks at in one run
HASH_WORDS = 10  # a constant, and nine 32-bit words of addresses and ports
BY_COOKIE, BY_HOST, BY_GRACE = 0, 1, 2  # Connection.origin
CLIENT_FIN, HOST_FIN, HOST_SEEN = 1, 2, 4  # Connection.state
KERNEL, ROUTED, SWITCHED = 0, 1, 2  # Host.via: the network stack; straight to the next hop, as a router; as a switch
KEEP_TAG, NO_TAG = 0, 0xFFFF  # Host.tag
NO_HOST = MOST_HOST_ADDRESSES  # Slot.host, Flow.place: no such record
MOST_EXITS = 16
LEARNING = MOST_HOST_ADDRESSES + 1  # the budget of connections learned in the grace period
WINDOW_BITS = 7  # of unix ms: budgets begin anew every 128 ms
CROWD_CELLS = 2048
PLACING = "mixed 1"  # how packet/connections.py places connections: another way, another word

# What parse finds in a frame, as far as most frames need it: what is carried along costs. Offsets are from its first byte.
Flow = np.dtype(
    [
        ("place", "i8"),  # of the protected address's record among the records; NO_HOST: it is none
        ("network", "i8"),  # offset of the IP header
        ("transport", "i8"),  # offset of the TCP header
        ("version", "i8"),  # 4 or 6
        ("kind", "i8"),  # NONE: whole TCP may follow; else the reason why not: NOT_TCP, FRAGMENT, EXTENSION, TRUNCATED
        ("protocol", "i8"),  # only if `kind` is not NONE: what the packet carries, behind extension headers
        ("source_high", "u8"),  # wire; IPv4 addresses are mapped, ::ffff:a.b.c.d (RFC 4291 2.5.5.2)
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        # TCP
        ("ports_isn", "u8"),  # wire: source port, destination port, sequence number
        ("acknowledgment", "i8"),
        ("sport", "i8"),
        ("dport", "i8"),
        ("flags", "i8"),
        ("header", "i8"),  # TCP header's length, options included
        ("payload", "i8"),  # bytes of it, as IP counts
        # TCP options, as offered
        ("mss", "i8"),  # 0: none offered
        ("scale", "i8"),  # 15: none offered
        ("sack", "i8"),
        ("timestamps", "i8"),
        ("tsval", "i8"),  # raw: copied, never counted with
        ("tsecr", "i8"),
    ],
    align=True,
)

# A connection as the table knows it: its client's addresses and ports first. Then what look-up has found out.
Name = np.dtype(
    [
        ("version", "i8"),
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("ports", "u8"),
        ("hashed", "u8"),
        ("first", "i8"),  # the two buckets that it may be in
        ("second", "i8"),
        ("tag", "u8"),
        ("place", "i8"),  # in `connections`, if it was found
    ],
    align=True,
)

# Where a walk through TCP options stands, and what it has found. It lies in a table, so that the verifier forgets it.
Walk = np.dtype(
    [
        ("start", "i8"),  # where the next option begins
        ("size", "i8"),  # bytes of options
        ("mss", "i8"),
        ("scale", "i8"),
        ("sack", "i8"),
        ("timestamps", "i8"),
        ("tsval", "i8"),
        ("tsecr", "i8"),
    ],
    align=True,
)

# What the SYN-ACK is to say.
Answer = np.dtype(
    [
        ("size", "i8"),  # bytes of TCP header
        ("mss", "i8"),
        ("flags", "i8"),
        ("sequence", "i8"),
        ("tsval", "i8"),
    ],
    align=True,
)

# struct bpf_tcp_req_attrs (include/net/tcp.h): what the kernel is told of the client's offer
Attributes = np.dtype(
    [
        ("rcv_tsval", "u4"),
        ("rcv_tsecr", "u4"),
        ("mss", "u2"),
        ("rcv_wscale", "u1"),
        ("snd_wscale", "u1"),
        ("ecn_ok", "u1"),
        ("wscale_ok", "u1"),
        ("sack_ok", "u1"),
        ("tstamp_ok", "u1"),
        ("usec_ts_ok", "u1"),
        ("reserved", "u1", (3,)),
    ],
    align=True,
)

# struct bpf_sock_tuple (include/uapi/linux/bpf.h), as words. wire
Tuple4 = np.dtype([("addresses", "u8"), ("ports", "u4")], align=True)
Tuple6 = np.dtype(
    [
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("ports", "u4"),
    ],
    align=True,
)

# Where an address's record is. The control plane places the slots so that each is found within PROBES of its hash;
# a helper call and the kernel's own hash would cost as much as half a SipHash.
Slot = np.dtype([("high", "u8"), ("low", "u8"), ("host", "u8")], align=True)
Index = np.dtype([("factor", "u8"), ("slots", Slot, (INDEX_SLOTS + PROBES,))], align=True)

# A protected address.
Host = np.dtype(
    [
        ("mss", "u4"),  # of our SYN-ACKs towards this address's clients
        ("number", "u4"),  # which host it belongs to, from 1: its place in `counters` and in `budgets`
        ("place", "u4"),  # of this record among the records: its place in `next_hops`
        ("keys", "u4"),  # which set of `keys`
        ("replies", "u4"),  # SYN-ACKs in a window of WINDOW_BITS, for the whole host
        ("via", "u1"),  # KERNEL, ROUTED or SWITCHED
        ("other", "u1"),  # 1: what is not TCP is dropped
        ("tag", "u2"),  # VLAN of frames sent on: KEEP_TAG, NO_TAG, or 1 to 4094
        ("ports", "u8", (PORT_WORDS,)),  # bit p & 63 of word p >> 6: port p is protected
    ],
    align=True,
)

# One entry of the table, so that a record is found without a call
Hosts = np.dtype([("records", Host, (MOST_HOST_ADDRESSES,))], align=True)

Key = np.dtype([("epoch", "u8"), ("low", "u8"), ("high", "u8")], align=True)
Keys = np.dtype([("slots", Key, (KEY_SETS * KEY_SLOTS,))], align=True)  # set by set

# unix time = the kernel's coarse monotonic clock + offset_ns
Clock = np.dtype([("offset_ns", "u8")], align=True)

# What follows from the time, worked out once a tick on each CPU
Moment = np.dtype(
    [
        ("tick", "u8"),  # when this was written; 0: never
        ("now", "u8"),  # unix time in ms
        ("epoch", "u8"),
        ("epochs", "u8", (2,)),  # by parity: this one, and the nearer of those before and after
    ],
    align=True,
)

# What the control plane decides for all hosts together.
Policy = np.dtype(
    [
        ("grace_until", "u8"),  # unix time in ms: until then segments of unknown connections teach
        ("queues", "u8"),  # of the interface that faces the internet: so many CPUs share a budget at once
        ("learned", "u8"),  # connections that they may teach in a window of WINDOW_BITS
        ("replies", "u8"),  # SYN-ACKs in a window, for all hosts together
    ],
    align=True,
)

# A connection, as its client names it: one cache line.
Connection = np.dtype(
    [
        ("source_high", "u8"),  # wire, as in Flow
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("ports", "u4"),  # wire: the client's, the host's
        ("next", "u4"),  # the sequence number that the host expects of the client: RFC 9293 RCV.NXT
        ("seen", "u4"),  # when a segment was seen last: unix time in ms, low 32 bits
        ("begun", "u4"),  # when it was remembered, likewise
        ("host", "u2"),  # Host.number
        ("origin", "u1"),  # BY_COOKIE, BY_HOST, BY_GRACE
        ("state", "u1"),  # bits: CLIENT_FIN, HOST_FIN, HOST_SEEN
        ("reserved", "u1", (12,)),
    ],
    align=True,
)

# The tags of a bucket's places, a byte each
Tags = np.dtype([("word", "u8")], align=True)

# Where a connection may be: see packet/connections.py. Written when the tables are made; later only `marks` changes.
Places = np.dtype(
    [
        ("buckets", "u8"),
        ("factors", "u8", (HASH_WORDS,)),  # secret
        ("marks", "u8"),  # which of the two sets of `marks` is looked at
    ],
    align=True,
)

# A bit for each hash: not set, no connection has it. Two sets of them.
Marks = np.dtype([("words", "u8", (2 * MARK_WORDS,))], align=True)
# How far the other set is made anew: the next place to be looked at.
Sweep = np.dtype([("place", "u8")], align=True)

# One CPU's part of a budget: what it may still spend in a window. Budget 0 is everybody's, then each host's, by number.
Share = np.dtype(
    [
        ("window", "u8"),  # what follows is of this one
        ("left", "u8"),
        ("refused", "u8"),  # the last window in which somebody was refused
        ("crowd", "u8"),  # source prefixes seen
        ("fair", "u8"),  # SYN-ACKs that each of them may have
    ],
    align=True,
)
# What all CPUs together have taken of a budget: window << 32 | taken. In a cache line of its own.
Budget = np.dtype([("taken", "u8"), ("reserved", "u8", (7,))], align=True)
# SYN-ACKs of a source prefix in a window, on one CPU, while a limit bites: window << 32 | count
Crowds = np.dtype([("cells", "u8", (CROWD_CELLS,))], align=True)

# Where frames for an address go: low 48 bits its MAC address as it lies in a frame, high 16 the place in `exits`, from 1.
# 0: not known, the kernel does it.
NextHop = np.dtype([("word", "u8")], align=True)
# An interface that frames are sent out of. Place 0 is the one that they came in by.
Exit = np.dtype([("mac", "u8"), ("mtu", "u8")], align=True)
Exits = np.dtype([("slots", Exit, (MOST_EXITS,))], align=True)

Counters = np.dtype([("reasons", "u8", (REASONS,))], align=True)


def table(name: str, kind: TableKind, value: np.dtype[Any], entries: int = 1, flags: int = 0, also: str = "") -> Table:
    """A table of so many `value`s, by number. Whoever finds one that is pinned compares its fields, and what `also` says."""
    return Table(name, kind, 4, value.itemsize, entries, flags, f"{value.descr} {also}")


INDEX = table("index", "array", Index)
HOSTS = table("hosts", "array", Hosts)
POLICY = table("policy", "array", Policy)
KEYS = table("keys", "array", Keys)
MOMENT = table("moment", "percpu_array", Moment)
CLOCK = table("clock", "array", Clock)
WALK = table("walk", "percpu_array", Walk)
PLACES = table("places", "array", Places, also=PLACING)
MARKS = table("marks", "array", Marks, flags=MMAPABLE, also=PLACING)
SWEEP = table("sweep", "array", Sweep)
BUDGETS = table("budgets", "array", Budget, 2 + MOST_HOST_ADDRESSES)
SHARES = table("shares", "percpu_array", Share, 2 + MOST_HOST_ADDRESSES)
CROWDS = table("crowds", "percpu_array", Crowds)
NEXT_HOPS = table("next_hops", "array", NextHop, MOST_HOST_ADDRESSES)
EXITS = table("exits", "array", Exits)
DEVICES = Table("devices", "devmap", 4, 4, MOST_EXITS)

# `entries` of these is for whoever makes them to choose: as many counters as hosts; buckets, and WAYS times as many places
COUNTERS = table("counters", "percpu_array", Counters, also=" ".join(f"{reason}:{reason.name}" for reason in Reason))
TAGS = table("tags", "array", Tags, 1024, MMAPABLE)
CONNECTIONS = table("connections", "array", Connection, 1024 * WAYS, MMAPABLE)
