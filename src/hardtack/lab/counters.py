"""What the kernel counted inside a namespace: frames per interface, TCP events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace

HERE = Path("/proc/thread-self/net")  # of the thread: its process may be in another namespace


@dataclass(frozen=True)
class Traffic:
    """Frames and bytes of one interface since it was made. A veth counts frames that XDP took, too."""

    received: int
    received_bytes: int
    receive_drops: int
    sent: int
    sent_bytes: int
    send_drops: int

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(*(now - then for now, then in zip(vars(self).values(), vars(earlier).values(), strict=True)))


def traffic(interface: Interface) -> Traffic:
    """The interface's counters now (/proc/net/dev)."""
    text = interface.namespace.call((HERE / "dev").read_text, encoding="ascii")
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon and name.strip() == interface.name:
            n = [int(word) for word in rest.split()]
            return Traffic(n[0 + 1], n[0], n[3], n[8 + 1], n[8], n[8 + 3])
    raise LookupError(f"{interface.name}: not in {interface.namespace.name}")


def tcp_events(namespace: Namespace) -> dict[str, int]:
    """The namespace's TCP, IP and IPv6 event counters by nstat's names (TcpPassiveOpens, Ip6InReceives, ...)."""
    events: dict[str, int] = {}
    for file in ("snmp", "netstat"):
        lines = namespace.call((HERE / file).read_text, encoding="ascii").splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            group, *keys = names.replace(":", " ").split()
            events |= {group + key: int(value) for key, value in zip(keys, values.split()[1:], strict=True)}
    pairs = map(str.split, namespace.call((HERE / "snmp6").read_text, encoding="ascii").splitlines())
    return events | {name: int(value) for name, value in pairs}
