"""Reading a configuration, with the keys that it names: what a start does, and, in the helper, every reload."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.schema import Config, Host
from hardtack.control.networks.prefixes import Content
from hardtack.keys import KeyFileError, read_key, same_key


@dataclass(frozen=True)
class Reading:
    """A configuration that is right in itself, the master key of each key file, and what is in each file of lists."""

    config: Config
    masters: Mapping[Path, bytes] = field(repr=False)
    lists: Mapping[Path, Content] = field(default_factory=dict)


class Shared:
    """What both ends know, from one reading to the next: hosts and lists that are the same objects are not sent again."""

    def __init__(self, config: Config, lists: Mapping[Path, Content]) -> None:
        self._hosts: Sequence[Host] = config.hosts
        self._lists = lists

    def packed(self, reading: Reading) -> bytes:
        """To be sent: of what is known, where it was."""
        places = {id(host): place for place, host in enumerate(self._hosts)}
        hosts = [places.get(id(host), host) for host in reading.config.hosts]
        lists = {file: None if self._lists.get(file) is content else content for file, content in reading.lists.items()}
        self._hosts, self._lists = reading.config.hosts, reading.lists
        return pickle.dumps((reading.config.model_copy(update={"hosts": ()}), hosts, reading.masters, lists))

    def unpacked(self, content: bytes) -> Reading | str:
        """What the other end has packed, each in its turn; or what it says is wrong."""
        found = pickle.loads(content)
        if isinstance(found, str):
            return found
        config, hosts, masters, lists = found
        self._hosts = tuple(self._hosts[host] if isinstance(host, int) else host for host in hosts)
        self._lists = {file: self._lists[file] if one is None else one for file, one in lists.items()}
        return Reading(config.model_copy(update={"hosts": self._hosts}), masters, self._lists)


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
