"""Frames for whoever watches: copied before they are judged, shown with verdict and reason behind it. See tap_tables.py.

With nobody watching it is one word that is read. How many frames a tap wants is settled before the copy; whether it wants
this one of them, with its reason and host, its own program finds out (engines/tap_program.py).
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, at, barrier, entry_of, i64, inlined, own_entry, u64, viewed
from hardtack.packet.frame.platform import coarse_ns, copy, interface_of, network_of, show_tap, whole_length
from hardtack.packet.tap_tables import (
    FEW_LEFT,
    MOST_TAPS,
    SNAP,
    TAP_OF_SIZE,
    TAP_SIZE,
    TAPPED,
    TAPS,
    Tap,
    TapOf,
    Tapped,
    Taps,
    offset_of,
)

taps = entry_of(TAPS, Taps)
own_tapped = own_entry(TAPPED, Tapped)
tap_at = viewed(Tap)
tap_of = viewed(TapOf)
FIRST_TAP, FIRST_OF, FRAME = offset_of("taps", Taps), offset_of("taps"), offset_of("frame")


@inlined
def note(frame):
    """Copy the frame as it came, if a tap wants it."""
    on = taps().on
    if on:
        own = own_tapped()
        if not absent(own):
            if own.on == on and own.left > u64(1):
                own.left -= u64(1)
                own.wanted = 0
            else:
                choose(own, on)
                if own.wanted:
                    take(frame, own)
    barrier()  # for the verifier: whether it was copied is in the table alone


@inlined
def choose(own, on):
    """Which taps want this frame, and when any wants the next one."""
    now, fresh = coarse_ns(), own.on != on
    own.on, own.wanted = on, 0
    passed = u64(1) if fresh else own.step
    own.step = FEW_LEFT
    for number in range(MOST_TAPS):
        tap = tap_at(at(address(taps()), FIRST_TAP + number * TAP_SIZE))
        of = tap_of(at(address(own), FIRST_OF + number * TAP_OF_SIZE))
        if tap.until > now and tap.every:
            if fresh:
                of.left = drawn(own, tap.every)
            if of.left > passed:
                of.left -= passed
            else:
                own.wanted |= u64(1) << u64(number)
                own.last = number
                of.left = drawn(own, tap.every)
            if of.left < own.step:
                own.step = of.left
    own.left = own.step


@inlined
def drawn(own, every):
    """Frames until the next one: by chance, so that traffic with a beat is not misjudged; `every` in the mean."""
    own.random = own.random * u64(6364136223846793005) + u64(1442695040888963407)  # Knuth, TAOCP 3.3.4: MMIX
    return u64(1) + ((own.random >> u64(32)) * (u64(2) * every - u64(1)) >> u64(32))


@inlined
def take(frame, own):
    """The copy, of SNAP bytes at most."""
    length = whole_length(frame)
    most = length if length < SNAP else SNAP
    captured = i64((u64(most) - u64(1)) & u64(SNAP - 1)) + 1  # a bound for the verifier; no frame is empty
    own.length, own.captured, own.interface, own.begin = length, captured, interface_of(frame), network_of(frame)
    if copy(frame, 0, at(address(own), FRAME), captured):
        own.wanted = 0


@inlined
def show(frame, flow, reason, action):
    """Have the taps that want the frame write it down; the action, whoever returns it.

    Their programs go from the last of them to the first. For the verifier all is in the table before the frame goes on.
    """
    if taps().on:
        own = own_tapped()
        if not absent(own):
            own.reason, own.host, own.action = reason, flow.host, action
            barrier()
            if own.wanted:
                show_tap(frame, i64(own.last))
            action = i64(own.action)
    return action
