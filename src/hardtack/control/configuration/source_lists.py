"""The files of lists of sources that a configuration names: read once each, all that is wrong with them told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hardtack.control.configuration.document import Spot
from hardtack.control.configuration.problems import Problem
from hardtack.control.configuration.remembered import Remembered, lasting_state
from hardtack.control.configuration.schema import Config, Front, Host
from hardtack.control.networks.lists import ListError, load
from hardtack.control.networks.prefixes import Content

MOST_PREFIXES = 2_000_000  # in all lists of a configuration; of a file that several name, once for each of them


def files_of(config: Config) -> tuple[Path, ...]:
    """Those that it names, each once."""
    return tuple(dict.fromkeys(one for table in tables(config) for one in named(table)))


def tables(config: Config) -> list[Front | Host]:
    """Those that have lists."""
    everything: tuple[Front | Host, ...] = config.front, *config.hosts
    return [table for table in everything if table.allow or table.deny]


def named(table: Front | Host) -> tuple[Path, ...]:
    """The files that a table names."""
    return tuple(one for one in (*table.allow, *table.deny) if isinstance(one, Path))


def read_lists(config: Config, main: Path, memory: Remembered) -> tuple[dict[Path, Content], list[Problem]]:
    """What is in each of them; and what is wrong. `main`: where the configuration is."""
    lists: dict[Path, Content] = {}
    problems: list[Problem] = []
    for file in files_of(config):
        if (known := memory.prefixes(file)) is not None:
            lists[file] = known
            continue
        state = lasting_state(file)
        try:
            lists[file] = load(file)
            memory.keep_prefixes(file, state, lists[file])
        except ListError as error:
            problems += error.problems
    if not problems and (total := counted(config, lists)) > MOST_PREFIXES:
        text = f"found {total:,} prefixes in `allow` and `deny`; the limit is {MOST_PREFIXES:,}"
        problems.append(Problem(Spot(main, None), f"{text}; move prefixes that many hosts share to the lists of [front]"))
    return lists, problems


def counted(config: Config, lists: Mapping[Path, Content]) -> int:
    """Prefixes of all tables."""
    return sum(prefixes_of(table, lists) for table in tables(config))


def prefixes_of(table: Front | Host, lists: Mapping[Path, Content]) -> int:
    """Prefixes that one table allows and denies."""
    written = len(table.allow) + len(table.deny) - len(named(table))
    return written + sum(len(lists[file]) for file in named(table))
