"""Every mistake in a configuration is told with its file and line, what was found and what to write: by mistakes.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import load

FILE = Path(__file__).with_name("mistakes.txt")
FRONT = ['interface = "eth0"', 'key_file = "key"']
HOST = ['name = "web"', 'addresses = ["192.0.2.10"]', "ports = [80]", 'handshake = "agent"', 'via = "kernel"']


def blocks() -> Iterator[list[str]]:
    """The lines of each broken configuration, with what is said of it."""
    block: list[str] = []
    for line in [*FILE.read_text(encoding="utf-8").splitlines(), ""]:
        if line and not line.startswith("#"):
            block.append(line)
        elif block:
            yield block
            block = []


def files(block: list[str]) -> dict[str, str]:
    """Name -> text of the files that a block is about; "x.toml" is the main one."""
    tables = {"front": [*FRONT], "host": [*HOST]}
    end: list[str] = []
    raw: dict[str, list[str]] = {}
    for line in block:
        word, _, rest = line.partition(" ")
        name, bar, text = line.partition("|")
        if word == "=>":
            continue
        if bar and " " not in name.strip():
            raw.setdefault(name.strip() or "x.toml", []).append(text.removeprefix(" "))
        elif word == "+":
            end.append(rest)
        else:
            number = word.removeprefix("host")
            other = [line.replace("web", number).replace(".10", f".1{number}") for line in HOST]
            write(tables.setdefault(word, other), rest)
    made = [line for name, lines in tables.items() for line in ["[front]" if name == "front" else "[[host]]", *lines]]
    raw.setdefault("x.toml", [*made, *end])
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in raw.items()}


def write(table: list[str], line: str) -> None:
    """`KEY = VALUE` into the place of that key, or the end; `+ LINE`: to the end, come what may; `-KEY`: takes it out."""
    key = line.removeprefix("-").split(" ")[0]
    at = [number for number, old in enumerate(table) if old.split(" ")[0] == key] or [len(table)]
    table[at[0] : at[0] + 1] = [] if line.startswith("-") else [line.removeprefix("+ ")]


@pytest.mark.parametrize("block", [*blocks()], ids=lambda block: " ".join(block)[:60])
def test_what_is_said(block: list[str], tmp_path: Path) -> None:
    for name, text in files(block).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "x.toml")
    said = str(refused.value).replace(f"{tmp_path}/", "").splitlines()
    said = [re.sub(r"(valid keys are: (name|interface), ).*", r"\1...", line) for line in said]  # all there are
    assert [re.sub("^x.toml: ?", "", line) for line in said] == [line[3:] for line in block if line.startswith("=> ")]
    assert all(map(str.isprintable, said))
