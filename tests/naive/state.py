"""What the policy knows between frames, slowly: dictionaries where the program has tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

from naive import cookie
from naive.cpu import Cpu
from naive.networks import Prefix as Source
from naive.rules import Memory, Rule, Ruling

PLENTY = 1 << 31
MANY_FRAMES = 1 << 20  # a ms
BURST, START = 8192, 64  # frames that a connection may send at once; before its host has confirmed it
WAYS = 8  # connections in a bucket of the table


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
    seed = 4


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


@dataclass
class State:
    """Everything but the frame and the time. Hosts, next hops and origins are by `mapped` address, or by network; exit 0 is
    the way in.

    If there are several ways in, exit 0 is whichever it was: `uplink`, one of the others. `macs`, `unfinished` are of it.

    The twin's table of connections has no end, or (`slots`) it is a single bucket.
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
    lists: Mapping[int, Mapping[Source, int]] = field(default_factory=dict)  # of sources, by Host.number; 0: for all
    replies: int = PLENTY  # SYN-ACKs in a window, for all hosts
    prefix_replies: int = PLENTY  # SYN-ACKs in a second, for a source prefix
    prefix_connections: int = PLENTY  # good cookies in a second, of a source prefix
    learned: int = PLENTY  # connections that may be learned in a window of the grace period
    taught: int = PLENTY  # connections that a host may teach in a window
    grace_until: int = 0  # monotonic ms
    connections: dict[Name, Connection] = field(default_factory=dict)
    slots: list[Name | None] | None = None
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
