"""An entry that works on the connection table by itself for a while, as a CPU under load does: many turns in one call.

Connections have numbers. Ports are made of them, so mixed that neighbours have nothing to do with each other; `next` is the
number, so that a record tells whether it is whole.
"""

from __future__ import annotations

from typing import Any

from hardtack.compiler.language import absent, beyond, i64, inlined, load64, new, store64, u64
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.layout import BY_COOKIE
from hardtack.packet.records import Name
from hardtack.packet.state.connections import find, forget
from hardtack.packet.state.eviction import take_place
from hardtack.packet.state.follow import begin

DONE, REFUSED = 2, 1
INSERT, COUNT, DELETE, CHURN = 0, 1, 2, 3
SIZE = 40  # bytes of a frame
MAPPED, LOW_32 = 0xFFFF0000, 0xFFFFFFFF
MIX = 0x9E3779B1  # odd, so that no two numbers have the same ports
CLIENT, SERVER = 0x0100007F, 0x0200007F

new_name = new(Name)


def called(name: Any, number: Any) -> None:
    """The name of a connection by its number."""
    name.version = 4
    name.source_high, name.source_low = u64(0), u64(MAPPED | (CLIENT << 32))
    name.destination_high, name.destination_low = u64(0), u64(MAPPED | (SERVER << 32))
    name.ports = u64((number * MIX) & LOW_32)
    name.place = 0


def done(name: Any, number: Any, what: Any) -> int:
    """One turn: 1 if the connection was put in (or was there, whole; or was there and is gone; or one of the two)."""
    entry = find(name)
    if what == INSERT or (what == CHURN and absent(entry)):
        if not absent(entry):
            return 0
        entry = take_place(name, u64(number), True)
        if absent(entry):
            return 0
        begin(entry, name, 1, BY_COOKIE, u64(number))
        entry.next = number
        return 1
    if absent(entry):
        return 0
    if what != COUNT:
        forget(name)
        return 1
    return 1 if i64(entry.next) == number else 0


call, turn = inlined(called), inlined(done)


def worker(frame: Any) -> int:
    """Words in: what to do, the first number, how many, every how many, how often. Over the first: how many were done."""
    start = head(frame)
    if beyond(start, SIZE, tail(frame)):
        return REFUSED
    what, number = i64(load64(start, 0)), i64(load64(start, 8))
    count, step, rounds = i64(load64(start, 16)), i64(load64(start, 24)), i64(load64(start, 32))
    name, total = new_name(), 0
    for _ in range(rounds):
        for each in range(count):
            call(name, number + each * step)
            total += turn(name, number + each * step, what)
    store64(start, 0, u64(total))
    return DONE
