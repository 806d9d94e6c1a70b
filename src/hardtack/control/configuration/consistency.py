"""What no key of a configuration shows by itself: things written twice, keys that do not go together, too much of something.

Judged by the document, not by the shape made of it, so that these mistakes are told together with all others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from hardtack.control.configuration.document import Document
from hardtack.control.configuration.hashed import in_text
from hardtack.control.configuration.places import Place
from hardtack.control.configuration.rules import MOST_RULES
from hardtack.control.configuration.shown import shown
from hardtack.packet.entries import MOST_KEY_SETS
from hardtack.packet.layout import MOST_EXITS, MOST_HOSTS, MOST_LEARNED, MOST_NETS

VIA_OF = {"mac": ("mac",), "out": ("mac",), "vlan": ("direct", "mac")}  # keys that go with some values of `via` only
VIAS = ("kernel", "local", "direct", "mac")
# Keys that say nothing with handshake = "pass", and why
WITH_PASS = dict.fromkeys(("mss", "options", "window_scale", "key_file", "old_key_file"), "which does not use it") | {
    "on_failure": "which does not use it"
}
THRESHOLDS = ("attack_syns", "attack_strays")
MOST_NETWORKS = MOST_NETS - MOST_LEARNED - 1
MOST_EXCLUDED = 1 << 14
PLAIN_VIAS, PLAIN_KEYS = ("kernel", "direct"), {"name", "addresses", "ports", "handshake", "via", "mss", "default"}
FRONTS: dict[str, Place] = {key: ("front", key) for key in ("key_file", "old_key_file")}
SPLIT = "split the hosts among several fronts"

Table = Mapping[str, Any]
Found = Iterator[tuple[Place, str]]
Network = IPv4Network | IPv6Network


def contradictions(document: Document) -> Found:
    """Place and complaint of everything of the kind, as far as the document has the right shape."""
    hosts = {index: host for index, host in enumerate(document.hosts) if isinstance(host, dict)}
    front = document.data.get("front")
    front = front if isinstance(front, dict) else {}
    yield from twice(hosts, document)
    yield from token_without_webhook(document.data.get("events"))
    yield from too_many_addresses(hosts)
    yield from too_many_hosts(hosts)
    hosts = {**dict([*hosts.items()][:1]), **{index: host for index, host in hosts.items() if not is_plain(host)}}
    yield from via_and_its_keys(hosts)
    yield from handshake_and_its_keys(hosts)
    yield from thresholds(hosts)
    yield from interfaces(front, hosts)
    files, old_files = Files(front, hosts, document), Files(front, hosts, document, "old_key_file")
    yield from same_keys(files, old_files, document)
    yield from keys_of_local_hosts(hosts, files, document)
    yield from keys_of_local_hosts(hosts, old_files, document)
    yield from scales_of_local_hosts(hosts, document)
    yield from too_many_keys(files, old_files)
    yield from too_many_ways(front, hosts)
    yield from rules_and_ports(front, hosts)
    yield from excluded_elsewhere(hosts)
    yield from metrics_and_their_keys(document.data.get("metrics"))
    yield from engine_and_its_keys(front)


def metrics_and_their_keys(metrics: Any) -> Found:
    """Keys of InfluxDB where nothing is sent to it, or where it takes none."""
    if not isinstance(metrics, dict):
        return
    if not metrics.keys() & {"prometheus", "influx"}:
        yield ("metrics",), 'is empty: write prometheus = "127.0.0.1:9790", or influx, or leave the table out'
    for key in ("influx_token_file", "interval"):
        if key in metrics and "influx" not in metrics and "prometheus" in metrics:
            yield ("metrics", key), f"found {shown(metrics[key])}, without influx; leave it out: only InfluxDB uses it"
    if "influx_token_file" in metrics and str(metrics.get("influx")).startswith("udp:"):
        yield ("metrics", "influx_token_file"), "found with influx over UDP, which has no tokens; leave it out"


def engine_and_its_keys(front: Table) -> Found:
    """Keys of the af_xdp engine without it, but for what they are if they are left out."""
    for key, usual in {"cpus": "auto", "when_down": "pass"}.items():
        if front.get(key, usual) != usual and front.get("engine", "xdp") == "xdp":
            yield ("front", key), f'found {shown(front[key])}; leave it out, or write engine = "af_xdp"'


def is_plain(host: Table) -> bool:
    """Whether nothing in it can go ill with anything but its name and addresses: one of these stands for all."""
    return host.get("via") in PLAIN_VIAS and host.get("handshake") != "pass" and PLAIN_KEYS.issuperset(host)


class Files:
    """Key files of the hosts, or (`key`) old ones, by what they are and not by how they are spelled."""

    def __init__(self, front: Table, hosts: Mapping[int, Table], document: Document, key: str = "key_file") -> None:
        self.key = key
        self.written: dict[int, tuple[str, Place]] = {}  # by host: what is written, and where
        self.real: dict[int, str] = {}
        known: dict[str, str] = {}
        common = front.get(key)
        fronts = real_path(document.folder(), common, known)
        for index, host in hosts.items():
            if key in host:
                if real := real_path(document.folder(index), host[key], known):
                    self.written[index], self.real[index] = (host[key], ("host", index, key)), real
            elif fronts and (key == "key_file" or "key_file" not in host):  # the front's old key goes with its key
                self.written[index], self.real[index] = (str(common), FRONTS[key]), fronts


def real_path(folder: Path, file: object, known: dict[str, str]) -> str | None:
    """What a file is that is written so, without links; None if it cannot be one."""
    if not isinstance(file, str) or "\0" in file:
        return None
    path = str(folder / file)
    if path not in known:
        known[path] = os.path.realpath(path)
    return known[path]


def twice(hosts: Mapping[int, Table], document: Document) -> Found:
    """Names and addresses that more than one host has, or one host more than once."""
    texts = [text for host in hosts.values() for text in listed(host, "addresses") + listed(host, "exclude")]
    every: list[object] = [name for host in hosts.values() if isinstance(name := host.get("name"), str)]
    every += [network for text in texts if isinstance(text, str) and (network := in_text(text))]
    if len({*every}) == len(every):
        return
    seen: dict[object, Place] = {}
    for place, value in names_and_addresses(hosts):
        if (first := seen.setdefault(value, place)) is not place:
            there = document.elsewhere(first, place)
            yield place, f"found {shown(told(value))}, which {there} already has; write it once"


def names_and_addresses(hosts: Mapping[int, Table]) -> Iterator[tuple[Place, object]]:
    """Every host's name and (parsed) addresses, and where they stand."""
    for index, host in hosts.items():
        if isinstance(host.get("name"), str):
            yield ("host", index, "name"), host["name"]
        for key in ("addresses", "exclude"):
            for number, network in networks(host, key):
                yield ("host", index, key, number), network


