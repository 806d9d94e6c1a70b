"""What is wrong with a configuration, so that it can be put right: file, line, key, what was found, what to write."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardtack.control.places import Place, line_of
from hardtack.control.rules import broken_rules, shown
from hardtack.mistake import Mistake

# Table -> key -> what to write there. A test holds this against the shape in config.py.
WRITE: dict[str, dict[str, str]] = {
    "": {
        "front": "a [front] table with interface and key_file",
        "host": "a [[host]] table, in double brackets, for each protected server",
    },
    "front": {
        "interface": 'interface = "eth0", a name that `ip link` shows',
        "key_file": 'key_file = "/etc/hardtack/key", a file made with `hardtack key`',
        "inside": 'inside = ["eth1"], the interfaces towards the hosts, or leave the key out',
        "connections": "connections = 1_000_000, from 1_000 to 100_000_000, or leave the key out",
        "grace": 'grace = "30s", from "0s" to "10m", or leave the key out',
        "replies_per_second": "replies_per_second = 20_000_000, from 8 to 1_000_000_000, or leave the key out",
        "replies_per_prefix": "replies_per_prefix = 1_000, from 8 to 1_000_000_000, or leave the key out",
        "connections_per_prefix": "connections_per_prefix = 2_000, from 8 to 1_000_000_000, or leave the key out",
    },
    "host": {
        "name": 'name = "web"',
        "addresses": 'addresses = ["192.0.2.10", "2001:db8::10"]',
        "ports": "ports = [80, 443], each from 1 to 65535, or leave the key out for all TCP ports",
        "handshake": 'handshake = "agent"',
        "via": 'via = "kernel" (Linux routes to the host), "local" (this machine is the host), "direct" or "mac"',
        "mac": 'mac = "52:54:00:12:34:56", the host\'s own',
        "out": 'out = "eth1", a name that `ip link` shows, or leave the key out: back out of the interface it came in by',
        "vlan": 'vlan = 100, from 1 to 4094, or vlan = "none", or leave the key out: tags stay as they are',
        "key_file": 'key_file = "/etc/hardtack/key", a file made with `hardtack key`, or leave the key out: the front\'s',
        "mss": "mss = 1460, from 536 to 8940, or leave the key out",
        "options": 'options = ["sack", "timestamps", "window_scaling", "ecn"], or leave the key out: all of them',
        "window_scale": "window_scale = 7, from 0 to 14, or leave the key out",
        "default": 'default = "pass" or default = "drop"',
        "replies_per_second": "replies_per_second = 5_000_000, from 8 to 1_000_000_000, or leave the key out",
        "frames_per_connection": "frames_per_connection = 5_000, from 1_000 to 1_000_000_000, or leave the key out",
    },
}


@dataclass(frozen=True)
class Problem:
    """One thing to put right. `line` is None where the file has no line for it."""

    file: Path
    line: int | None
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.text}"


class ConfigError(Mistake):
    """Everything that is wrong with a configuration file, at once."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def tell(
    file: Path, document: dict[str, Any], lines: Mapping[Place, int], errors: Iterable[Mapping[str, Any]]
) -> list[Problem]:
    """The problems of a TOML `document`, by line: the shape's `errors` (pydantic's), and what breaks a rule (rules.py)."""
    found = [(place := tuple(error["loc"]), complaint(place, error)) for error in errors]
    found += broken_rules(document, lines)
    problems = [Problem(file, line_of(lines, place), f"{name(place, document)}: {text}") for place, text in found]
    return sorted(problems, key=lambda problem: problem.line or 0)


def name(place: Place, document: Mapping[str, Any]) -> str:
    """What people call a place: `[front] interface`, `[[host]] "web" ports`; a host without a name has its number."""
    table, *rest = place
    words = [str(table)] if table not in WRITE[""] else ["[[host]]"] if table == "host" else [f"[{table}]"]
    if rest and isinstance(rest[0], int):
        host = document[str(table)][rest[0]]
        called = host.get("name") if isinstance(host, dict) else None
        words.append(json.dumps(called) if isinstance(called, str) else str(rest[0] + 1))
    return " ".join(words + [word for word in rest if isinstance(word, str)])


def complaint(place: Place, error: Mapping[str, Any]) -> str:
    """What was found at `place` and what to write instead, from one of pydantic's errors."""
    *tables, key = [word for word in place if isinstance(word, str)]
    table = tables[0] if tables else ""
    if error["type"] == "extra_forbidden":
        return f"unknown key; {suggestion(key, list(WRITE[table]))}"
    if error["type"] == "missing":
        return f"missing; write {WRITE[table][key]}"
    if error["type"] == "value_error":
        why = f", {error['ctx']['error']}"
    else:
        why = ", which this version does not know" if error["type"] == "literal_error" else ""
    return f"found {shown(error['input'])}{why}; write {WRITE[table][key]}"


def suggestion(key: str, known: list[str]) -> str:
    """The key that was meant, or all there are."""
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]}?" if near else f"the keys here are: {', '.join(known)}"
