"""Reading a configuration, with the keys that it names: what a start does, and, in the helper, every reload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.schema import Config
from hardtack.control.networks.prefixes import Content
from hardtack.keys import KeyFileError, read_key, same_key


@dataclass(frozen=True)
class Reading:
    """A configuration that is right in itself, the master key of each key file, and what is in each file of lists."""

    config: Config
    masters: Mapping[Path, bytes] = field(repr=False)
    lists: Mapping[Path, Content] = field(default_factory=dict)


def with_keys(found: Loaded) -> Reading:
    """A configuration, and the keys that it names. KeyFileError, with every key file that cannot be used."""
    return Reading(found.config, keys_of(found.config), found.lists)


def keys_of(config: Config) -> dict[Path, bytes]:
    """The master key in each key file. KeyFileError names all that cannot be used."""
    masters, problems = {}, []
    for file in config.key_files:
        try:
            masters[file] = read_key(file)
        except KeyFileError as error:
            problems.append(str(error))
    for new, old in config.key_pairs:
        if old in masters and masters.get(new) == masters[old]:
            problems.append(str(same_key(new, old)))
    if problems:
        raise KeyFileError("\n".join(problems))
    return masters
