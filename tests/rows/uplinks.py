"""Several interfaces that face the internet: whose frames are whose, and what goes back goes where it came in.

Of two uplinks, exits 1 and 2, each has a MAC address of its own and one that is both's, as the slaves of a bond have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from naive.forward import Action
from naive.frames import SYN, Ethernet, IPv4, IPv6, Tcp, frame, packed
from naive.state import Exit, Hop, mapped
from naive.world import BACK, BACK6, EXITS, HOPS, LODGER, OUTSIDE, ROUTED, VIRTUAL

from hardtack.packet.reasons import Reason
from rows.finished import begun
from rows.outward import out
from rows.row import BARE, Row, acknowledgment

TO_80 = Tcp(destination_port=80)
LONG = bytes(1400)  # of data: more than the second uplink takes
FIRST, SECOND = 1, 2
OTHER = Exit(bytes.fromhex("020000000f09"), 1400)  # the second uplink
WAYS = {FIRST: OUTSIDE, SECOND: OTHER, 3: EXITS[1], 4: EXITS[2]}
HOPS_NOW = {address: Hop(hop.mac, hop.exit + 2 if hop.exit else 0) for address, hop in HOPS.items()}
ROUTER = bytes.fromhex("020000000a99")  # beyond either uplink
MACS = {FIRST: (OUTSIDE.mac, VIRTUAL), SECOND: (OTHER.mac, VIRTUAL)}
B4, B6, R4 = IPv4(destination=BACK), IPv6(destination=BACK6), IPv4(destination=ROUTED)


def here(uplink: int, **others: Any) -> Mapping[str, Any]:
    """The world as frames find it that come in by this uplink."""
    elsewhere = {number: macs for number, macs in MACS.items() if number != uplink}
    return {"uplink": uplink, "macs": MACS[uplink], "elsewhere": elsewhere, "exits": WAYS, "hops": HOPS_NOW} | others


def asked(description: str, uplink: int, mac: bytes, ours: bool) -> Row:
    """A SYN that came in by an uplink for a MAC address."""
    link = Ethernet(destination=mac)
    given, answer = frame(IPv4(), Tcp(), link), BARE.frame(IPv4(), Tcp(), link)
    reason = Reason.answered if ours else Reason.not_for_us
    return Row(f"uplinks: {description}", given, reason, answer if ours else None, policy=here(uplink))


def sent(description: str, uplink: int, ip: IPv4 | IPv6, exit: int, action: Action, mac: bytes = b"", **policy: Any) -> Row:
    """A client's first ACK that came in by an uplink, for its MAC address or another, and leaves by this exit."""
    came = Ethernet(destination=mac or WAYS[uplink].mac)
    segment = acknowledgment(ip, TO_80)
    whole = here(uplink, **policy)
    after = replace(ip, ttl=ip.ttl - 1) if ip == R4 else ip
    to = Ethernet(WAYS[exit].mac, whole["hops"][mapped(packed(ip.destination))].mac, came.tags)
    given, gone = frame(ip, segment, came), frame(after, segment, to)
    return Row(f"uplinks: {description}", given, Reason.remembered, gone, action=action, policy=whole)


def kept(description: str, uplink: int, ip: IPv4 | IPv6, mac: bytes, **segment: Any) -> Row:
    """The same, left to the kernel as it is."""
    given = frame(ip, replace(acknowledgment(ip, TO_80), **segment), Ethernet(destination=mac))
    return Row(f"uplinks: {description}", given, Reason.remembered, action=Action.kernel, policy=here(uplink))


def half_done(description: str, uplink: int, unfinished: bool) -> Row:
    """A segment whose checksum has but begun, where that may be so or may not; at the other uplink it is the other way."""
    whole = replace(acknowledgment(B4, TO_80), payload=b"begun")
    half = replace(whole, checksum=begun(B4, 25))
    mac = WAYS[uplink].mac
    to = Ethernet(mac, HOPS[mapped(packed(BACK))].mac)
    gone = frame(B4, whole if unfinished else half, to)
    policy = here(uplink, unfinished=unfinished)
    given = frame(B4, half, Ethernet(destination=mac))
    return Row(f"uplinks: {description}", given, Reason.remembered, gone, action=Action.back, policy=policy)


def by(exit: int) -> Mapping[bytes, Hop]:
    """Frames for the routed host leave by an uplink."""
    return HOPS_NOW | {mapped(packed(ROUTED)): Hop(ROUTER, exit)}


def came_from_outside(description: str, uplink: int, looped: bool) -> Row:
    """A host's SYN that leaves for the internet, and came in from there, or did not."""
    reason = Reason.outbound_forged if looped else Reason.taught
    side = "looped" if looped else "leaving"
    return Row(f"uplinks: {description}", out(flags=SYN), reason, side=side, number=1, policy=here(uplink))  # type: ignore[arg-type]


ROWS = [
    asked("a SYN for the first's MAC address, at the first", FIRST, OUTSIDE.mac, ours=True),
    asked("for the second's, at the second", SECOND, OTHER.mac, ours=True),
    asked("for the second's, at the first: a switch has flooded it", FIRST, OTHER.mac, ours=False),
    asked("for the first's, at the second", SECOND, OUTSIDE.mac, ours=False),
    asked("for both's, at the first", FIRST, VIRTUAL, ours=True),
    asked("for both's, at the second", SECOND, VIRTUAL, ours=True),
    asked("for somebody's, at the first", FIRST, LODGER, ours=False),
    asked("for nobody's, at the first", FIRST, bytes(6), ours=False),
    asked("for nobody's, at the second", SECOND, bytes(6), ours=False),
    asked("for all, at the second", SECOND, b"\xff" * 6, ours=False),
    sent("one-armed: out by the first, where it came in", FIRST, B4, FIRST, Action.back),
    sent("one-armed: out by the second, where it came in", SECOND, B4, SECOND, Action.back),
    sent("one-armed over IPv6, by the second", SECOND, B6, SECOND, Action.back),
    sent("one-armed, for both's MAC address: the uplink's own is the source", SECOND, B4, SECOND, Action.back, VIRTUAL),
    kept("one-armed, for the other uplink's MAC address: the kernel's", SECOND, B4, OUTSIDE.mac),
    kept("one-armed, longer than the second's MTU", SECOND, B4, OTHER.mac, payload=LONG),
    sent("routed: out by an exit behind", FIRST, R4, 3, Action.exit),
    sent("routed: from the second as well", SECOND, R4, 3, Action.exit),
    sent("routed: by the uplink that it came in by", SECOND, R4, SECOND, Action.back, hops=by(SECOND)),
    sent("routed: in by the first and out by the second", FIRST, R4, SECOND, Action.exit, hops=by(SECOND)),
    sent("routed: in by the second and out by the first", SECOND, R4, FIRST, Action.exit, hops=by(FIRST)),
    half_done("checksums may be left to do at the first", FIRST, unfinished=True),
    half_done("at the first they may not", FIRST, unfinished=False),
    half_done("at the second they may", SECOND, unfinished=True),
    half_done("at the second they may not", SECOND, unfinished=False),
    came_from_outside("what came in by the first, and leaves by either", FIRST, looped=True),
    came_from_outside("what came in by the second", SECOND, looped=True),
    came_from_outside("what this machine sends by the second itself", SECOND, looped=False),
]
