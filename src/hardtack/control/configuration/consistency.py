"""What no key of a configuration shows by itself: things written twice, keys that do not go together, too much of something.

Judged by the document, not by the shape made of it, so that these mistakes are told together with all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from hardtack.control.configuration.places import Place, line_of
from hardtack.packet.entries import KEY_SETS
from hardtack.packet.layout import MOST_EXITS, MOST_HOST_ADDRESSES

LONGEST_FOUND = 60  # characters of a wrong value that are shown
VIA_OF = {"mac": ("mac",), "out": ("mac",), "vlan": ("direct", "mac")}  # keys that go with some values of `via` only
VIAS = ("kernel", "local", "direct", "mac")
MOST_OUT = MOST_EXITS - 1  # the interface that faces the internet is one, too

Table = Mapping[str, Any]
Found = Iterator[tuple[Place, str]]


def contradictions(document: Table, lines: Mapping[Place, int]) -> Found:
    """Place and complaint of everything of the kind, as far as the document has the right shape."""
    values = document.get("host")
    hosts = {index: host for index, host in enumerate(values if isinstance(values, list) else ()) if isinstance(host, dict)}
    front = document.get("front")
    front = front if isinstance(front, dict) else {}
    yield from twice(hosts, lines)
    yield from via_and_its_keys(hosts)
    yield from interfaces(front, hosts)
    yield from keys_of_local_hosts(front, hosts, lines)
    yield from scales_of_local_hosts(hosts, lines)
    yield from too_many(front, hosts)


def shown(value: Any) -> str:
    """A wrong value as it looks in TOML, or nearly, cut to a length that fits on a line."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST_FOUND else text[:LONGEST_FOUND] + "..."


def twice(hosts: Mapping[int, Table], lines: Mapping[Place, int]) -> Found:
    """Names and addresses that more than one host has, or one host more than once."""
    seen: dict[object, Place] = {}
    for place, value in names_and_addresses(hosts):
        if value in seen:
            yield place, f"found {shown(str(value))}, which line {line_of(lines, seen[value])} has too; write it once"
        seen.setdefault(value, place)


def names_and_addresses(hosts: Mapping[int, Table]) -> Iterator[tuple[Place, object]]:
    """Every host's name and (parsed) addresses, and where they stand."""
    for index, host in hosts.items():
        if isinstance(host.get("name"), str):
            yield ("host", index, "name"), host["name"]
        addresses = host.get("addresses")
        for text in addresses if isinstance(addresses, list) else ():
            with suppress(ValueError):
                yield ("host", index, "addresses"), ip_address(str(text))


def via_and_its_keys(hosts: Mapping[int, Table]) -> Found:
    """Keys that say nothing with this `via`, and the one that it needs."""
    for index, host in hosts.items():
        via = host.get("via")
        for key, vias in VIA_OF.items():
            if key in host and via in VIAS and via not in vias:
                fitting = " or ".join(f'via = "{one}"' for one in vias)
                found = f"found {shown(host[key])}, with via = {shown(via)}"
                yield ("host", index, key), f"{found}; leave it out, or write {fitting}"
        if via == "mac" and "mac" not in host:
            yield ("host", index, "mac"), 'missing, with via = "mac"; write mac = "52:54:00:12:34:56", the host\'s own'


def interfaces(front: Table, hosts: Mapping[int, Table]) -> Found:
    """The interface that faces the internet where another one is meant."""
    outside = front.get("interface")
    if not isinstance(outside, str):
        return
    inside = front.get("inside")
    if isinstance(inside, list) and outside in inside:
        found = f"found {shown(outside)}, which faces the internet"
        yield ("front", "inside"), f"{found}; write the interfaces towards the hosts"
    for index, host in hosts.items():
        if host.get("out") == outside:
            found = f"found {shown(outside)}, which faces the internet"
            yield ("host", index, "out"), f"{found}; to send back out of it, leave the key out"


def keys_of_local_hosts(front: Table, hosts: Mapping[int, Table], lines: Mapping[Place, int]) -> Found:
    """This machine has one agent, and an agent has one key."""
    first: tuple[str, Place] | None = None
    for index, host in hosts.items():
        place: Place = ("host", index, "key_file") if "key_file" in host else ("front", "key_file")
        file = host.get("key_file", front.get("key_file"))
        if host.get("via") != "local" or not isinstance(file, str):
            continue
        if first and Path(file) != Path(first[0]):
            other = line_of(lines, first[1])
            yield (
                ("host", index, "key_file"),
                f"found {shown(file)}, and {shown(first[0])} on line {other}; "
                'write the same file for all hosts with via = "local"',
            )
        first = first or (file, place)


def scales_of_local_hosts(hosts: Mapping[int, Table], lines: Mapping[Place, int]) -> Found:
    """This machine has one agent, and an agent knows one window scale."""
    local = [index for index, host in hosts.items() if host.get("via") == "local"]
    for index in local[1:]:
        first, found = hosts[local[0]].get("window_scale"), hosts[index].get("window_scale")
        if found != first:
            other = line_of(lines, ("host", local[0], "window_scale"))
            text = "left out" if found is None else f"found {shown(found)}"
            there = "left out" if first is None else shown(first)
            remedy = 'write the same for all hosts with via = "local"'
            yield ("host", index, "window_scale"), f"{text}, and {there} on line {other}; {remedy}"


def too_many(front: Table, hosts: Mapping[int, Table]) -> Found:
    """More than the packet program's tables have room for."""
    files: set[str] = set()
    ways_out: set[str] = set()
    addresses: set[str] = set()
    for index, host in hosts.items():
        file, out = host.get("key_file", front.get("key_file")), host.get("out")
        if isinstance(file, str) and file not in files:
            files.add(file)
            if len(files) == KEY_SETS + 1:
                yield (
                    ("host", index, "key_file"),
                    f"found {shown(file)}, key number {len(files)}; a front takes {KEY_SETS}: split the hosts among several",
                )
        if isinstance(out, str) and out not in ways_out:
            ways_out.add(out)
            if len(ways_out) == MOST_OUT + 1:
                yield (
                    ("host", index, "out"),
                    f"found {shown(out)}, interface number {len(ways_out)}; a front sends out of {MOST_OUT}: "
                    "split the hosts among several",
                )
        listed = host.get("addresses")
        before = len(addresses)
        addresses |= {str(address) for address in listed} if isinstance(listed, list) else set()
        if before <= MOST_HOST_ADDRESSES < len(addresses):
            yield (
                ("host", index, "addresses"),
                f"found address number {MOST_HOST_ADDRESSES + 1}; a front takes {MOST_HOST_ADDRESSES}: "
                "split the hosts among several",
            )
