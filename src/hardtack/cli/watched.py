"""What `hardtack replay --explain` says of its frame: what each phase found, and the frame before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hardtack.cli.explaining import Explained, lines, row
from hardtack.cli.hexdump import hexdump
from hardtack.cli.lines import end, lasting
from hardtack.control.plan import Plan
from hardtack.control.replaying.explained import Watched
from hardtack.packet.reasons import Verdict, verdict
from hardtack.pcap.captures import Packet
from hardtack.pcap.summary import summary

NS = 10**9


def told(one: Watched, plan: Plan) -> dict[str, Any]:
    """As plain data; its keys are a contract."""
    said = row(explained(one), plan)
    del said["captured"]
    return {**said, "known": one.connection, "before": one.frame.hex(), "after": one.found.answer.hex()}


def watched_lines(one: Watched, plan: Plan) -> Iterator[str]:
    """For people."""
    yield from lines(explained(one), plan)
    yield f"  {'before':<11}{summary(one.frame, one.length)}"
    yield from (f"    {line}" for line in hexdump(one.frame))
    after = one.found.answer
    if verdict(one.found.reason) == Verdict.DROP:
        yield f"  {'after':<11}nothing: it is dropped"
    elif after == one.frame:
        yield f"  {'after':<11}the same"
    else:
        yield f"  {'after':<11}{summary(after, len(after))}"
        yield from (f"    {line}" for line in hexdump(after))


def explained(one: Watched) -> Explained:
    """As `hardtack explain` has it."""
    packet = Packet(*divmod(one.when, NS), one.length, one.frame)
    return Explained(one.number, packet, "", one.found, known(one.connection))


def known(connection: dict[str, Any] | None) -> str:
    """What the table said of it."""
    if connection is None:
        return "not known at that time"
    ends = f"{end(connection['client'], connection['client_port'])} > {end(connection['address'], connection['port'])}"
    age, idle = lasting(connection["age_seconds"]), lasting(connection["idle_seconds"])
    return f"known, {connection['state']}: {ends}, learned by {connection['origin']} {age} before, last frame {idle} before"
