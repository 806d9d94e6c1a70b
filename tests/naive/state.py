"""What the policy knows between frames, slowly: dictionaries where the program has tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

from naive import cookie
from naive.cpu import Cpu
from naive.networks import Prefix as Listed
from naive.rules import Memory, Rule, Ruling

PLENTY = 1 << 31
MANY_FRAMES = 1 << 20  # a ms
BURST, START = 8192, 64  # frames that a connection may send at once; before its host has confirmed it
WAYS = 8  # connections in a bucket of the table
PROVEN_WAYS = 16  # sources in a bucket of theirs


class Via(Enum):
    """How frames get to a host."""

    kernel = 0  # the network stack
    routed = 1  # straight to the next hop, as a router would
    switched = 2  # straight to the next hop, as a switch would


class Origin(Enum):
    """How a connection came to be known."""

    cookie = 0
    host = 1
    grace = 2
    syn = 3  # that has gone on to its host
    seed = 4


class Handshake(Enum):
    """What becomes of a SYN."""

    cookie = 0  # answered with a cookie, which the host's agent knows
    challenge = 1  # of a proven source: goes on to the host; of any other: answered with a challenge
    passing = 2  # goes on to the host


class Held(NamedTuple):
    """Which handshake holds for a host now, and which one it has by the configuration.

    tried       one connection in 128 has the latter
    unanswered  the host does not answer: sources are not blamed for it
    """

    holds: Handshake = Handshake.cookie
    configured: Handshake = Handshake.cookie
    tried: bool = False
    unanswered: bool = False


COOKIES = Held()


@dataclass(frozen=True)
class Host:
    """A protected address.

    ports      its protected TCP ports; None: all of them
    mss        what its SYN-ACKs say
    number     which host of the configuration it belongs to, from 1
    keys       which of the key sets
    replies    SYN-ACKs in a window
    drops      whether what is not TCP is dropped
    tag        of frames that are sent on: a VLAN's number, "none", or None: as they came
    frames     that a client may send on a connection in a ms
    heard      all that it sends is seen
    one_armed  what it sends comes in by the interface that faces the internet
    speaks     TCP options that it takes
    scale      of its windows
    grace_until  monotonic ms; None: as all others
    rules      in order; `protect`: what goes to the handshake, "" if `ports` says it
    dry_run    nothing is dropped or answered
    handshake  which one it has
    syns       that may go on to it in a window; 0: any number
    """

    ports: frozenset[int] | None
    mss: int
    number: int = 1
    keys: int = 0
    replies: int = PLENTY
    via: Via = Via.kernel
    drops: bool = False
    tag: int | Literal["none"] | None = None
    frames: int = MANY_FRAMES
    heard: bool = False
    one_armed: bool = False
    speaks: frozenset[str] = frozenset({"sack", "timestamps", "window_scaling", "ecn"})
    scale: int = cookie.OUR_SCALE
    grace_until: int | None = None
    rules: tuple[Rule, ...] = ()
    protect: str = ""
    dry_run: bool = False
    handshake: Held = COOKIES
    syns: int = 0

    @property
    def ruling(self) -> Ruling:
        """What holds for its frames that no rule says more of."""
        any_port = bool(self.protect) or any(rule.action in ("limit", "protect") for rule in self.rules)
        return Ruling(dry=self.dry_run, every_port=any_port)

    def protects(self, port: int) -> bool:
        """Whether a port is one of those protected."""
        return self.ports is None or port in self.ports


@dataclass(frozen=True)
class Hop:
    """Where frames for an address go: a MAC address, out of which place in `exits`."""

    mac: bytes
    exit: int


@dataclass(frozen=True)
class Exit:
    """An interface that frames are sent out of."""

    mac: bytes
    mtu: int = 1500


class Prefix(NamedTuple):
    """A network: an address, `mapped`, and how many of its bits count."""

    address: bytes
    bits: int

    def holds(self, address: bytes) -> bool:
        """Whether an address is in it."""
        return (int.from_bytes(address, "big") ^ int.from_bytes(self.address, "big")) >> (128 - self.bits) == 0


class Name(NamedTuple):
    """A connection as its client names it; addresses `mapped`."""

    client: bytes
    host: bytes
    client_port: int
    host_port: int


@dataclass
class Connection:
    """What is remembered of a connection.

    next, sent         the numbers that come next: the client's, as its host expects; the host's
    seen, begun        `Moment.stamp`
    left               frames that the client may still send
    doubted            `Moment.doubts`, when a segment that may be wrong was let through last
    reach, ack_reach   how far from `next` and `sent` a segment's numbers may be: powers of 2
    awaited            its host, which is heard, has yet to confirm it
    asked              its host has sent a SYN, and nobody has answered
    numbered           `next` and `sent` are the host's own numbers
    fin_acked          its client has acknowledged the host's FIN
    half_open          its client's SYN has gone on to the host, its ACK has yet to come
    charged            that was at the cost of its source's allowance
    """

    seen: int
    begun: int
    host: int
    origin: Origin
    doubted: int
    next: int = 0
    sent: int = 0
    left: int = BURST
    reach: int = 26
    ack_reach: int = 26
    client_fin: bool = False
    host_fin: bool = False
    host_seen: bool = False
    awaited: bool = False
    asked: bool = False
    numbered: bool = False
    fin_acked: bool = False
    half_open: bool = False
    charged: bool = False


@dataclass
class Source:
    """A proven address. Times are `Moment.period`.

    used       the last period in which it had something; the three counts are of this one
    allowance  SYNs that it may have in a period
    lost       how often in a row it has lost all of them
    passed     SYNs that have gone on
    pending    of these, those that are half open still; `before`: of those of the period before
    """

    used: int
    allowance: int
    lost: int = 0
    passed: int = 0
    pending: int = 0
    before: int = 0


@dataclass
class State:
    """Everything but the frame and the time. Hosts, next hops and origins are by `mapped` address, or by network; exit 0 is
    the way in.

    If there are several ways in, exit 0 is whichever it was: `uplink`, one of the others. `macs`, `unfinished` are of it.

    The twin's tables of connections and of proven sources have no end, or (`slots`, `seats`) are a single bucket each.
    """

    hosts: Mapping[bytes, Host]
    keys: list[cookie.Keys]  # set by set
    old_keys: dict[int, cookie.Keys]  # of sets whose old key's cookies are taken, too
    factors: Sequence[int]  # of all that is hashed but cookies
    networks: Mapping[Prefix, Host | None] = field(default_factory=dict)  # None: what is in it is nobody's
    hops: dict[bytes | Prefix, Hop] = field(default_factory=dict)
    to_learn: frozenset[Prefix] = frozenset()  # networks whose addresses are noted where frames come for them
    noted: set[bytes] = field(default_factory=set)
    exits: Mapping[int, Exit] = field(default_factory=dict)
    macs: Sequence[bytes] = ()  # of this machine, where frames come in
    uplink: int = 0  # the exit that this is
    elsewhere: Mapping[int, Sequence[bytes]] = field(default_factory=dict)  # of this machine at other uplinks, by exit
    unfinished: bool = False  # checksums of what comes in may be left to do
    # the MAC address that its frames come from, where known
    origins: Mapping[bytes | Prefix, bytes] = field(default_factory=dict)
    lists: Mapping[int, Mapping[Listed, int]] = field(default_factory=dict)  # of sources, by Host.number; 0: for all
    replies: int = PLENTY  # SYN-ACKs in a window, for all hosts
    prefix_replies: int = PLENTY  # SYN-ACKs in a second, for a source prefix
    prefix_connections: int = PLENTY  # connections in a second, of a source prefix
    learned: int = PLENTY  # connections that may be learned in a window of the grace period
    taught: int = PLENTY  # connections that a host may teach in a window
    grace_until: int = 0  # monotonic ms
    connections: dict[Name, Connection] = field(default_factory=dict)
    slots: list[Name | None] | None = None
    proven: dict[bytes, Source] = field(default_factory=dict)  # by address
    seats: list[bytes | None] | None = None
    source_syns: int = 205  # that a source may earn in a period: 100 a second
    source_life: int = 292  # periods for which it is proven without a use: 10 minutes
    cpus: defaultdict[int, Cpu] = field(default_factory=lambda: defaultdict(Cpu))
    # Budgets, by whose they are: the window, and what all CPUs together have taken of it
    taken: dict[int | str, tuple[int, int]] = field(default_factory=dict)
    # CPUs that had SYNs in a window, which is said with them; by its parity
    crew: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * 2)
    ruled: Memory = field(default_factory=Memory)

    def net_of(self, address: bytes) -> bytes | Prefix | None:
        """What is protected that an address is in: the address itself, or the network with the longest prefix."""
        if address in self.hosts:
            return address
        around = [network for network in self.networks if network.holds(address)]
        return max(around, key=lambda network: network.bits, default=None)

    def hop_to(self, address: bytes) -> Hop | None:
        """Where frames for an address go, if that is known."""
        net = self.net_of(address)
        return None if net is None else self.hops.get(net)

    def origin_of(self, address: bytes) -> bytes | None:
        """The MAC address that its frames come from, likewise."""
        net = self.net_of(address)
        return None if net is None else self.origins.get(net)

    def host_of(self, address: bytes) -> Host | None:
        """Whose an address is."""
        net = self.net_of(address)
        return None if net is None else self.hosts[net] if isinstance(net, bytes) else self.networks[net]

    def forget(self, name: Name) -> None:
        """This connection is no more."""
        del self.connections[name]
        if self.slots is not None:
            self.slots[self.slots.index(name)] = None


def mapped(address: bytes) -> bytes:
    """An address as the tables know it (RFC 4291 2.5.5.2)."""
    return address if len(address) == 16 else bytes(10) + b"\xff\xff" + address
