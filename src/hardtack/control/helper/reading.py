"""Reading a configuration, with the keys that it names: what a start does, and, in the helper, every reload."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.schema import Config
from hardtack.keys import KeyFileError, read_key


@dataclass(frozen=True)
class Reading:
    """A configuration that is right in itself, and the master key of each key file."""

    config: Config
    masters: Mapping[Path, bytes] = field(repr=False)


def with_keys(found: Loaded) -> Reading:
    """A configuration, and the keys that it names. KeyFileError, with every key file that cannot be used."""
    return Reading(found.config, keys_of(found.config.key_files))


def keys_of(files: Collection[Path]) -> dict[Path, bytes]:
    """The master key in each. KeyFileError names all that cannot be used."""
    masters, problems = {}, []
    for file in files:
        try:
            masters[file] = read_key(file)
        except KeyFileError as error:
            problems.append(str(error))
    if problems:
        raise KeyFileError("\n".join(problems))
    return masters
