"""The whole site at work: two fronts, three hosts with servers, and all ways to them.

    way          host      by           `via`
    kernel       behind    front one    "kernel"
    direct       behind    front one    "direct"; its IPv6 address in a network, so that the way there is learned
    mac          behind    front one    "mac", out of the inside interface
    one-armed    beside    front one    "mac", the interface that the frame came in on
    local        two       front two    "local"

Front two protects what is behind, too, all by way of the kernel, and drops what is not TCP. `beside` has a key and an MSS of
its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from handshake.stage import HTTP, PATIENCE, TALK

from fronts.running import Value, agent, configuration, front, key
from hardtack.lab.addresses import BESIDE, CLIENT, ON_TWO, SECOND, SERVER, THIRD
from hardtack.lab.attach import attach
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.servers import iperf3, nginx, nginx_program, talker
from hardtack.lab.site import Site, site

ADDRESSES = {"kernel": SERVER, "direct": SECOND, "mac": THIRD, "one-armed": BESIDE, "local": ON_TWO}
WAYS = tuple(ADDRESSES)
NETWORK = "2001:db8::10/127"  # that SECOND's other address is in
KEY, MSS = "key-of-beside", 1300


@dataclass(frozen=True)
class Way:
    """How clients reach a host: `address` for one IP version, the front's outside interface, the host's own."""

    name: str
    address: str
    host: Namespace
    outside: Interface
    arrival: Interface


@dataclass(frozen=True)
class Town:
    """The site and the processes at work in it: agents, and behind them the fronts. `folder` has their configurations."""

    site: Site
    folder: Path
    processes: tuple[Process, ...]

    def reload(self, more: dict[str, Value], **front: Value) -> None:
        """Have both fronts at work with `more` in each host's table, and with more in their own."""
        since = [len(process.lines) for process in self.processes]
        written(self.site, self.folder, more, **front)
        for process, line in [*zip(self.processes, since, strict=True)][-2:]:
            process.wait_for("reloaded by=file", PATIENCE, line)

    def way(self, name: str, version: int) -> Way:
        """One of WAYS."""
        site, address = self.site, ADDRESSES[name][version == 6]
        if name == "local":
            return Way(name, address, site.two.namespace, site.two.outside, site.two.outside)
        host, arrival = (site.beside, site.arm) if name == "one-armed" else (site.behind, site.far)
        return Way(name, address, host, site.one.outside, arrival)


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """All of it ready: nginx where it is installed, talkers, iperf3 where it is installed."""
    with ExitStack() as parts:
        place = parts.enter_context(site())
        for gate in place.gates:
            parts.enter_context(attach(gate, PASS))
        for host, addresses in (
            (place.behind, SERVER + SECOND + THIRD),
            (place.beside, BESIDE),
            (place.two.namespace, ON_TWO),
            (place.client, CLIENT),
        ):
            parts.enter_context(talker(host, addresses, [TALK]))
            if nginx_program():
                parts.enter_context(nginx(host, addresses, [HTTP]))
            if shutil.which("iperf3"):
                parts.enter_context(iperf3(host))
        first, second = written(place, folder, {})
        at_work = [
            agent(place.far, folder),
            agent(place.arm, folder, KEY),
            front(place.one.outside, first),
            front(place.two.outside, second),
        ]
        yield Town(place, folder, tuple(map(parts.enter_context, at_work)))


def written(place: Site, folder: Path, more: dict[str, Value], **front: Value) -> tuple[Path, Path]:
    """The fronts' configurations, with `more` in each host's table."""
    one, two = place.one, place.two
    first, second = ([{**host, **more} for host in hosts] for hosts in (hosts_of_one(place, folder), hosts_of_two()))
    return (
        configuration(folder, one.outside, first, inside=[one.inside.name], **front),
        configuration(folder, two.outside, second, inside=[two.inside.name], **front),
    )


def hosts_of_one(place: Site, folder: Path) -> list[dict[str, Value]]:
    """Every way but local; `mac` drops what is not TCP."""
    far, arm = (interface.mac.hex(":") for interface in (place.far, place.arm))
    return [
        {"name": "kernel", "addresses": SERVER, "via": "kernel"},
        {"name": "direct", "addresses": [SECOND[0], NETWORK], "via": "direct"},
        {"name": "mac", "addresses": THIRD, "via": "mac", "mac": far, "out": place.one.inside.name, "default": "drop"},
        {"name": "one-armed", "addresses": BESIDE, "via": "mac", "mac": arm, "key_file": key(folder, KEY), "mss": MSS},
    ]


def hosts_of_two() -> list[dict[str, Value]]:
    """Itself, and what is behind."""
    return [
        {"name": "local", "addresses": ON_TWO, "via": "local"},
        {"name": "behind", "addresses": SERVER + SECOND + THIRD, "via": "kernel", "default": "drop"},
    ]
