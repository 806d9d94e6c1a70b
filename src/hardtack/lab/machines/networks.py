"""Front and agent on networks of every kind: what comes of clients' requests by each `via`, and after each change."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hardtack.lab.machines import changes
from hardtack.lab.machines.changes import Change
from hardtack.lab.machines.ground import Ground, Refused, ground, guarded, refused, tried
from hardtack.lab.machines.outcomes import Outcome, Result
from hardtack.lab.machines.streets import bond, bridge, cable, gre, veth, vlan
from hardtack.lab.namespaces import LabError
from hardtack.lab.topology import Link

WHY = re.compile(r'\bwhy="([^"]*)"')  # of the lines that warn
EVERY = ("kernel", "direct", "mac")


def served(
    name: str,
    street: Link | None = None,
    yard: Link | None = None,
    ways: tuple[str, ...] = EVERY,
    changed: tuple[Change, ...] = (),
    outside: str = "",
    arrival: str = "",
    heard: bool = True,
) -> Iterator[Result]:
    """One network: clients ask by every way; then each change is made, and they ask again. Arguments as for `ground`."""
    names = [name, *(f"{name}, {change.name}" for change in changed)]
    with ground(street, yard, ways, outside, arrival, heard) as place:
        try:
            with guarded(place):
                yield described(tried(name, place), place)
                for change in changed:
                    yield after(f"{name}, {change.name}", place, change)
        except Refused as why:
            yield from refused(names, why)


def after(name: str, place: Ground, change: Change) -> Result:
    """What comes of it; a change that cannot be made is bad, too: then nothing was tried."""
    try:
        change.make(place)
        return tried(name, place, change.size)
    except (LabError, OSError) as error:
        return Result(name, Outcome.bad, f"not tried: {error}")


def described(result: Result, place: Ground) -> Result:
    """With what front and agent warned of when they started."""
    lines = [line for process in (place.front, place.agent) if process for line in process.lines]
    warned = [why for line in lines for why in WHY.findall(line)]
    return Result(result.name, result.outcome, "; ".join([result.seen, *warned[:2]]))


def on_veth() -> Iterator[Result]:
    """Front and host are two machines, and then one."""
    yield from served("veth")
    yield from served("veth, local", ways=("local",))


def on_virtio() -> Iterator[Result]:
    """Cards whose driver has XDP, on both sides; and what links can do to clients.

    That is last: connections that wait for a round trip keep their namespace, and with it the cards.
    """
    yield from served("virtio_net, local", cable("street"), ways=("local",))
    yield from served("virtio_net", cable("street"), cable("yard"), changed=changes.LINK + changes.ROUND_TRIPS)


def on_e1000e() -> Iterator[Result]:
    """A card whose driver has none, and its driver unloaded under a front's feet."""
    yield from served("e1000e", cable("plain"), changed=changes.LINK)
    yield from served("e1000e, local", cable("plain"), ways=("local",))
    yield from reloaded("e1000e, driver loaded again", "e1000e", "plain")


def reloaded(name: str, driver: str, wire: str) -> Iterator[Result]:
    """The front ends with its interface, or is ended; started anew, it serves."""
    try:
        with ground(cable(wire), ways=("kernel",)) as place:
            with guarded(place):
                first = tried(name, place)
                changes.reload(driver, wire)(place)
            if first.outcome is Outcome.bad:
                yield first
                return
            with guarded(place):
                yield tried(name, place)
    except Refused as why:
        yield from refused([name], why)


def stacked() -> Iterator[Result]:
    """VLAN devices, bridges, bonds, with the front on top and below."""
    yield from served("VLAN device", vlan(veth), ways=("kernel", "direct"))
    yield from served("VLAN device, front below", vlan(cable("street")), outside="lower2", ways=("kernel", "direct"))
    yield from served("VLAN device at the host", yard=vlan(veth), ways=("kernel",))
    yield from served("bridge", bridge(veth), ways=("kernel", "direct"))


def bonds() -> Iterator[Result]:
    """Both modes; a front on the bond, on one of its links, an agent on a bond."""
    for mode in ("active-backup", "802.3ad"):
        yield from served(f"bond {mode}", bond(mode), ways=("kernel", "direct"))
    yield from served("bond active-backup, front below", bond("active-backup"), outside="lower2", ways=("kernel",))
    at_host = bond("active-backup")
    yield from served("bond active-backup at the host", yard=at_host, ways=("kernel",))
    yield from served("bond active-backup at the host, agent below", yard=at_host, ways=("kernel",), arrival="lower2")


def tunnels() -> Iterator[Result]:
    """A host that is reached by GRE: no `inside`, which must be Ethernet; what leaves towards clients teaches."""
    yield from served("GRE to the host", yard=gre(veth), ways=("kernel",), heard=False)
