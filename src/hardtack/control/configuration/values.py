"""Values of single keys: what is taken, and what is wrong with all others. Each raises ValueError("which ...")."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo

Address = IPv4Address | IPv6Address

MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
BROADCAST = IPv4Address("255.255.255.255")


def check_interface(name: str) -> str:
    """A name the kernel would take: dev_valid_name() in net/core/dev.c, IFNAMSIZ."""
    if not re.fullmatch(r"[^\s/:\0]+", name) or len(name.encode()) > 15 or name in (".", ".."):
        raise ValueError("which cannot be an interface's name")
    return name


def check_name(name: str) -> str:
    """A name that fits into logs, file names and metrics as it is."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise ValueError("which cannot be a host's name: letters, digits, '.', '_' and '-', at most 63")
    return name


def read_address(value: Any) -> Address:
    """An address that a host can be reached at from the internet."""
    if not isinstance(value, str | IPv4Address | IPv6Address):
        raise ValueError("which is not in quotes")
    try:
        address = ip_address(value)
    except ValueError:
        raise ValueError("which is a network" if "/" in str(value) else "which is not an IP address") from None
    if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise ValueError("which names an interface" if address.scope_id else "which is an IPv4 address in IPv6 form")
    for kind in ("multicast", "unspecified", "loopback"):
        if getattr(address, f"is_{kind}"):
            raise ValueError(f"which is {'an' if kind[0] == 'u' else 'a'} {kind} address")
    if address == BROADCAST:
        raise ValueError("which is the broadcast address")
    return address


def check_some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """At least one."""
    if not values:
        raise ValueError("which is empty")
    return values


def check_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each value once."""
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"which has {', '.join(map(str, twice))} more than once")
    return values


def read_handshake(value: Any) -> Any:
    """`proxy` and `pass` are in the design, so people will try them."""
    if value in ("proxy", "pass"):
        raise ValueError("which is not there yet")
    return value


def read_mac(value: Any) -> str:
    """The address of one network card, in small letters."""
    if not isinstance(value, str) or not MAC.fullmatch(value.lower()):
        raise ValueError("which is not a MAC address")
    address = bytes.fromhex(value.replace(":", ""))
    if address[0] & 1:
        raise ValueError("which is the MAC address of a group")
    if not any(address):
        raise ValueError("which is the MAC address of nobody")
    return value.lower()


def read_vlan(value: Any) -> Any:
    """A VLAN's number, or "none"."""
    if value != "none" and (type(value) is not int or not 1 <= value <= 4094):
        raise ValueError("which is no VLAN")
    return value


def resolve(path: Any, info: ValidationInfo) -> Any:
    """A path as written in the file: relative ones start from the file's own folder. No text is left to pydantic."""
    if not isinstance(path, str):
        return path
    if not path or "\0" in path:
        raise ValueError("which is no path")
    return (info.context or {}).get("folder", Path()) / path
