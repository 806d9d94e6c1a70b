"""Attacks on hosts, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hardtack.cli.screen import clock
from hardtack.control.attacks.entry import Attack

WORDS = {"syns": "SYNs", "unfinished": "unfinished handshakes", "strays": "stray segments"}


def lines(attacks: Mapping[str, Attack]) -> Iterator[str]:
    """Of status: those that are attacked, or that somebody has switched, and how many there are."""
    told = {name: one for name, one in attacks.items() if one.since or one.override != "auto"}
    if many := sum(one.when == "under-attack" for one in attacks.values()):
        calm = "" if told else ", no attack"
        yield f"protected only under attack: {many:,} host{'s' * (many > 1)}{calm}"
    for name, one in told.items():
        colour = "red" if one.since and not one.protected else "yellow"
        yield f"  [{colour}]{line(name, asdict(one))}[/]"


def line(name: str, one: Mapping[str, Any]) -> str:
    """Of a host, whose facts are those of Attack."""
    holds = "protected" if one["protected"] else "not protected (as with pass)"
    if one["override"] != "auto":
        holds = f"by hardtack protect {name} {one['override']}: {holds}"
    return f"{name}: {seen(one)}; {holds}"


def seen(one: Mapping[str, Any]) -> str:
    """What the front sees."""
    if one["since"] is None:
        return "no attack"
    why = ", ".join(f"{one['peak'][kind]:,.0f} {WORDS[kind]}" for kind in one["why"])
    return f"under attack since {clock(one['since'])}, peak {why} a second"
