"""What to write in a configuration: the keys that each table has, and a good value for each, from the schema alone."""

from __future__ import annotations

from functools import cache

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from hardtack.control.configuration.schema import TABLES, Write
from hardtack.control.configuration.units import Between


@cache
def fields(table: str) -> dict[str, FieldInfo]:
    """Key -> what the schema has of it, in its order."""
    return {field.alias or name: field for name, field in TABLES[table].model_fields.items()}


@cache
def known(table: str) -> tuple[str, ...]:
    """The keys that a table may have."""
    return tuple(fields(table))


def advice(table: str, key: str) -> str:
    """What to write for a key: an example, its range, and what it means to leave it out, if one may."""
    field = fields(table)[key]
    (write,) = (mark for mark in field.metadata if isinstance(mark, Write))
    limits = range_of(field)
    text = f"{write.text}, {limits}" if limits else write.text
    if field.is_required() or write.without is None:
        return text
    return f"{text}, or leave the key out" + (f": {write.without}" if write.without else "")


def range_of(field: FieldInfo) -> Between | None:
    """Of a quantity with a unit."""
    readers = [mark.func for mark in field.metadata if isinstance(mark, BeforeValidator)]
    return next((reader for reader in readers if isinstance(reader, Between)), None)
