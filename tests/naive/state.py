"""What the policy knows between frames, slowly: dictionaries and exact sums where the program has tables and shares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

from naive import cookie

PLENTY = 1 << 31
WINDOW = 128  # ms: unix time is divided into windows, and every budget begins anew with each


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


@dataclass(frozen=True)
class Host:
    """A protected address.

    ports    its protected TCP ports; None: all of them
    mss      what its SYN-ACKs say
    number   which host of the configuration it belongs to, from 1
    keys     which of the key sets
    replies  SYN-ACKs in a window
    drops    whether what is not TCP is dropped
    tag      of frames that are sent on: a VLAN's number, "none", or None: as they came
    """

    ports: frozenset[int] | None
    mss: int
    number: int = 1
    keys: int = 0
    replies: int = PLENTY
    via: Via = Via.kernel
    drops: bool = False
    tag: int | Literal["none"] | None = None

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


class Name(NamedTuple):
    """A connection as its client names it; addresses `mapped`."""

    client: bytes
    host: bytes
    client_port: int
    host_port: int


@dataclass
class Connection:
    """What is remembered of a connection. `next`: the sequence number that the host expects. Times in unix ms."""

    next: int
    seen: int
    begun: int
    host: int
    origin: Origin
    client_fin: bool = False
    host_fin: bool = False
    host_seen: bool = False


@dataclass
class State:
    """Everything but the frame and the time. Hosts and next hops are by `mapped` address; exit 0 is the way in.

    The twin's table of connections has no end: what gives way when a table is full, it does not know.
    """

    hosts: Mapping[bytes, Host]
    keys: list[cookie.Keys]  # set by set
    hops: dict[bytes, Hop] = field(default_factory=dict)
    exits: Mapping[int, Exit] = field(default_factory=dict)
    replies: int = PLENTY  # SYN-ACKs in a window, for all hosts
    learned: int = PLENTY  # connections that may be learned in a window of the grace period
    grace_until: int = 0  # unix ms
    connections: dict[Name, Connection] = field(default_factory=dict)
    # Budgets, by whose they are and window: what is spent; when somebody was refused last; who came, and had how much
    spent: Counter[tuple[int | str, int]] = field(default_factory=Counter)
    refused: dict[int | str, int] = field(default_factory=dict)
    crowds: defaultdict[int, Counter[tuple[bytes, int]]] = field(default_factory=lambda: defaultdict(Counter))


def mapped(address: bytes) -> bytes:
    """An address as the tables know it (RFC 4291 2.5.5.2)."""
    return address if len(address) == 16 else bytes(10) + b"\xff\xff" + address