def networks(host: Table, key: str) -> Iterator[tuple[int, Network]]:
    """What can be read of a list of addresses and networks, and where in it."""
    for number, text in enumerate(listed(host, key)):
        if isinstance(text, str) and (network := in_text(text)):
            yield number, network


def listed(host: Table, key: str) -> list[Any]:
    """A list, if it is one."""
    found = host.get(key)
    return found if isinstance(found, list) else []


def told(value: object) -> str:
    """As people write it: an address alone without its length."""
    alone = isinstance(value, IPv4Network | IPv6Network) and value.prefixlen == value.max_prefixlen
    return str(value.network_address) if alone else str(value)  # type: ignore[attr-defined]


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


def handshake_and_its_keys(hosts: Mapping[int, Table]) -> Found:
    """Keys that say nothing with handshake = "pass"."""
    remedy = 'leave it out, or write handshake = "agent" or handshake = "challenge"'
    for index, host in hosts.items():
        if host.get("handshake") != "pass":
            continue
        useless = {key: why for key, why in WITH_PASS.items() if key in host}
        if host.get("protect_when") == "under-attack":
            useless["protect_when"] = "which does not use it"
        for key, why in useless.items():
            yield ("host", index, key), f'found {shown(host[key])}, with handshake = "pass", {why}; {remedy}'


