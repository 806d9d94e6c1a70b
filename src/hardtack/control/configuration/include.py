"""The main file and those that it includes: `include = ["hosts.d/*.toml"]`. One level, so that nothing goes round."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hardtack.control.configuration.advice import advice, known
from hardtack.control.configuration.complaints import bracketed
from hardtack.control.configuration.document import Document, Source, Spot
from hardtack.control.configuration.files import Reader, Unread
from hardtack.control.configuration.parts import by_parts, joined
from hardtack.control.configuration.problems import Origin, Problem
from hardtack.control.configuration.remembered import Remembered, Taken, lasting_state
from hardtack.control.configuration.shown import shown
from hardtack.control.configuration.toml import Parsed, parse
from hardtack.control.configuration.values import check_pattern, has_wildcard

MOST_FILES = 20_000  # that a pattern's folder may have


@dataclass
class Gathering:
    """What has been read so far. `whole`: nothing was left out for being no TOML, or no file."""

    memory: Remembered
    reader: Reader = field(default_factory=Reader)
    problems: list[Problem] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    whole: bool = True

    @property
    def origin(self) -> Origin:
        """So far."""
        return Origin(tuple(self.files), tuple(dict.fromkeys(self.folders)))

    def take(self, path: Path, text: str | None = None) -> tuple[Source, dict[str, Any]] | None:
        """A file's tables, as many as can be told; its problems are noted. `text`: what is in it, if that is known."""
        self.files.append(path)
        if text is None and (known := self.memory.file(path)) and known.size <= self.reader.left:
            self.reader.left -= known.size
            return known.source, known.tables
        state, left = () if text is not None else lasting_state(path), self.reader.left
        try:
            text = self.reader.text(path) if text is None else text.replace("\r\n", "\n")
        except Unread as unread:
            self.refuse(path, unread.line, unread.why)
            return None
        parts = by_parts(text, self.memory.parts(path))
        parsed = Parsed(text, joined(parts)) if parts else parse(text)
        for line, why in parsed.broken:
            self.refuse(path, line, why)
        if parsed.document is None:
            return None
        hosts = parsed.document.get("host")
        source = Source(path, parsed.text, hosts=len(hosts) if isinstance(hosts, list) else 0)
        if not parsed.broken:
            self.memory.keep_file(Taken(state, source, parsed.document, parts or {}, left - self.reader.left))
        return source, parsed.document

    def refuse(self, path: Path, line: int | None, why: str) -> None:
        """Note what keeps a file from being read as a whole."""
        self.problems.append(Problem(Spot(path, line), why))
        self.whole = False


def gather(path: Path, text: str | None, memory: Remembered) -> tuple[Document | None, Gathering]:
    """The configuration whose main file is at `path`. `text`: what is in that file, if it is not to be read."""
    so_far = Gathering(memory)
    taken = so_far.take(path, text)
    if not taken:
        return None, so_far
    main, data = taken
    included: list[Source] = []
    hosts = data.get("host", [])
    hosts = [*hosts] if isinstance(hosts, list) else hosts
    total = main.hosts
    for file in files_of(main, data, so_far):
        if more := so_far.take(file):
            source, tables = more
            so_far.problems += strangers(source, tables, path)
            included.append(source)
            total += source.hosts
            if source.hosts and isinstance(hosts, list):
                hosts += tables["host"]
    if included and hosts:
        data = {**data, "host": hosts}
    return Document(main, data, tuple(included)), so_far


def files_of(main: Source, data: dict[str, Any], so_far: Gathering) -> Iterator[Path]:
    """The files to be included, each once, in the order of patterns and names."""
    first = os.path.realpath(main.path)
    seen = {first}
    patterns = data.get("include")
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
        spot = Spot(main.path, main.lines.of(("include", index)))
        try:
            found = matching(main.path.parent, pattern, so_far)
        except (OSError, ValueError) as error:
            why = f"which cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
            so_far.problems.append(Problem(spot, f"include: found {shown(pattern)}, {why}; write {advice('', 'include')}"))
            so_far.whole = False
            continue
        for file, real in found:
            if real == first:
                text = f"include: found {shown(pattern)}, which matches this file itself; put hosts into a folder of theirs"
                so_far.problems.append(Problem(spot, text))
            elif real not in seen:
                seen.add(real)
                yield file


def matching(folder: Path, pattern: Any, so_far: Gathering) -> list[tuple[Path, str]]:
    """The files of one pattern, by name, and what they are without links; hidden ones only if it begins with a dot.

    OSError, ValueError.
    """
    if not isinstance(pattern, str):
        return []  # the schema says so
    try:
        check_pattern(pattern)
    except ValueError:
        return []  # likewise
    folder, name = (folder / pattern).parent, Path(pattern).name
    if not has_wildcard(name):
        file = folder / name
        if not file.exists():
            so_far.files.append(file)  # whoever waits for this configuration to be mended waits for it, too
        file.stat()
        return [(file, os.path.realpath(file))]
    so_far.folders.append(folder)
    with os.scandir(folder) as entries:
        links = {entry.name: entry.is_symlink() for entry in entries if fnmatchcase(entry.name, name)}
    if len(links) > MOST_FILES:
        raise ValueError(f"which matches {len(links):,} files; the limit is {MOST_FILES:,}")
    names, real = sorted(one for one in links if one.startswith(".") == name.startswith(".")), os.path.realpath(folder)
    files = [(so_far.memory.path(f"{folder}/{one}"), one) for one in names]
    return [(file, os.path.realpath(file) if links[one] else f"{real}/{one}") for file, one in files]


def strangers(source: Source, tables: dict[str, Any], main: Path) -> Iterator[Problem]:
    """What an included file may not have."""
    for key, value in tables.items():
        if key == "host" and isinstance(value, list):
            continue
        spot = Spot(source.path, source.lines.of((key,)))
        if key != "host":
            wrong = f"{bracketed(key, value)}: not allowed in an included file, which has only [[host]] tables"
            yield Problem(spot, f"{wrong}; write it in {main}" if key in known("") else wrong)
        else:
            yield Problem(spot, f"{bracketed(key, value)}: found {shown(value)}; write {advice('', 'host')}")
