"""`hardtack check CONFIG --source ADDRESS`: what the lists say of a source."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import typer

from hardtack.control.configuration.reading import Loaded
from hardtack.control.lookup import Address, Said, said_of
from hardtack.printable import printable

DONE = {"allow": "allowed", "deny": "denied"}


def address(text: str) -> Address:
    """A source's address. BadParameter."""
    try:
        return ip_address(text)
    except ValueError as error:
        raise typer.BadParameter("write an address, as 203.0.113.9", param_hint="--source") from error


def answers(source: Address, found: Loaded) -> Iterator[str]:
    """A line for each host whose own lists name it, and one for all others."""
    everybody, own = said_of(source, found)
    for name, said in own.items():
        yield printable(f"{source} to {name}: {told(said)}, in the host's own list")
    others = "all other hosts" if own else "all hosts"
    if len(own) < len(found.config.hosts):
        yield printable(f"{source} to {others}: {told(everybody) if everybody else 'on no list'}")


def told(said: Said) -> str:
    """By what, and where that is written."""
    return f"{DONE[said.key]} by {said.prefix}, {said.where}"
