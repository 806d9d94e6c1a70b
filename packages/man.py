"""Manual pages in roff, made from the command line and from the configuration's schema: nothing is told twice."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from typer.main import get_command

from hardtack import __version__
from hardtack.agent.__main__ import made_parser
from hardtack.cli.app import app
from hardtack.control.configuration import advice
from hardtack.control.configuration.complaints import CALLED
from hardtack.control.configuration.schema import TABLES

ROOT = Path(__file__).resolve().parents[1]
SECTION = 8


def pages() -> dict[str, str]:
    """File name -> text of every page of the front's package."""
    group: Any = get_command(app)
    made = {f"hardtack.{SECTION}": page("hardtack", "SYN-flood protection for Linux", overview(group))}
    for name, command in group.commands.items():
        if name != "agent":  # hardtack-agent(8) is another package's
            first, rest = summary(command.help or "")
            made[f"hardtack-{name}.{SECTION}"] = page(f"hardtack-{name}", first, command_page(name, command, rest))
    return made | {"hardtack.toml.5": page("hardtack.toml", "configuration of a hardtack front", configuration(), 5)}


def agent_page() -> str:
    """Of the agent's package."""
    parser = made_parser()
    lines = [".SH SYNOPSIS", ".B hardtack-agent", roff(usage(parser)), ".SH DESCRIPTION", roff(parser.description or "")]
    lines += [".PP", roff(parser.epilog or ""), ".SH OPTIONS"]
    for action in parser._actions:
        names = ", ".join(action.option_strings) + (f" {action.metavar}" if action.metavar else "")
        lines += [".TP", f".B {roff(names)}", roff(action.help or "")]
    return page("hardtack-agent", "admit the clients that return a front's cookie", lines)


def usage(parser: argparse.ArgumentParser) -> str:
    """What stands behind the name."""
    return " ".join(parser.format_usage().split()[2:])


def page(name: str, purpose: str, body: list[str], section: int = SECTION) -> str:
    """A whole page."""
    head = [f'.TH {name.upper()} {section} "" "hardtack {__version__}" "hardtack"', ".SH NAME"]
    also = [".SH SEE ALSO", r".BR hardtack (8), hardtack\-agent (8), hardtack.toml (5)"]
    return "\n".join([*head, rf"{roff(name)} \- {roff(purpose)}", *body, *also]) + "\n"


def overview(group: Any) -> list[str]:
    """Of the command as a whole."""
    lines = [".SH SYNOPSIS", ".B hardtack", r"\fICOMMAND\fR [\fIARGUMENTS\fR]", ".SH DESCRIPTION"]
    lines += [*paragraphs(group.help or ""), ".SH COMMANDS"]
    for name, command in group.commands.items():
        lines += [".TP", rf".BR hardtack\-{roff(name)} (8)", roff(summary(command.help or "")[0])]
    statuses = "0: done. 1: failed. 2: wrong usage, or a mistake in the configuration. 130: interrupted."
    files = ("/etc/hardtack/hardtack.toml", "/etc/hardtack/key", "/run/hardtack", "/sys/fs/bpf/hardtack")
    return [*lines, ".SH EXIT STATUS", statuses, ".SH FILES", *(line for file in files for line in (".PP", f".I {file}"))]


def command_page(name: str, command: Any, rest: str) -> list[str]:
    """Of one command."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    words = " ".join(f"[{word_of(one)}]" if not one.required else word_of(one) for one in arguments)
    lines = [".SH SYNOPSIS", rf".B hardtack {roff(name)}", roff(f"[OPTIONS] {words}".strip()), ".SH DESCRIPTION"]
    lines += paragraphs(rest)
    if arguments or options:
        lines.append(".SH OPTIONS")
    for one in arguments:
        lines += [".TP", f".I {roff(word_of(one))}", roff(one.help or "")]
    for one in options:
        names = ", ".join([*one.opts, *one.secondary_opts])
        value = "" if one.is_flag else f" {one.metavar or 'VALUE'}"
        lines += [".TP", f".B {roff(names + value)}", roff(one.help or "")]
    return lines


def word_of(argument: Any) -> str:
    """How an argument is called."""
    return str(argument.metavar or argument.name.upper())


def configuration() -> list[str]:
    """Every key of every table: what to write, and what it means to leave it out."""
    lines = [".SH DESCRIPTION", "A TOML file. Check it with", r".BR hardtack\-check (8).", "The package's"]
    lines += [".I /etc/hardtack/hardtack.toml.example", "has every key, with what it means."]
    meant = meanings()
    for table in TABLES:
        lines.append(f".SH KEYS OF {roff(CALLED.get(table, 'the file itself, above all tables')).upper()}")
        for key in advice.known(table):
            if table or key not in CALLED:
                lines += [".TP", f".B {roff(key)}", roff(meant.get((table, key), ""))]
                lines.append(f"Write {roff(advice.advice(table, key))}.")
    return lines


def meanings() -> dict[tuple[str, str], str]:
    """By table and key, what docs/configuration.md says of it, in its tables' last column."""
    found, table = dict[tuple[str, str], str](), ""
    for line in (ROOT / "docs/configuration.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            table = next((one for one in CALLED if f"`{CALLED[one]}`" in line), "")
        elif match := re.match(r"\| `(\w+)` \|.*\| (.+) \|$", line):
            found[table, match[1]] = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", match[2]).replace("`", "")
    return found


def summary(text: str) -> tuple[str, str]:
    """The first sentence, without its full stop, and all paragraphs behind it."""
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()).rstrip("."), rest or first


def paragraphs(text: str) -> list[str]:
    """Markdown as typer has it, in paragraphs."""
    parts = re.split(r"\n\s*\n|\f", text.replace("**", "").replace("`", ""))
    return [line for part in parts if part.strip() for line in (".PP", roff(" ".join(part.split())))]


def roff(text: str) -> str:
    """As roff takes it literally; a line of text must not begin with a dot or an apostrophe."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped
