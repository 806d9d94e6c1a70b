"""What becomes of handshakes is put down to their sources: proven, ended well, reset."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, u64
from hardtack.packet.frame.parse import NONE
from hardtack.packet.reasons import Reason
from hardtack.packet.state.proven import add_source, blame, discharge, earn_one, find_source, period_of, prove, turn_source

ESTABLISHED, PROOF, RESET = int(Reason.established), int(Reason.proof), int(Reason.reset)


@inlined
def settle(name, host, entry, reason, ms):
    """After a client's segment: an RST that proves it, an ACK that ends a handshake, or an RST that does.

    A handshake that was not at the cost of an allowance proves its source only where the host is heard: else anybody may
    have sent the ACK.
    """
    charged = 0 if absent(entry) else i64(entry.charged)
    if not charged and (reason == RESET or (reason == ESTABLISHED and not host.heard)):
        return
    if charged:
        entry.charged = 0
    period, source = period_of(ms), find_source(name.source_high, name.source_low)
    if absent(source):
        if charged:
            return
        source = add_source(name.source_high, name.source_low, period)
        if absent(source):
            return
    turn_source(source, host, period)
    if not charged:
        prove(source, period)
    if reason != PROOF and not absent(entry):
        finish(source, entry, reason, charged, period)


@inlined
def settle_by_host(name, host, entry, ends_well, ms):
    """After a host's segment that ends a handshake. Who is refused is not to blame."""
    if not entry.charged:
        return
    entry.charged = 0
    period, source = period_of(ms), find_source(name.source_high, name.source_low)
    if not absent(source):
        turn_source(source, host, period)
        finish(source, entry, ESTABLISHED if ends_well else NONE, 1, period)


@inlined
def finish(source, entry, reason, charged, period):
    """A handshake is open no more."""
    late = charged and not discharge(source, period_of(u64(entry.begun)), period)
    if reason == ESTABLISHED:
        earn_one(source, late)
    elif reason == RESET:
        blame(source, period)
