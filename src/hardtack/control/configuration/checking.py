"""A document against the schema, table by table, and then as a whole."""

from __future__ import annotations

from itertools import chain, repeat
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from hardtack.control.configuration.advice import advice, known
from hardtack.control.configuration.complaints import Complaint, complaints, name, unknown
from hardtack.control.configuration.consistency import contradictions
from hardtack.control.configuration.document import Document
from hardtack.control.configuration.places import Place
from hardtack.control.configuration.problems import MOST_TOLD, Problem
from hardtack.control.configuration.remembered import Remembered
from hardtack.control.configuration.schema import Config, Events, Front, Host, Inert
from hardtack.control.configuration.shown import shown

SINGLE: dict[str, type[Inert]] = {"front": Front, "events": Events}  # tables that are there once
ENOUGH = 10 * MOST_TOLD  # mistakes, after which no more hosts are looked at

Table = TypeVar("Table", bound=Inert)


def check(document: Document, whole: bool, memory: Remembered) -> tuple[Config | None, list[Problem]]:
    """The configuration, or what is wrong with it. `whole`: nothing of it has been left out; else nothing is missed."""
    checker = Checker(whole, memory)
    config = checker.config(document)
    found = [*checker.found, *(contradictions(document) if whole else ())]
    return config, [Problem(document.spot(place), f"{name(place, document)}: {text}") for place, text in found]


class Checker:
    """`found`: what is wrong with the tables that have been looked at."""

    def __init__(self, whole: bool, memory: Remembered) -> None:
        self.whole, self.memory = whole, memory
        self.found: list[Complaint] = []

    def config(self, document: Document) -> Config | None:
        """All tables; None if one is wrong."""
        tables = dict(document.data)
        for key, kind in SINGLE.items():
            if key in tables:
                tables[key] = self.table(kind, key, (key,), tables[key], document.folder())
        if document.hosts:
            tables["host"] = self.hosts(document)
        elif not isinstance(tables.get("host", []), list):
            self.found.append((("host",), f"found {shown(tables['host'])}; write {advice('', 'host')}"))
            tables["host"] = None
        wrong = [key for key in (*SINGLE, "host") if key in tables and tables[key] is None]
        right = {key: value for key, value in tables.items() if key not in wrong}
        config = self.table(Config, "", (), right, document.folder(), said=wrong)
        return None if self.found else config

    def hosts(self, document: Document) -> list[Host] | None:
        """Those that are right; None if there are none."""
        right, owners = [], chain.from_iterable(repeat(source.folder, source.hosts) for source in document.sources)
        for index, (table, folder) in enumerate(zip(document.hosts, owners, strict=True)):
            if host := self.memory.host(table, folder):
                right.append(host)
            elif host := self.table(Host, "host", ("host", index), table, folder):
                right.append(host)
                self.memory.keep_host(table, folder, host)
            elif len(self.found) > ENOUGH:
                break
        return right or None

    def table(self, kind: type[Table], table: str, place: Place, value: Any, folder: Path, said: Any = ()) -> Table | None:
        """One table as its kind; None if it is wrong. `said`: keys that are not here because they are wrong."""
        before = len(self.found)
        if isinstance(value, dict):
            strange = [key for key in value if key not in known(table)]
            self.found += [((*place, key), unknown(table, key, value[key])) for key in strange[:MOST_TOLD]]
            value = {key: one for key, one in value.items() if key in known(table)} if strange else value
        try:
            made = kind.model_validate(value, context={"folder": folder})
        except ValidationError as error:
            for one in error.errors(include_url=False):
                if one["type"] != "missing" or (self.whole and one["loc"][0] not in said):
                    self.found += complaints(table, place, one)
            return None
        return made if len(self.found) == before else None
