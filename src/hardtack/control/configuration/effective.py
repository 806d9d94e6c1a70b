"""A configuration with every default that holds, as TOML that reads back as the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hardtack.control.configuration.advice import fields, range_of
from hardtack.control.configuration.ports import Ports
from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.schema import Inert, Write
from hardtack.printable import printable

SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def effective(found: Loaded) -> str:
    """One file; what is a default is marked. `include` is not there: what was included is."""
    lines = [f"# effective configuration of {quoted(str(found.document.main.path))}"]
    for key in fields(""):
        if key not in ("include", "front", "host", "metrics", "events"):
            lines += line_of("", key, found.config)
    lines += ["", "[front]", *table("front", found.config.front)]
    if found.config.metrics.wanted:
        lines += ["", "[metrics]", *table("metrics", found.config.metrics)]
    if found.config.events.model_fields_set:
        lines += ["", "[events]", *table("events", found.config.events)]
    for number, host in enumerate(found.config.hosts):
        lines += ["", f"[[host]]  # {printable(str(found.document.spot(('host', number))))}", *table("host", host)]
    return "\n".join(lines) + "\n"


def table(name: str, values: Inert) -> Iterator[str]:
    """Its keys, in the schema's order."""
    for key in fields(name):
        yield from line_of(name, key, values)


def line_of(name: str, key: str, values: Inert) -> Iterator[str]:
    """One key. What cannot be written, as it is left out, is a remark."""
    field, value = fields(name)[key], getattr(values, key)
    mark = "" if key in values.model_fields_set else "  # default"
    if value is None or (value == () and not field.is_required() and mark):
        (write,) = (one for one in field.metadata if isinstance(one, Write))
        yield f"# {key}: left out" + (f", {write.without}" if write.without else "")
        return
    kind = range_of(field)
    yield f"{key} = {kind.kind.toml(value) if kind else toml(value)}{mark}"


def toml(value: Any) -> str:
    """A value of the schema."""
    if isinstance(value, Ports):
        return toml(value.written())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, Path):
        return quoted(str(value.absolute()))
    return quoted(str(value))


def quoted(text: str) -> str:
    """As a basic string of TOML."""
    return '"' + "".join(one if one.isprintable() and one not in SHORT else escape(one) for one in text) + '"'


def escape(one: str) -> str:
    """A character that is not written as it is."""
    return SHORT.get(one) or (f"\\u{ord(one):04X}" if ord(one) < 0x10000 else f"\\U{ord(one):08X}")
