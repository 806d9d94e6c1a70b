"""From a file to a configuration, or to everything that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import ValidationError

from hardtack.control.configuration.places import places
from hardtack.control.configuration.problems import ConfigError, Problem, tell
from hardtack.control.configuration.schema import Config


def load(path: Path) -> Config:
    """The configuration in the file at `path`. ConfigError with every problem of it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot read it: {error.strerror}; give the path of a configuration file you may read"
        raise ConfigError(Problem(path, None, reason)) from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(Problem(path, line, f"found byte {data[error.start]:#04x}; write UTF-8 text")) from error
    return read(text, path)


def read(text: str, path: Path) -> Config:
    """The configuration in TOML `text`; `path` is where it stands: for relative paths in it, and for messages."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(not_toml(text, path, str(error))) from error
    try:
        config, errors = Config.model_validate(document, context={"folder": path.absolute().parent}), []
    except ValidationError as error:
        config, errors = None, error.errors(include_url=False)
    problems = tell(path, document, places(text), errors)
    if config is None or problems:
        raise ConfigError(*problems)
    return config


def not_toml(text: str, path: Path, message: str) -> Problem:
    """Where TOML breaks off, from tomllib's `message`, and what stands there."""
    place = re.search(r"line (\d+)", message)
    line = int(place[1]) if place else len(text.rstrip().splitlines())
    found = text.split("\n")[line - 1].strip() if line else "nothing"
    return Problem(path, line or None, f"not TOML ({message}): found {found}; write key = value, with text in quotes")