def thresholds(hosts: Mapping[int, Table]) -> Found:
    """Of an attack, where nothing depends on one. A `protect_when` that is wrong may mean it."""
    for index, host in hosts.items():
        if host.get("protect_when", "always") == "always":
            for key in THRESHOLDS:
                if key in host:
                    found = f"found {shown(host[key])}, but the host is always protected"
                    yield ("host", index, key), f'{found}; leave it out, or write protect_when = "under-attack"'


def with_agent_here(hosts: Mapping[int, Table]) -> list[int]:
    """Which of them this machine's agent is for; a handshake that is wrong may mean it."""
    others = ("challenge", "pass")
    return [index for index, host in hosts.items() if host.get("via") == "local" and host.get("handshake") not in others]


def interfaces(front: Table, hosts: Mapping[int, Table]) -> Found:
    """An interface that faces the internet where another one is meant."""
    inside = front.get("inside")
    for outside in uplinks(front):
        found = f"found {shown(outside)}, which faces the internet"
        if isinstance(inside, list) and outside in inside:
            yield ("front", "inside", inside.index(outside)), f"{found}; write the interfaces towards the hosts"
        for index, host in hosts.items():
            if host.get("out") == outside:
                yield ("host", index, "out"), f"{found}; to send back out of it, leave the key out"


def uplinks(front: Table) -> list[str]:
    """The names that `interface` has, each once."""
    value = front.get("interface")
    names = value if isinstance(value, list) else [value]
    return [*dict.fromkeys(name for name in names if isinstance(name, str))]


def keys_of_local_hosts(hosts: Mapping[int, Table], files: Files, document: Document) -> Found:
    """This machine has one agent, and an agent has one key, and one old key or none."""
    local = with_agent_here(hosts)
    if files.key == "key_file":
        local = [index for index in local if index in files.real]
    for index in local[1:]:
        if files.real.get(index) != files.real.get(local[0]):
            file, _ = files.written.get(index, ("", ()))
            other, there = files.written.get(local[0], ("", ("host", local[0], files.key)))
            place: Place = ("host", index, files.key)
            found = f"found {shown(file)}" if file else "left out"
            other = shown(other) if other else "left out"
            remedy = 'write the same file for all hosts with via = "local" and an agent'
            yield place, f"{found}, but {other} on {document.elsewhere(there, place)}; {remedy}"


def same_keys(files: Files, old_files: Files, document: Document) -> Found:
    """An old key that is the key: told once of each place where it is written."""
    told: set[Place] = set()
    for index, real in old_files.real.items():
        (old, place), (_, there) = old_files.written[index], files.written.get(index, ("", ()))
        if real == files.real.get(index) and place not in told:
            told.add(place)
            found = f"found {shown(old)}, which is key_file on {document.elsewhere(there, place)}"
            yield place, f"{found}; write the previous key, or the next one"


def scales_of_local_hosts(hosts: Mapping[int, Table], document: Document) -> Found:
    """This machine has one agent, and an agent knows one window scale."""
    local = with_agent_here(hosts)
    for index in local[1:]:
        first, found = hosts[local[0]].get("window_scale"), hosts[index].get("window_scale")
        if found != first:
            place: Place = ("host", index, "window_scale")
            other = document.elsewhere(("host", local[0], "window_scale"), place)
            text = "left out" if found is None else f"found {shown(found)}"
            there = "left out" if first is None else shown(first)
            remedy = 'write the same for all hosts with via = "local" and an agent'
            yield place, f"{text}, but {there} on {other}; {remedy}"


