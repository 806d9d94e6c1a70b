"""What `hardtack explain` says of a frame: what each phase of the policy has found."""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from hardtack.cli.lines import until_nobody_reads
from hardtack.control.capture.comments import comments
from hardtack.control.configuration.reading import Loaded, loaded
from hardtack.control.explaining.machine import Found, Machine
from hardtack.control.plan import Plan
from hardtack.keys import MASTER_SIZE, KeyFileError, read_key
from hardtack.mistake import Mistake
from hardtack.packet.reasons import Reason, verdict
from hardtack.pcap.captures import STANDARD, Capture, Packet
from hardtack.pcap.summary import summary

PLAIN = -1  # Flow.kind: whole TCP may follow
NOT_OFFERED = 15  # Flow.scale
BEFORE_HOST = (Reason.not_ip, Reason.truncated, Reason.bad_header, Reason.not_ours)
UNKNOWN = (Reason.stray_ack, Reason.stray_data, Reason.stray_fin, Reason.stray_rst, Reason.stray_syn_ack, Reason.guess_limit)
CAPTURED = re.compile(r"(PASS|DROP|REPLY|FORWARD) (\w+)\b")  # as `hardtack capture` comments
NO_KEY = "no key file can be read, so cookies cannot be checked"

Row = dict[str, Any]


class NoSuchFrame(Mistake):
    """The capture has fewer frames, or of another kind."""


@dataclass(frozen=True)
class Explained:
    """A frame of a capture, its number, what was said of it there, and what became of it here.

    `connection`: whether its connection was known.
    """

    number: int
    packet: Packet
    comment: str
    found: Found
    connection: str = "not known: a capture has no connection table"


def explain(config: Path, capture: Path, number: int | None, as_json: bool) -> None:
    """Print what becomes of a frame, or of each. ConfigError, CaptureError, NoSuchFrame."""
    settings = loaded(config)
    masters, unread = keys_for(settings)
    with ExitStack() as parts:
        opened = parts.enter_context(Capture(capture))
        if opened.link != "ethernet":
            raise NoSuchFrame(f"{capture}: its frames have no Ethernet header; explain takes Ethernet frames")
        machine = Machine(settings, masters)
        parts.enter_context(until_nobody_reads())
        told = 0
        said = chain(comments(capture) if capture != STANDARD else (), repeat(""))
        for place, (packet, comment) in enumerate(zip(opened.packets(), said, strict=False), 1):
            if number is not None and place != number:
                continue
            when = packet.seconds * 10**9 + packet.nanoseconds
            one = Explained(place, packet, comment, machine.explain(packet.frame, when))
            print(json.dumps(row(one, machine.plan)) if as_json else "\n".join(lines(one, machine.plan)))
            told += 1
            if place == number:
                break
        if not told:
            raise NoSuchFrame(f"{capture}: no frame {number}" if number else f"{capture}: no frames in it")
    if unread:
        print(f"hardtack: {unread}", file=sys.stderr)


def keys_for(settings: Loaded) -> tuple[dict[Path, bytes], str]:
    """The keys as far as they can be read; random ones otherwise, and that it is so."""
    masters, unread = {}, ""
    for file in settings.config.key_files:
        try:
            masters[file] = read_key(file)
        except (KeyFileError, OSError):
            masters[file], unread = secrets.token_bytes(MASTER_SIZE), NO_KEY
    return masters, unread


def lines(one: Explained, plan: Plan) -> Iterator[str]:
    """For people: a line for each phase that the frame has come to."""
    told = row(one, plan)
    yield f"{one.number}  {told['summary']}"
    for phase, text in told["phases"].items():
        yield f"  {phase:<11}{text}"
    yield f"  {'verdict':<11}{told['verdict']} {told['reason']}: {Reason[told['reason']].text}"
    if told["captured"]:
        yield f"  {'captured':<11}{told['captured']}{differs(told)}"


def row(one: Explained, plan: Plan) -> Row:
    """The same as plain data; its keys are a contract."""
    found = one.found
    return {
        "frame": one.number,
        "time": round(one.packet.seconds + one.packet.nanoseconds / 1e9, 6),
        "summary": summary(one.packet.frame, one.packet.length),
        "phases": dict(phases(one, plan)),
        "verdict": verdict(found.reason).name,
        "reason": found.reason.name,
        "captured": one.comment,
    }


def phases(one: Explained, plan: Plan) -> Iterator[tuple[str, str]]:
    """By name, what those have found that the frame has come to."""
    found, flow = one.found, one.found.flow
    if not flow["version"]:
        yield "parse", found.reason.text
        return
    yield "parse", parsed(flow)
    if found.reason in BEFORE_HOST or not flow["host"]:
        yield "host", f"{address(flow, 'destination')} belongs to no host of the configuration"
        return
    name = plan.seats.names[flow["host"] - 1]
    yield "host", f'"{name}", for {address(flow, "destination")}'
    if found.reason == Reason.denied:
        yield "sources", f"{address(flow, 'source')} is denied"
        return
    if plan.seats.rules.words.get(name):
        yield "rules", matched(found, plan)
    if flow["kind"] == PLAIN and flow["header"]:
        yield "segment", segment(flow)
        yield "connection", one.connection
        if found.reason in UNKNOWN:
            yield "cookie", "no valid cookie, or not checked"
        elif found.reason == Reason.remembered:
            yield "cookie", "valid"


def parsed(flow: Mapping[str, int]) -> str:
    """Addresses, and where headers lie."""
    ends = f"{address(flow, 'source')} > {address(flow, 'destination')}"
    kind = "TCP" if flow["kind"] == PLAIN else f"protocol {flow['protocol']}"
    header = f", its header at byte {flow['transport']}" if flow["transport"] else ""
    return f"IPv{flow['version']} at byte {flow['network']}, {ends}, {kind}{header}; {flow['size']} bytes"


def segment(flow: Mapping[str, int]) -> str:
    """Ports, flags, and the options that it offers."""
    flags = "".join(mark for bit, mark in enumerate("FSRP.UEW") if flow["flags"] >> bit & 1) or "none"
    offered = [f"MSS {flow['mss']}"] if flow["mss"] else []
    offered += [f"window scale {flow['scale']}"] if flow["flags"] & 2 and flow["scale"] < NOT_OFFERED else []
    offered += [name for name in ("sack", "timestamps") if flow[name]]
    options = f"; offers {', '.join(offered)}" if offered else ""
    return f"port {flow['sport']} > {flow['dport']}, flags {flags}, {flow['payload']} bytes of data{options}"


def matched(found: Found, plan: Plan) -> str:
    """Which rules."""
    names = {number: text for (_, text), number in plan.seats.rules.numbers.items()}
    texts = [f'"{names[number]}"' for number in found.matched if number in names]
    return f"matches {' and '.join(texts)}" if texts else "none matches"


def address(flow: Mapping[str, int], end: str) -> str:
    """Of one end."""
    whole = flow[f"{end}_high"].to_bytes(8, "little") + flow[f"{end}_low"].to_bytes(8, "little")
    return str(ip_address(whole[12:] if flow["version"] == 4 else whole))


def differs(told: Row) -> str:
    """Why it may be so that the front found something else."""
    match = CAPTURED.match(told["captured"])
    if not match or match[2] == told["reason"]:
        return ""
    return " (differs: the front had its own connections, budgets and rules at that time)"
