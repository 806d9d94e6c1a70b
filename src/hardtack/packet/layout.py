"""Every table of the packet program and its records, defined once. NumPy only: the control plane reads the same definitions.

A record is a typed pointer in the packet program (`flow.dport`, `host.mss`) and a structured array in the control plane.
Words written "wire" hold bytes in network order, just as they lie in a frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hardtack.image import MMAPABLE, Table, TableKind
from hardtack.packet.entries import KEY_SETS, KEY_SLOTS
from hardtack.packet.reasons import FRONT_REASONS, REASONS, Reason
from hardtack.packet.records import Flow, Search, Sheet, Walk

PORT_WORDS = 65536 // 64
MOST_HOSTS = (1 << 16) - 1  # numbers from 1: a connection says in 16 bits whose it is
MOST_NETS = 1 << 17  # protected networks and addresses, at places from 1; the last of them are for those that are
MOST_LEARNED = 1 << 14  # learned: single addresses in networks
BY_KERNEL, TO_LEARN = 0, 1  # Net.next_hop: nobody knows, the kernel does it; and the address is to be noted in `wanted`
NOTE_BITS = 8  # of a host's notes in `wanted`, as many as a second may bring
NOTING_BITS = 6  # hosts have places of their own for notes by so many bits of their number
UNNOTED, NOTING, NOTED = 0, 1, 2  # Note.state, bits: somebody is writing it, or has; it may be read
ALL_PORTS = 0  # Host.ports: the set of every port
HOST_ROOT = 4  # of the tree in which destinations are looked up: the first that a table has
LED_BITS = 14  # what it leads to: a place in `nets`, and in so many bits below it the number of the host, or 0: ask there
GENERATION = 2  # the word of `networks` that is another one after each change of a tree
RECENT_CELLS = 256  # destinations that a CPU remembers: 8 KiB, which stay close by

WAYS = 8  # places in a bucket of the connection table: as many as a word has bytes, which are their tags
FEWEST_MARKS = 1 << 20  # in a set, as bits: 128 KiB, which a CPU keeps close by; larger tables have more
STRETCH = 64  # places that packet/sweep.py looks at in one run
HASH_WORDS = 10  # a constant, and nine 32-bit words of addresses and ports
BY_COOKIE, BY_HOST, BY_GRACE, BY_SYN, BY_SEED = range(5)  # Connection.origin
# Connection.state. AWAITED: its host, whose frames are seen here, has yet to confirm it. ASKED: its host has sent a SYN, and
# nobody has answered. NUMBERED: `next` and `sent` are the host's own numbers, by its word or by a good cookie. FIN_ACKED:
# the client has acknowledged the host's FIN. HALF_OPEN: the client's SYN has gone on to the host, its ACK has yet to come
CLIENT_FIN, HOST_FIN, HOST_SEEN, AWAITED, ASKED, NUMBERED, FIN_ACKED, HALF_OPEN = 1, 2, 4, 8, 16, 32, 64, 128
# Host.handshake: which one holds now; from CONFIGURED_SHIFT on, which one the configuration says; TRIED: one connection in
# 128 has that all the same; UNANSWERED: the host does not answer, and sources are not blamed for it
COOKIE, CHALLENGE, PASSING, HANDSHAKE_BITS, CONFIGURED_SHIFT, TRIED, UNANSWERED = 0, 1, 2, 3, 2, 16, 32
KERNEL, ROUTED, SWITCHED = 0, 1, 2  # Host.via: the network stack; straight to the next hop, as a router; as a switch
SACK_SPOKEN, TIMESTAMPS_SPOKEN, SCALE_SPOKEN, ECN_SPOKEN = range(4)  # Host.speaks, bits
ALL_SPOKEN = 15
KEEP_TAG, NO_TAG = 0, 0xFFFF  # Host.tag
NO_HOST, NO_PLACE = 0, 0  # Flow.host, Net.host: nobody's; Slot.place, Flow.place: none
MOST_EXITS = 16
MOST_WAITING = 4096  # clients that an agent asks for their ACK again
MOST_LOCALS = 1 << 16  # networks that are an agent's own machine
MAC_SHIFT = 16  # a MAC address lies in the upper 48 bits of a word of Outside
MOST_MACS = 64  # that are this machine's at one interface
MAC_SLOTS_BITS = 10  # each has a slot of its own, by one multiplication
NO_MAC = 1  # instead of an address: none is so
MOST_UPLINKS = 8  # interfaces that face the internet; those that the others leave room for are exits
MOST_WAYS_IN = 32  # interfaces that their frames may be said to come in by
WAYS_IN_BITS = 8  # each has a slot of its own, as MAC addresses have
INTERFACE_SHIFT = 8  # an interface's number lies above this in a word of Outside
# A host's budgets, by its number: SYNs answered; connections that it may teach; ICMP errors about connections that nobody
# here knows; SYNs that go on to it. Nobody's are everybody's: SYNs answered; connections learned in the grace period
REPLIES, TAUGHT, QUOTED, PASSED, BUDGETS_EACH = range(5)
EVERYBODY, LEARNING = REPLIES, TAUGHT
WINDOW_BITS = 7  # of monotonic ms: budgets begin anew every 128 ms
SECOND_BITS = 10  # likewise: what a source prefix may have, begins anew every 1.024 s
CROWD_CELLS, PREFIX_CELLS, ASKED_CELLS = 2048, 4096, 16384
BURST = 8192  # frames that a connection may send at once: more than a window of 8 MB takes
AHEAD = 60_000  # ms by which another CPU's stamp may be ahead of ours, and far more: such a one is of now
START = 64  # the same until its host, where it is seen, has confirmed the connection; an initial window is 10, RFC 6928
FEWEST_NETWORK_WORDS = 1 << 19  # 4 MiB: tens of thousands of prefixes, and as many beside them while they change
NODE_WORDS = 40  # where a node's words begin, in bytes
SKIP_WORD = 24  # where a skip's word is
NETWORKS_END = 8192  # bytes that a block may reach beyond its beginning: the last ones of the table are not used
MOST_BLOCKS = 17  # on the way to a prefix: one for each byte, and one for the rest
ALLOW, DENY = 1, 2  # values in the trees of lists of sources
ROOT_SHIFT, ROOT_BITS = 32, 0xFFFFFFFF  # of Host.sources: the root that is looked in second, and the first
IN_WORD = 0x7FFFFFFF  # the value of a prefix in a word's low half, whose highest bit says that there is one
PLACING = "mixed 1"  # how packet/state/connections.py places connections: another way, another word
PERIOD_BITS = 11  # of monotonic ms: what a proven source may have, begins anew every 2.048 s

# A protected network, or address. Each word is written whole, while programs read.
Net = np.dtype(
    [
        ("host", "u4"),  # whose it is: Host.number
        ("used", "u4"),  # 1: a frame went straight there since control/learning.py asked
        # where frames for it go: low 48 bits the MAC address as it lies in a frame, high 16 the place in `exits`; BY_KERNEL;
        # or TO_LEARN
        ("next_hop", "u8"),
        ("origin", "u8"),  # the MAC address that its frames come from, as it lies in a frame. 0: not known, any
        ("grace_until", "u8"),  # monotonic time in ms: until then segments of unknown connections teach
    ],
    align=True,
)

# A host. What belongs together is in one word of 64 bits, which is written whole, while programs read.
Host = np.dtype(
    [
        # what its SYN-ACKs say, and how cookies are made
        ("mss_4", "u2"),  # to clients of its IPv4 addresses
        ("mss_6", "u2"),
        ("keys", "u2"),  # which set of `keys`
        ("speaks", "u1"),  # bits: which options it takes, SACK_SPOKEN and so on
        ("scale", "u1"),  # of its windows
        # limits
        ("replies", "u4"),  # SYN-ACKs in a window of WINDOW_BITS
        ("frames", "u4"),  # that a client may send on a connection in a ms, beside those that the host's progress earns
        # what is protected, and whose this is
        ("ports", "u4"),  # which set of `ports`
        ("number", "u4"),  # its place here, in `counters` and in `budgets`; 0: there is no such host
        # the way there and back
        ("tag", "u2"),  # VLAN of frames sent on: KEEP_TAG, NO_TAG, or 1 to 4094
        ("via", "u1"),  # KERNEL, ROUTED or SWITCHED
        ("other", "u1"),  # 1: what is not TCP is dropped
        ("heard", "u1"),  # 1: all that it sends is seen here, so what it does not confirm is nothing
        ("one_armed", "u1"),  # 1: what it sends comes in by the interface that faces the internet
        ("reserved", "u1", (2,)),
        ("rules", "u8"),  # which rules it has: see rule_tables.py. 0: none
        # the roots of the trees that the source of a frame for it is looked up in, one after the other; 0: no more of them
        ("sources", "u8"),
        ("handshake", "u8"),  # COOKIE, CHALLENGE or PASSING, and so on: control/handshakes.py writes it
        ("syns", "u4"),  # that go on to it in a window of WINDOW_BITS; 0: any number
        ("spare", "u4"),  # 64 bytes, a cache line
    ],
    align=True,
)

# One entry of a table each, so that a record is found without a call
Hosts = np.dtype([("records", Host, (MOST_HOSTS + 1,))], align=True)
Nets = np.dtype([("records", Net, (MOST_NETS,))], align=True)

# Of a set of ports, 64 of them: bit p & 63 of word p >> 6, port p is protected
Ports = np.dtype([("word", "u8")], align=True)

# An epoch's key; and, if `old` is 1, that of another master key whose cookies are taken, too. 3 KB a set.
Key = np.dtype(
    [("epoch", "u8"), ("low", "u8"), ("high", "u8"), ("old", "u8"), ("old_low", "u8"), ("old_high", "u8")], align=True
)
Keys = np.dtype([("slots", Key, (KEY_SLOTS,))], align=True)

# unix time = the kernel's coarse monotonic clock + offset_ns. Durations are that clock's, + still_ns: 0, but for programs
# whose clock stands still, in tests: then that is the time.
Clock = np.dtype([("offset_ns", "u8"), ("still_ns", "u8")], align=True)

# What an agent's fronts have promised to the clients that come
Promise = np.dtype([("scale", "u8")], align=True)

# What follows from the time, worked out once a tick on each CPU
Moment = np.dtype(
    [
        ("tick", "u8"),  # when this was written; 0: never
        ("now", "u8"),  # unix time in ms: for epochs and timestamps
        ("ms", "u8"),  # monotonic time in ms: for all that lasts
        ("epoch", "u8"),
        ("epochs", "u8", (2,)),  # by parity: this one, and the nearer of those before and after
    ],
    align=True,
)

# What the control plane decides for all hosts together.
Policy = np.dtype(
    [
        ("grace_until", "u8"),  # the last of all networks' (Net.grace_until), for status and the next start
        ("learned", "u8"),  # connections that they may teach in a window of WINDOW_BITS
        ("taught", "u8"),  # connections that a host may teach in a window
        ("replies", "u8"),  # SYN-ACKs in a window, for all hosts together
        ("prefix_replies", "u8"),  # SYN-ACKs in SECOND_BITS, for a source prefix that has brought no good cookie
        ("prefix_connections", "u8"),  # connections in SECOND_BITS, of a source prefix
        ("source_syns", "u8"),  # that a proven source may earn, in a period
        ("source_life", "u8"),  # periods without a use after which a source must be proven anew
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
        ("seen", "u4"),  # when a segment was seen last: monotonic time in ms, low 32 bits
        ("begun", "u4"),  # when it was remembered, likewise
        ("host", "u2"),  # Host.number
        ("origin", "u1"),  # BY_COOKIE, BY_HOST, BY_GRACE
        ("state", "u1"),  # bits: CLIENT_FIN and so on
        ("sent", "u4"),  # the sequence number after all that the host has sent: RFC 9293 SND.NXT
        ("left", "u2"),  # frames that the client may still send
        ("doubted", "u2"),  # the last window in which a segment that may be wrong was let through
        ("reach", "u1"),  # how far from `next` a sequence number may be: a power of 2
        ("ack_reach", "u1"),  # how far from `sent` an acknowledgment may be
        ("charged", "u1"),  # 1: HALF_OPEN at the cost of its source's allowance
        ("reserved", "u1"),
    ],
    align=True,
)

# The tags of a bucket's places, a byte each
Tags = np.dtype([("word", "u8")], align=True)
# Where a connection may be: see packet/state/connections.py. Written when the tables are made; later only `marks` changes.
Places = np.dtype(
    [
        ("buckets", "u8"),
        ("factors", "u8", (HASH_WORDS,)),  # secret
        ("marks", "u8"),  # which of the two sets of `marks` is looked at
        ("marked", "u8"),  # the bits of a hash that choose a mark; a set has one more than this number
    ],
    align=True,
)
# A bit for each hash: not set, no connection has it. Two sets of them, one behind the other.
Mark = np.dtype([("word", "u8")], align=True)
# How far the other set is made anew: the next place to be looked at.
Sweep = np.dtype([("place", "u8")], align=True)

# One CPU's part of a budget: what it may still spend in a window. Beyond `left`, all is about SYNs.
Share = np.dtype(
    [
        ("window", "u8"),  # what follows is of this one
        ("left", "u8"),  # of what this CPU has drawn
        ("tight", "u8"),  # 1: the budget has run out, and as much is wanted still
        ("cap", "u8"),  # everybody's: SYN-ACKs that an unproven source prefix may have of this CPU in a second
        ("drawn", "u8"),
        ("refused", "u8"),  # SYNs
        ("crowd", "u8"),  # a host's: source prefixes seen, while it is tight
        ("fair", "u8"),  # a host's: SYN-ACKs that each of them may have
        ("hosts", "u8"),  # everybody's: hosts that SYNs were for
        ("host_fair", "u8"),  # everybody's: SYN-ACKs that each of them may have
        ("cpus", "u8"),  # everybody's: CPUs that had SYNs in the window before
        ("newcomers", "u8"),  # everybody's: connections in a second that a source prefix may open by this CPU
    ],
    align=True,
)
# What all CPUs together have taken of a budget: window << 32 | taken. And, everybody's, how many CPUs had SYNs in this
# window and the one before, by parity: window << 32 | CPUs. In a cache line of its own.
Budget = np.dtype([("taken", "u8"), ("crew", "u8", (2,)), ("reserved", "u8", (5,))], align=True)
# What is known on one CPU of the source prefixes (/24, /48, /64) that share a cell
Prefix = np.dtype(
    [
        ("tag", "u2"),  # of the prefix that brought a good cookie last
        ("proven", "u2"),  # when that was: in SECOND_BITS of monotonic ms, as all times here
        ("window", "u2"),  # what follows is of this one
        ("answered", "u2"),  # SYNs
        ("failed", "u2"),  # cookies that were none
        ("opened", "u2"),  # connections, by good cookies
        ("guessed", "u2"),  # when too many cookies were none for the last time
        ("doubted", "u2"),  # frames of known connections that may be wrong and were let through
    ],
    align=True,
)
# Of connections whose SYN was answered while their prefix's cookies were not tried any more: when << 3 | tries left
Asked = np.dtype([("cells", "u2", (ASKED_CELLS,))], align=True)
# SYN-ACKs of a source prefix in a window, on one CPU, while a limit bites: window << 32 | count
Crowds = np.dtype([("cells", "u8", (CROWD_CELLS,))], align=True)

# An interface that frames are sent out of. Place 0 is the one that they came in by: if there are several such uplinks, they
# have the places from 1 on, and place 0 is whichever of them it was. `scatters` 1: it takes frames of several buffers.
Exit = np.dtype([("mac", "u8"), ("mtu", "u8"), ("scatters", "u8")], align=True)
Exits = np.dtype([("slots", Exit, (MOST_EXITS,))], align=True)
# The uplinks, which frames come in by: each has a number, its place in `exits`. `mac`: that of the only one there is, as it
# lies in a frame, << MAC_SHIFT; NO_MAC if there are `several`. `only`: its number, 0. `others`: further addresses of this
# machine that frames may come in for, each at the place that the upper bits of its product with `factor` say; in the low
# bits, 1 << the number of each uplink where it is ours. `unfinished`: likewise, where checksums may be left to do.
# `ways_in`: by the product of an interface's index with `spread`, this index << INTERFACE_SHIFT | the number of the uplink
# that it belongs to.
Outside = np.dtype(
    [
        ("mac", "u8"),
        ("factor", "u8"),
        ("unfinished", "u8"),
        ("several", "u8"),
        ("only", "u8"),
        ("spread", "u8"),
        ("others", "u8", (1 << MAC_SLOTS_BITS,)),
        ("ways_in", "u8", (1 << WAYS_IN_BITS,)),
    ],
    align=True,
)

# Whose ACK may have found a full accept queue, all as it lay in the segment: client and host, both ports; what it said
Waiter = np.dtype(
    [(name, "u8") for name in ("source_high", "source_low", "destination_high", "destination_low", "ports")], align=True
)
Waiting = np.dtype(
    [(name, "u4") for name in ("sequence", "acknowledgment", "timestamps", "tsval", "tsecr", "said")], align=True
)
# An address (two words, as in Flow) of a network whose frames go straight, for which a frame has come, and nobody knows the
# way yet. The factors of the hash that chooses among a host's places are secret.
Note = np.dtype([("state", "u8"), ("high", "u8"), ("low", "u8")], align=True)
Wanted = np.dtype([("factors", "u8", (4,)), ("notes", Note, (1 << NOTING_BITS + NOTE_BITS,))], align=True)

# Programs that have run since the front's process looked; `front` by the uplink's number
Seen = np.dtype([("front", "u8", (MOST_EXITS,)), ("inside", "u8"), ("leaving", "u8")], align=True)

# Trees of prefixes: see packet/state/networks.py. As many words as whoever makes the table chooses
Networks = np.dtype([("words", "u8", (FEWEST_NETWORK_WORDS,))], align=True)

# A destination that was looked up on a CPU, and what was found; it holds while `generation` is that of `networks`
Destination = np.dtype([("high", "u8"), ("low", "u8"), ("place", "u4"), ("host", "u4"), ("generation", "u8")], align=True)
Recent = np.dtype([("cells", Destination, (RECENT_CELLS,))], align=True)

# By reason: frames, then their bytes, as they came
Counters = np.dtype([("tallies", "u8", (2 * FRONT_REASONS,))], align=True)
AgentCounters = np.dtype([("tallies", "u8", (2 * REASONS,))], align=True)


def table(name: str, kind: TableKind, value: np.dtype[Any], entries: int = 1, flags: int = 0, also: str = "") -> Table:
    """A table of so many `value`s, by number. Whoever finds one that is pinned compares its fields, and what `also` says."""
    return Table(name, kind, 4, value.itemsize, entries, flags, f"{value.descr} {also}")


HOSTS = table("hosts", "array", Hosts, flags=MMAPABLE)
NETS = table("nets", "array", Nets, flags=MMAPABLE)
POLICY = table("policy", "array", Policy, flags=MMAPABLE)
PROMISE = table("promise", "array", Promise)
NETWORKS = table("networks", "array", Networks, flags=MMAPABLE)
RECENT = table("recent", "percpu_array", Recent)
MOMENT = table("moment", "percpu_array", Moment)
CLOCK = table("clock", "array", Clock, flags=MMAPABLE)
WALK = table("walk", "percpu_array", Walk)
EVICTED = ("other", "host", "prefix", "unconfirmed", "own_prefix", "busy_prefix", "half_open", "over")  # see eviction.py
SEARCH = table("search", "percpu_array", Search)
PLACES = table("places", "array", Places, flags=MMAPABLE, also=PLACING)
SWEEP = table("sweep", "array", Sweep)
CROWDS = table("crowds", "percpu_array", Crowds)
PREFIXES = table("prefixes", "percpu_array", Prefix, PREFIX_CELLS)
ASKED_FOR = table("asked", "percpu_array", Asked)
EXITS = table("exits", "array", Exits, flags=MMAPABLE)
SEEN = table("seen", "array", Seen, flags=MMAPABLE)
OUTSIDE = table("outside", "array", Outside, flags=MMAPABLE)
WANTED = table("wanted", "array", Wanted, flags=MMAPABLE)
SHEET = table("sheet", "percpu_array", Sheet)
EXPLAINED = table("explained", "percpu_array", Flow)  # of packet/explained.py alone
DEVICES = Table("devices", "devmap", 4, 4, MOST_EXITS)
WAITING = Table("waiting", "lru_hash", Waiter.itemsize, Waiting.itemsize, MOST_WAITING, layout=f"{Waiting.descr}")
LOCALS = Table("locals", "lpm_trie", 20, 4, MOST_LOCALS)  # a network: bits in the host's byte order, 16 bytes

NUMBERED_REASONS = " ".join(f"{reason}:{reason.name}" for reason in Reason)
AGENT_COUNTERS = table("counters", "percpu_array", AgentCounters, also=NUMBERED_REASONS)  # of a table of its own

# `entries` of these is for whoever makes them to choose: sets of keys; as many counters as hosts, BUDGETS_EACH times as many
# budgets; PORT_WORDS for each set of ports; buckets, WAYS times as many places; words of two sets of marks
KEYS = table("keys", "array", Keys, KEY_SETS, MMAPABLE)
COUNTERS = table("counters", "percpu_array", Counters, also=NUMBERED_REASONS)
BUDGETS = table("budgets", "array", Budget, BUDGETS_EACH, MMAPABLE)
SHARES = table("shares", "percpu_array", Share, BUDGETS_EACH)
PORTS = table("ports", "array", Ports, PORT_WORDS, MMAPABLE)
TAGS = table("tags", "array", Tags, 1024, MMAPABLE)
CONNECTIONS = table("connections", "array", Connection, 1024 * WAYS, MMAPABLE)
MARKS = table("marks", "array", Mark, 2 * FEWEST_MARKS // 64, MMAPABLE, also=PLACING)
