"""What is said of a command line that cannot be: in a line, in our own words, and where to read on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hardtack.cli.labels import range_of

if TYPE_CHECKING:
    from typer import TyperException

CHOICES = re.compile(r"is not one of (?P<choices>.+?)\.?$")
WANTED = {"int": "a whole number", "float": "a number"}


def usage(error: TyperException, arguments: Sequence[str], commands: Sequence[str]) -> str:
    """A usage error in one line. `commands`: the names that there are."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else path_of(arguments, commands)
    message = told(error) or " ".join(error.format_message().split()).rstrip(".")
    return f"{message}; see: {command} --help"


def path_of(arguments: Sequence[str], commands: Sequence[str]) -> str:
    """The command that is meant, where the error does not say."""
    first = next((word for word in arguments if not word.startswith("-")), "")
    return f"hardtack {first}" if first in commands else "hardtack"


def told(error: TyperException) -> str:
    """What was found instead of what; "" if the error is of another kind."""
    problems, parameter = getattr(error.__cause__, "errors", None), getattr(error, "param", None)
    if problems is None or parameter is None:
        return ""
    problem = problems()[0]
    wanted = wanted_of(problem, parameter)
    name = max(parameter.opts, key=len) if parameter.param_type_name == "option" else parameter.display_name_raw
    return f"Invalid value for '{name}': found {problem['input']!r}; write {wanted}" if wanted else ""


def wanted_of(problem: dict[str, Any], parameter: Any) -> str:
    """What may be written."""
    if match := CHOICES.search(problem["msg"]):
        return "one of " + ", ".join(choice.strip(" '") for choice in match["choices"].split(","))
    kind = WANTED.get(getattr(parameter.type_descriptor.annotation, "__name__", ""))
    return f"{kind}{limits(parameter)}" if kind else ""


def limits(parameter: Any) -> str:
    """` from 1 to 9`, or one end, or nothing."""
    found = range_of(parameter)
    if not found:
        return ""
    return f" from {found}" if " to " in found else f", {found}"
