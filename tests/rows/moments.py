"""The same SYN at different times: epochs, their keys, the clock in TSval."""

from __future__ import annotations

from naive.cookie import EPOCH
from naive.frames import LINUX, IPv6, Tcp, frame
from naive.world import EPOCH_BEGINS, EPOCH_NOW

from hardtack.packet.reasons import Reason
from rows.row import EVERYTHING, Expected, Row, answered

SYN = frame(tcp=Tcp(options=LINUX))
ALL = Expected(0x77, EVERYTHING, 0x01020304)


def at(description: str, now_ms: int) -> Row:
    """Linux's SYN at some moment."""
    return answered(description, ALL, tcp=Tcp(options=LINUX), now_ms=now_ms)


ROWS = [
    at("the first millisecond of an epoch", EPOCH_BEGINS),
    at("the last millisecond of the epoch before", EPOCH_BEGINS - 1),
    at("the last millisecond of an epoch", EPOCH_BEGINS + EPOCH - 1),
    at("the first millisecond of the next", EPOCH_BEGINS + EPOCH),
    at("the middle of an epoch", EPOCH_BEGINS + EPOCH // 2),
    at("the last epoch there is a key for", EPOCH_BEGINS + 3 * EPOCH - 1),
    Row("the first millisecond without a key", SYN, Reason.no_key, now_ms=EPOCH_BEGINS + 3 * EPOCH),
    at("the first epoch there is a key for", EPOCH_BEGINS - 2 * EPOCH),
    Row("a millisecond before the first key", SYN, Reason.no_key, now_ms=EPOCH_BEGINS - 2 * EPOCH - 1),
    Row("the slot holds the key of 64 epochs ago", SYN, Reason.no_key, now_ms=(EPOCH_NOW + 64) * EPOCH),
    Row("the slot holds the key of 64 epochs ahead", SYN, Reason.no_key, now_ms=(EPOCH_NOW - 64) * EPOCH),
    Row("no key over IPv6", frame(IPv6(), Tcp(destination_port=80)), Reason.no_key, now_ms=EPOCH_BEGINS + 3 * EPOCH),
    Row(
        "no key, and SYN+FIN: that comes first",
        frame(tcp=Tcp(flags=3)),
        Reason.syn_fin,
        now_ms=EPOCH_BEGINS + 3 * EPOCH,
    ),
    Row(
        "no key, and SYN+ACK of no connection: that needs no key",
        frame(tcp=Tcp(flags=0x12)),
        Reason.stray_syn_ack,
        now_ms=EPOCH_BEGINS + 3 * EPOCH,
    ),
    Row("an epoch beyond 32 bits", SYN, Reason.no_key, now_ms=(EPOCH_NOW + (1 << 32)) * EPOCH),
    at("1970: a clock never set, epoch 0", 0),
    at("TSval's clock bits: the last millisecond of 256", EPOCH_BEGINS + 255),
    at("TSval's clock bits: the first of the next 256", EPOCH_BEGINS + 256),
]
