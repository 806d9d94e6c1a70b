"""A program with its tables; gone together."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from hardtack.image import ONLY, Image
from hardtack.kernel import maps, programs
from hardtack.kernel.maps import Map


class Datapath:
    """An image loaded, with new tables except those given in `shared`. Raises what programs.load does.

    `sizes`: entries of tables that differ from the image's.
    """

    def __init__(
        self, image: Image, shared: Mapping[str, Map] | None = None, sizes: Mapping[str, int] | None = None
    ) -> None:
        self._parts = ExitStack()
        self.tables: dict[str, Map] = {}
        try:
            for table in image.tables:
                given = (shared or {}).get(table.name)
                made = maps.sized(table, sizes or {})
                self.tables[table.name] = given or self._parts.enter_context(maps.create(made))
            self.program = self._parts.enter_context(programs.load(image, self.tables))
        except BaseException:
            self._parts.close()
            raise

    def counters(self) -> list[int]:
        """The `counters` table, all CPUs added up."""
        return self.tables["counters"].totals(ONLY)

    def close(self) -> None:
        """Let go of everything that is its own."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
