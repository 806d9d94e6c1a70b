"""What the lists of a configuration say of one source, as the packet program would find it: packet/judge/source.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from hardtack.control.configuration.places import Place
from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.schema import Front, Host
from hardtack.control.networks.lists import line_of
from hardtack.control.networks.prefixes import Content

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Hit = tuple[Network, str, Place, Path | None]  # a prefix, its key, the entry's place, and the file that it is in
KEYS = ("allow", "deny")  # of equal prefixes the former counts


@dataclass(frozen=True)
class Said:
    """What one table's lists say: `key` by which `prefix`, and where that is written."""

    key: str
    prefix: Network
    where: str


def said_of(source: Address, found: Loaded) -> tuple[Said | None, dict[str, Said]]:
    """Of [front], for all hosts whose own lists say nothing; and of each host whose own do, by name."""
    config = found.config
    everybody = said_by(source, config.front, ("front",), found)
    tables = ((host, ("host", number)) for number, host in enumerate(config.hosts) if host.allow or host.deny)
    own = {host.name: said for host, place in tables if (said := said_by(source, host, place, found))}
    return everybody, own


def said_by(source: Address, table: Front | Host, place: Place, found: Loaded) -> Said | None:
    """What the longest prefix says that a source is in."""
    longest = max(hits(source, table, place, found), key=lambda hit: (hit[0].prefixlen, hit[1] == "allow"), default=None)
    if longest is None:
        return None
    prefix, key, inner, file = longest
    if not file:
        return Said(key, prefix, str(found.document.spot(inner)))
    line = line_of(file, prefix)
    return Said(key, prefix, f"{file}:{line}" if line else str(file))


def hits(source: Address, table: Front | Host, place: Place, found: Loaded) -> Iterator[Hit]:
    """The longest prefix of each entry."""
    for key in KEYS:
        entries: Iterable[Network | Path] = getattr(table, key)
        for number, entry in enumerate(entries):
            if not isinstance(entry, Path):
                if source in entry:
                    yield entry, key, (*place, key, number), None
            elif prefix := longest_in(found.lists[entry], source):
                yield prefix, key, (*place, key, number), entry


def longest_in(content: Content, source: Address) -> Network | None:
    """The longest prefix that an address is in."""
    prefixes, bits = content.versions[source.version == 6], source.max_prefixlen
    for length in range(bits, -1, -1):
        number = int(source) >> (bits - length) << (128 - length)
        if prefixes.place_of(number, length)[1]:
            kind = IPv4Network if source.version == 4 else IPv6Network
            return kind((number >> (128 - bits), length))
    return None
