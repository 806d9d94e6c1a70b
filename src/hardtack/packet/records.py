"""What programs work with while they judge one frame: records on the stack, or in a slot of this CPU's. NumPy only.

Words written "wire" hold bytes in network order, just as they lie in a frame. Records that outlive a frame are in layout.py.
"""

from __future__ import annotations

import numpy as np

MOST_SEEDS = 4  # in a run: few, for the verifier walks the way of each
SHEET_SIZE = 512  # bytes that are added up at a time: as many as bpf_csum_diff takes before Linux 6.13

# What parse finds in a frame, as far as most frames need it: what is carried along costs. Offsets are from its first byte.
Flow = np.dtype(
    [
        ("place", "i8"),  # of the record of the protected network that it is for, or comes from
        ("host", "i8"),  # whose that is: Host.number; NO_HOST: it is nobody's
        ("network", "i8"),  # offset of the IP header
        ("transport", "i8"),  # offset of the TCP header
        ("size", "i8"),  # of the frame in bytes, as it came; of padding, what is in the first buffer
        ("version", "i8"),  # 4 or 6
        ("kind", "i8"),  # NONE: whole TCP may follow; else the reason why not: NOT_TCP, FRAGMENT, EXTENSION, TRUNCATED
        ("protocol", "i8"),  # only if `kind` is not NONE: what the packet carries, behind extension headers
        ("uplink", "i8"),  # which the frame came in by: its place in `exits`
        ("ruling", "i8"),  # bits of what the host's rules say: state/ruling.py
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

# What goes from the front through a rule program into the front's second program: a Flow as `parse` leaves it, and whose.
Passage = np.dtype(
    [
        ("word", "u8"),  # Host.rules, as it was read
        ("position", "u4"),  # of the expression that matches, from 1; 0: none. The rule program writes it
        ("ruling", "u4"),  # what follows from it
        *((name, "i8") for name in ("host", "place", "network", "transport", "size")),
        *((name, "i8") for name in ("version", "kind", "protocol", "payload")),
        *((name, "u8") for name in ("source_high", "source_low", "destination_high", "destination_low")),
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

# A tag that was made before its segment is judged: see judge/ahead.py
Query = np.dtype(
    [
        ("asked", "i8"),  # 0: there is none
        ("challenges", "i8"),  # 1: it is about a challenge
        ("said", "i8"),
        ("epoch", "u8"),
        ("old", "u8"),  # 1: the epoch has an old key, too
        ("tag", "u8"),
    ],
    align=True,
)

# A connection that packet/seed.py is to remember, and what has become of it
Seed = np.dtype(
    [
        ("source_high", "u8"),  # the client's; wire, as in Flow
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("ports", "u4"),  # wire: the client's, the host's
        ("outcome", "u4"),  # one of the following; 0: it was not looked at
    ],
    align=True,
)
SEEDED, KNOWN_BEFORE, NO_ROOM, NOT_PROTECTED, OUTCOMES = range(1, 6)
# What stands before them: the time in monotonic ms, and whether there is room for any
Tray = np.dtype([("now", "u8"), ("room", "u8")], align=True)

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

# Who is to give way in a full table, as far as the search has come. It lies in a table likewise.
Search = np.dtype(
    [
        ("own", "u8"),  # the newcomer's source prefix
        ("first", "i8"),  # the first places of its two buckets
        ("other", "i8"),
        ("second", "i8"),  # now, as source prefixes are counted
        ("most", "i8"),  # connections that one of them may open in that time
        ("now", "i8"),  # a stamp ahead of any CPU's
        ("prefix", "u8"),  # the candidates of the two votes, and the votes for them
        ("prefix_votes", "i8"),
        ("host", "i8"),
        ("host_votes", "i8"),
        ("worst", "i8"),  # class and age of whoever is to go, and the place
        ("place", "i8"),
        ("evicted", "u8", (8,)),  # connections that have gone on this CPU, by EVICTED; ever counted on
    ],
    align=True,
)

# Where what is copied of a frame is added up.
Sheet = np.dtype([("words", "u8", (SHEET_SIZE // 8,))], align=True)

# What the SYN-ACK is to say.
Answer = np.dtype(
    [
        ("size", "i8"),  # bytes of TCP header
        ("mss", "i8"),
        ("scale", "i8"),
        ("flags", "i8"),
        ("sequence", "i8"),
        ("acknowledgment", "i8"),
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
