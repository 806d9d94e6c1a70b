"""The af_xdp engine of a front: what it takes, its start, and what the front's process does about it.

Its modules need Numba, which no other front needs: they are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from hardtack import journal
from hardtack.control.configuration.schema import Config
from hardtack.control.exits import Exit
from hardtack.image import Image, Table
from hardtack.kernel import grace
from hardtack.kernel.maps import Map
from hardtack.mistake import Mistake
from hardtack.packet.worker_records import WORKERS_OWN

if TYPE_CHECKING:
    from hardtack.engines.af_xdp import Engine, Wanted


class NoNumba(Mistake):
    """What compiles workers is not installed."""

    status = 1


def wanted(config: Config, exits: Sequence[Exit]) -> Wanted | None:
    """What it is to be; None: the xdp engine is wanted. Compiles workers, which may take a minute. EngineError, NoNumba."""
    if config.front.engine != "af_xdp":
        return None
    with numba():
        from hardtack.engines import af_xdp

        places = {place: one for place, one in enumerate(exits) if one.index}
        uplinks = {place: one.name for place, one in places.items() if one.uplink}
        others = {place: one.name for place, one in places.items() if not one.uplink}
        found = af_xdp.Wanted(uplinks, others, config.front.cpus, config.front.when_down)
        af_xdp.crew_for(found)  # whatever is wrong is wrong now
        if not af_xdp.is_compiled():
            journal.note("compiling", what="workers of the af_xdp engine", why="not in the cache; takes about a minute")
        af_xdp.compile_all()
        return found


def jumps() -> dict[str, dict[int, Image]]:
    """What is in tables of programs."""
    from hardtack.engines import af_xdp

    return af_xdp.jumps()


@contextmanager
def numba() -> Iterator[None]:
    """NoNumba."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise NoNumba(
            f'engine = "af_xdp" compiles its workers, but {error.name} is not installed: pip install \'hardtack[compile]\', '
            'or write engine = "xdp"'
        ) from None


class Crew:
    """The workers of a front, none with the xdp engine. To be looked after every second."""

    def __init__(self, wanted: Wanted | None) -> None:
        self._wanted = wanted
        self.engine: Engine | None = None

    def tables(self, sizes: Mapping[str, int]) -> Sequence[Table]:
        """What the engine needs that the programs in the kernel may not; `sizes`: entries of tables, by name."""
        if not self._wanted:
            return ()
        from hardtack.engines import af_xdp

        workers = len(af_xdp.crew_for(self._wanted).seats)
        return *af_xdp.all_tables(), *af_xdp.outliving(sizes, workers)

    @property
    def kept(self) -> list[str]:
        """Those of them that the next start adopts."""
        return [table.name for table in WORKERS_OWN] if self._wanted else []

    def begin(self, tables: Mapping[str, Map], parts: ExitStack) -> None:
        """Workers at work on filled tables, before anything sends frames to them. Mistake."""
        if self._wanted:
            from hardtack.engines import af_xdp

            self.engine = parts.enter_context(af_xdp.Engine(tables, self._wanted, attach=False))
            self.engine.begin()

    def told(self) -> dict[str, Any]:
        """What there is to say of it when it works."""
        if not self.engine:
            return {}
        zero_copy = str(self.engine.zero_copy).lower()
        return {"engine": "af_xdp", "workers": len(self.engine.workers), "zero_copy": zero_copy}

    def wait(self) -> None:
        """Come back when nobody works any more with anything that was in tables before: no program, no worker."""
        grace.wait_for_programs()
        if self.engine:
            self.engine.settle()

    def write(self) -> None:
        """EngineError if a worker has ended: the process must be restarted."""
        if self.engine:
            self.engine.check()
