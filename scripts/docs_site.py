"""The hook of mkdocs.yml: puts README and other pages of the root into the site, and the reference that the code tells.

Links between the repository's documents lead from page to page; those to files that are not in the site become plain text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.main import get_command

from hardtack.cli.app import app
from hardtack.control.configuration import advice
from hardtack.control.configuration.schema import TABLES

ROOT = Path(__file__).parents[1]
DOCS = "docs/"
PAGES = {  # a document of the repository -> its place in the site
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "bench/README.md": "bench.md",
}
ORIGINS = {page: origin for origin, page in PAGES.items()}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
HEADINGS = {"": "The file itself", "front": "[front]", "host": "[[host]]", "metrics": "[metrics]", "events": "[events]"}


def on_files(files: Files, config: Any) -> Files:
    """Pages that are not below docs/."""
    for origin, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / origin).read_text(encoding="utf-8")))
    files.append(File.generated(config, "cli.md", content="\n".join(commands())))
    files.append(File.generated(config, "keys.md", content="\n".join(keys())))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Links as they must be in the site."""
    here = page.file.src_uri
    origin = ORIGINS.get(here, DOCS + here)

    def linked(match: re.Match[str]) -> str:
        place, hash_, anchor = match[3].partition("#")
        if not place or "://" in place:
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), place))
        page_there = PAGES.get(target, target.removeprefix(DOCS) if target.startswith(DOCS) else "")
        if not page_there or files.get_file_from_path(page_there) is None:
            return match[2]
        return f"{match[1]}[{match[2]}]({posixpath.relpath(page_there, posixpath.dirname(here) or '.')}{hash_}{anchor})"

    return LINK.sub(linked, markdown)


def commands() -> Iterator[str]:
    """Every command's help and options, from the program itself."""
    yield "# Command line\n\nGenerated from `hardtack --help`. [Commands](commands.md) explains more.\n"
    group: Any = get_command(app)
    for name, command in group.commands.items():
        yield f"## hardtack {name}\n"
        yield from (re.sub(r"\s*\n\s*", " ", part.strip()) + "\n" for part in re.split(r"\n\s*\n|\f", command.help or ""))
        shown = [one for one in command.params if not getattr(one, "hidden", False)]
        if shown:
            yield "| | |\n|---|---|"
            yield from (f"| {parameter(one)} | {cell(one.help or '')} |" for one in shown)
            yield ""


def parameter(one: Any) -> str:
    """How an argument or an option is written."""
    if one.param_type_name == "argument":
        return f"`{cell(str(one.metavar or one.name.upper()))}`"
    value = "" if one.is_flag else f" {one.metavar or 'VALUE'}"
    return f"`{cell(', '.join([*one.opts, *one.secondary_opts]) + value)}`"


def keys() -> Iterator[str]:
    """Every key of the configuration, from its schema."""
    yield "# Configuration keys\n\nGenerated from the schema. [Configuration](configuration.md) explains each key.\n"
    for table in TABLES:
        yield f"## {HEADINGS[table]}\n\n| key | required | write |\n|---|---|---|"
        for key in advice.known(table):
            required = "yes" if advice.fields(table)[key].is_required() else ""
            yield f"| `{key}` | {required} | {cell(advice.advice(table, key))} |"
        yield ""


def cell(text: str) -> str:
    """As a table's cell takes it."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
