"""Values of single keys: what is taken, and what is wrong with all others. Each raises ValueError("which ...")."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo

from hardtack.kernel.tcp import OPTIONS
from hardtack.packet.layout import MOST_UPLINKS

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Source = IPv4Network | IPv6Network | Path  # of frames: a prefix, or a file that lists some

MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
LIKE_A_PREFIX = re.compile(r"([0-9][0-9.]*|[0-9a-fA-F.]*:[0-9a-fA-F:.]*)(/[0-9.]*)?")
WILDCARD = re.compile(r"[*?[]")

# Where no client gets to: IANA's special addresses (RFC 6890) but those that NAT may lead to
NOWHERE = tuple(
    (network.version, int(network[0]), int(network[-1]), why)
    for text, why in (
        ("0.0.0.0/32", "the unspecified address"),
        ("::/128", "the unspecified address"),
        ("0.0.0.0/8", "an address of 0.0.0.0/8, which is not routed"),  # RFC 1122 3.2.1.3
        ("127.0.0.0/8", "a loopback address"),
        ("::1/128", "a loopback address"),
        ("169.254.0.0/16", "a link-local address, which is not routed on the internet"),  # RFC 3927
        ("fe80::/10", "a link-local address, which is not routed on the internet"),
        ("224.0.0.0/4", "a multicast address"),
        ("ff00::/8", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address, of 240.0.0.0/4, which is not routed"),  # RFC 1112 4
    )
    for network in [ip_network(text)]
)


MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291 2.5.5.2


def check_interface(name: Any) -> str:
    """A name the kernel would take: dev_valid_name() in net/core/dev.c, IFNAMSIZ; and a log."""
    if not isinstance(name, str):
        raise ValueError("which is not in quotes")
    if not re.fullmatch(r"[^\s/:]+", name) or not name.isprintable() or len(name.encode()) > 15 or name in (".", ".."):
        raise ValueError("which is not a valid interface name")
    return name


def check_name(name: str) -> str:
    """A name that fits into logs, file names and metrics as it is."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise ValueError("which is not a valid host name here: letters, digits, '.', '_' and '-', at most 63")
    return name


def read_address(value: Any) -> Address:
    """An address that a host can be reached at from the internet."""
    if not isinstance(value, str | IPv4Address | IPv6Address):
        raise ValueError("which is not in quotes")
    try:
        address = ip_address(value)
    except ValueError:
        raise ValueError("which is not an IP address") from None
    if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise ValueError("which has a zone index" if address.scope_id else "which is an IPv4-mapped IPv6 address")
    for version, first, last, why in NOWHERE:
        if version == address.version and first <= int(address) <= last:
            raise ValueError(f"which is {why}")
    return address


def read_target(value: Any) -> Address | Network:
    """An address, or a network of such."""
    if isinstance(value, str) and "/" in value:
        return read_network(value)
    return value if isinstance(value, IPv4Network | IPv6Network) else read_address(value)


def read_network(text: str) -> Network:
    """A network all of whose addresses a host can be reached at."""
    network = written_network(text)
    if network.version == 6 and network.overlaps(MAPPED):
        raise ValueError("which contains IPv4-mapped IPv6 addresses")
    for version, first, last, why in NOWHERE:
        if version == network.version and first <= int(network[-1]) and last >= int(network[0]):
            raise ValueError(f"which contains {why.partition(',')[0]}")
    return network


def written_network(text: str) -> Network:
    """A network that is written as its first address, and its length if it is more than one."""
    address, slash, length = text.partition("/")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("which is not a network such as 203.0.113.0/24") from None
    if (slash and length != str(network.prefixlen)) or "%" in address:
        raise ValueError("which is not a network such as 203.0.113.0/24")
    if ip_address(address) != network.network_address:
        raise ValueError(f"which has host bits set: the network is {network}")
    return network


def read_source(value: Any) -> Source:
    """A prefix; or the path of a file, which is whatever does not look like one: "./10" is a file."""
    if isinstance(value, IPv4Network | IPv6Network | Path):
        return value
    if not isinstance(value, str):
        raise ValueError("which is not in quotes")
    if not LIKE_A_PREFIX.fullmatch(value):
        if not value or "\0" in value:
            raise ValueError("which is not the path of a file")
        return Path(value)
    network = written_network(value)
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        raise ValueError("which is an IPv4-mapped IPv6 prefix")
    return network


def resolve_files(sources: tuple[Source, ...], info: ValidationInfo) -> tuple[Source, ...]:
    """The same; relative paths start from the folder of the file that they are written in."""
    folder = (info.context or {}).get("folder", Path())
    return tuple(folder / one if isinstance(one, Path) else one for one in sources)


def check_option(name: Any) -> str:
    """One of TCP's that clients can be promised."""
    if name not in OPTIONS:
        raise ValueError("which is not supported")
    return str(name)


def one_or_several(value: Any) -> Any:
    """A name alone is a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def check_uplinks(names: tuple[str, ...]) -> tuple[str, ...]:
    """Not more than there is room for."""
    if len(names) > MOST_UPLINKS:
        raise ValueError(f"which are {len(names)} uplinks; the limit is {MOST_UPLINKS}")
    return names


def read_handshake(value: Any) -> Any:
    """`proxy` is in the design, so people will try it."""
    if value == "proxy":
        raise ValueError("which is not implemented yet")
    return value


def read_mac(value: Any) -> str:
    """The address of one network card, in small letters."""
    if not isinstance(value, str) or not MAC.fullmatch(value.lower()):
        raise ValueError("which is not a MAC address")
    address = bytes.fromhex(value.replace(":", ""))
    if address[0] & 1:
        raise ValueError("which is a multicast MAC address")
    if not any(address):
        raise ValueError("which is the all-zero MAC address")
    return value.lower()


def read_vlan(value: Any) -> Any:
    """A VLAN's number, or "none"."""
    if value != "none" and (type(value) is not int or not 1 <= value <= 4094):
        raise ValueError("which is not a VLAN")
    return value


def check_pattern(pattern: Any) -> str:
    """Of files to be included."""
    if not isinstance(pattern, str):
        raise ValueError("which is not in quotes")
    *folders, name = pattern.split("/")
    if not name or "\0" in pattern:
        raise ValueError("which is not the path of a file")
    if any(map(has_wildcard, folders)):
        raise ValueError("which has a wildcard in a folder's name")
    return pattern


def has_wildcard(name: str) -> bool:
    """Whether it may be the name of several files."""
    return bool(WILDCARD.search(name))


def resolve(path: Any, info: ValidationInfo) -> Any:
    """A path as written in the file: relative ones start from the file's own folder. No text is left to pydantic."""
    if not isinstance(path, str):
        return path
    if not path or "\0" in path:
        raise ValueError("which is not a path")
    return (info.context or {}).get("folder", Path()) / path
