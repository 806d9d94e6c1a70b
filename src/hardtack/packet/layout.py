"""Every record and table of the packet program, defined once. NumPy only: the control plane reads the same definitions.

A record is a typed pointer in the packet program (`flow.dport`, `host.mss`) and a structured array in the control plane.
Words written "wire" hold bytes in network order, just as they lie in a frame.
"""

from __future__ import annotations

import numpy as np

from hardtack.image import Table
from hardtack.packet.entries import KEY_SLOTS
from hardtack.packet.reasons import REASONS

PORT_WORDS = 65536 // 64
MOST_HOST_ADDRESSES = 1024
INDEX_BITS = 12  # of the hash of an address: four times as many slots as addresses
INDEX_SLOTS = 1 << INDEX_BITS
PROBES = 4  # slots looked at for an address
SPREAD = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio: Knuth's multiplicative hashing

# What parse finds in a frame. Offsets are from the frame's first byte.
Flow = np.dtype(
    [
        ("network", "i8"),  # offset of the IP header
        ("network_options", "i8"),  # bytes of IPv4 options
        ("transport", "i8"),  # offset of the TCP header
        ("version", "i8"),  # 4 or 6
        ("header_sum", "i8"),  # IPv4: the header's words added up; 0 for IPv6, which has no checksum
        ("source_high", "u8"),  # wire; IPv4 addresses are mapped, ::ffff:a.b.c.d (RFC 4291 2.5.5.2)
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("ports_isn", "u8"),  # wire: source port, destination port, sequence number
        ("acknowledgment", "i8"),
        ("dport", "i8"),
        ("flags", "i8"),
        ("ecn", "i8"),  # the IP header's ECN bits
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
        ("number", "u4"),  # which host of the configuration it belongs to
        ("ports", "u8", (PORT_WORDS,)),  # bit p & 63 of word p >> 6: port p is protected
    ],
    align=True,
)

# One entry of the table, so that a record is found without a call
Hosts = np.dtype([("records", Host, (MOST_HOST_ADDRESSES,))], align=True)

Key = np.dtype([("epoch", "u8"), ("low", "u8"), ("high", "u8")], align=True)
Keys = np.dtype([("slots", Key, (KEY_SLOTS,))], align=True)

# unix time = the kernel's coarse monotonic clock + offset_ns
Clock = np.dtype([("offset_ns", "u8")], align=True)

# What follows from the time, worked out once a tick on each CPU
Moment = np.dtype(
    [
        ("tick", "u8"),  # when this was written; 0: never
        ("now", "u8"),  # unix time in ms
        ("epoch", "u8"),
        ("known", "u8"),  # 1 if there is a key for the epoch
        ("key_low", "u8"),
        ("key_high", "u8"),
    ],
    align=True,
)

Counters = np.dtype([("reasons", "u8", (REASONS,))], align=True)

INDEX = Table("index", "array", 4, Index.itemsize, 1)
HOSTS = Table("hosts", "array", 4, Hosts.itemsize, 1)
KEYS = Table("keys", "array", 4, Keys.itemsize, 1)
MOMENT = Table("moment", "percpu_array", 4, Moment.itemsize, 1)
CLOCK = Table("clock", "array", 4, Clock.itemsize, 1)
WALK = Table("walk", "percpu_array", 4, Walk.itemsize, 1)
COUNTERS = Table("counters", "percpu_array", 4, Counters.itemsize, 1)