def too_many_keys(files: Files, old_files: Files) -> Found:
    """More sets of keys than the packet program's tables have room for."""
    seen: set[tuple[str, str | None]] = set()
    for index, real in files.real.items():
        pair = real, old_files.real.get(index)
        if pair not in seen:
            seen.add(pair)
            if len(seen) == MOST_KEY_SETS + 1:
                found = f"found {shown(files.written[index][0])}, key number {len(seen)}"
                yield ("host", index, "key_file"), f"{found}; the limit is {MOST_KEY_SETS}: {SPLIT}"


def too_many_ways(front: Table, hosts: Mapping[int, Table]) -> Found:
    """More interfaces that frames leave by. If there are several uplinks, each is one, too."""
    several = len(uplinks(front))
    most = MOST_EXITS - 1 - (several if several > 1 else 0)
    seen: set[str] = set()
    for index, host in hosts.items():
        out = host.get("out")
        if isinstance(out, str) and out not in seen:
            seen.add(out)
            if len(seen) == most + 1:
                found = f"found {shown(out)}, interface number {len(seen)}"
                yield ("host", index, "out"), f"{found}; the limit is {most}: {SPLIT}"


def excluded_elsewhere(hosts: Mapping[int, Table]) -> Found:
    """Excluded from networks that the host does not have."""
    for index, host in hosts.items():
        if not host.get("exclude"):
            continue
        own = {network for _, network in networks(host, "addresses")}
        lengths = {(network.version, network.prefixlen) for network in own}
        for number, network in networks(host, "exclude"):
            shorter = (length for version, length in lengths if version == network.version and length <= network.prefixlen)
            if not any(network.supernet(new_prefix=length) in own for length in shorter):
                found = f"found {shown(told(network))}, which is in none of the networks of `addresses`"
                yield ("host", index, "exclude", number), f"{found}; leave it out"


def too_many_addresses(hosts: Mapping[int, Table]) -> Found:
    """More addresses."""
    for key, most, of in (("addresses", MOST_NETWORKS, "of all"), ("exclude", MOST_EXCLUDED, "of all excluded")):
        total = 0
        for index, host in hosts.items():
            before, total = total, total + len(listed(host, key))
            if before <= most < total:
                place: Place = ("host", index, key, most - before)
                found = f"found number {most + 1:,} {of} addresses and networks"
                yield place, f"{found}; the limit is {most:,}: {SPLIT}"


def too_many_hosts(hosts: Mapping[int, Table]) -> Found:
    """More hosts."""
    for index in [*hosts][MOST_HOSTS : MOST_HOSTS + 1]:
        yield ("host", index), f"found host number {MOST_HOSTS + 1:,}; the limit is {MOST_HOSTS:,}: {SPLIT}"


def token_without_webhook(events: Any) -> Found:
    """It would never be sent."""
    if isinstance(events, dict) and "token_file" in events and "webhook" not in events:
        yield ("events", "token_file"), "found without a webhook to send it to; write a webhook, or leave the key out"


def rules_and_ports(front: Table, hosts: Mapping[int, Table]) -> Found:
    """Two ways to say what is protected; and more rules than a frame may be compared with."""
    common = front.get("rules")
    for index, host in hosts.items():
        if "protect" in host and "ports" in host:
            found = f"found {shown(host['protect'])}, with ports = {shown(host['ports'])}"
            yield ("host", index, "protect"), f'{found}; write one of the two: protect = "tcp and dst port 80" covers both'
        if "rules" not in host and common is None:
            continue
        lists = [rules for rules in (common, host.get("rules")) if isinstance(rules, list)]
        total = sum(map(len, lists)) + ("protect" in host)
        if total > MOST_RULES and all(len(rules) <= MOST_RULES for rules in lists):
            found = f"found rule number {total} for this host, including those of [front] and `protect`"
            yield ("host", index, "rules"), f"{found}; the limit is {MOST_RULES}: join some with `or`"
