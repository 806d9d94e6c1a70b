"""What the schema finds wrong, in words: the key, what was found there, and what to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from hardtack.control.configuration.advice import advice, known
from hardtack.control.configuration.document import Document
from hardtack.control.configuration.endpoints import Secret
from hardtack.control.configuration.lists import Faults
from hardtack.control.configuration.places import Place
from hardtack.control.configuration.schema import TABLES
from hardtack.control.configuration.shown import shown
from hardtack.printable import cut

LONGEST_KEY = 64  # characters

Complaint = tuple[Place, str]
CALLED = {"front": "[front]", "host": "[[host]]", "metrics": "[metrics]", "events": "[events]"}


def name(place: Place, document: Document) -> str:
    """What people call a place: `[front] interface`, `[[host]] "web" ports`; a host without a name has its number."""
    table, *rest = place
    written = bracketed(str(table), document.data.get(str(table)))
    words = [written if written.startswith("[") else CALLED.get(str(table), written)]
    if table == "host" and rest and isinstance(rest[0], int):
        host, (_, inner) = document.hosts[rest[0]], document.owner(place)
        called = host.get("name") if isinstance(host, dict) else None
        words.append(shown(called) if isinstance(called, str) else str(int(inner[1]) + 1))
    return " ".join(words + [cut(word, LONGEST_KEY) for word in rest if isinstance(word, str)])


def bracketed(key: str, value: Any) -> str:
    """A key of the file itself, as it is written there: a table, an array of tables, or a value."""
    key = cut(key, LONGEST_KEY)
    return f"[[{key}]]" if of_tables(value) else f"[{key}]" if isinstance(value, dict) else key


def of_tables(value: Any) -> bool:
    """Whether it is an array of tables."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def complaints(table: str, place: Place, error: Mapping[str, Any]) -> Iterator[Complaint]:
    """What to say of one of pydantic's errors about the table at `place`: one thing, or several of a list."""
    key, *_ = error["loc"] or ("",)
    place = (*place, *error["loc"])
    wanted = advice(table, str(key)) if key else advice("", table)
    if error["type"] == "missing":
        yield place, f"missing; write {wanted}"
    elif isinstance(fault := error.get("ctx", {}).get("error"), Faults):
        for index, value, why in fault.faults:
            yield (*place, index), f"found {shown(value)}, {why}; write {wanted}"
        if fault.more:
            yield place, f"and {fault.more:,} more of this kind"
    elif isinstance(fault, Secret):
        yield place, f"found a value, {fault}; write {wanted}"
    elif error["type"] == "value_error":
        yield place, f"found {shown(error['input'])}, {fault}; write {wanted}"
    else:
        why = ", which is not supported" if error["type"] == "literal_error" else ""
        yield place, f"found {shown(error['input'])}{why}; write {wanted}"


def unknown(table: str, key: str, value: Any) -> str:
    """What to say of a key, or a table, that nobody knows: what was meant, where it belongs, or all that there are."""
    what = "unknown table" if isinstance(value, dict) or of_tables(value) else "unknown key"
    keys = known(table)
    called = {one: one if table else CALLED.get(one, one) for one in keys}
    if others := [other for other in TABLES if other != table and key in known(other)]:
        return f"{what}; it belongs {'in ' + CALLED[others[0]] if others[0] else 'before all tables'}"
    if near := difflib.get_close_matches(key[:LONGEST_KEY], keys, n=1):
        return f"{what}; did you mean {called[near[0]]}?"
    return f"{what}; valid keys are: {', '.join(called.values())}"
