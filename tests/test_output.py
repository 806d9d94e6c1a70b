"""What is printed: all of it, on a narrow terminal and in a pipe, whatever the locale; nothing that a terminal obeys."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import ENVIRONMENT, EXAMPLE, HARDTACK, hardtack

from hardtack.control.configuration.effective import effective, quoted
from hardtack.control.configuration.reading import loaded
from hardtack.printable import cut, printable

LOCALES = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]
LONG = "2001:db8:1111:2222:3333:4444:5555:6666"


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A configuration with long things in it."""
    path = tmp_path / "hardtack.toml"
    path.write_text(EXAMPLE.read_text().replace("2001:db8::10", LONG).replace('name = "web"', f'name = "{"w" * 63}"'))
    return path


@pytest.mark.parametrize("locale", LOCALES, ids=str)
@pytest.mark.parametrize("command", ["check", "check --show", "check --help", "status"])
def test_in_any_locale(command: str, locale: dict[str, str], wide: Path) -> None:
    odd = wide.with_name("h\u00e4rt\u4e2d\u202e.toml")
    wide.rename(odd)
    files = [odd, odd.with_name("n\u00f6.toml")]
    names = [[str(file)] for file in files] if command in ("check", "check --show") else [[]]
    for name in names:
        line = [*HARDTACK, *command.split(), *name]
        done = subprocess.run(line, env=ENVIRONMENT | locale, capture_output=True, timeout=60, check=False)
        assert done.returncode in (0, 1, 2), done.stderr
        assert b"Traceback" not in done.stderr and b"UnicodeEncodeError" not in done.stderr


def test_nothing_is_cut_in_a_pipe(wide: Path) -> None:
    told = hardtack("check", wide, COLUMNS="20").stdout
    assert "\u2026" not in told
    assert LONG in told and "w" * 63 in told and "52:54:00:12:34:56" in told


def on_a_terminal(columns: int, *command: str) -> str:
    """What a command shows on a terminal so wide; without colour."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "COLUMNS"} | {"NO_COLOR": "1"}
    with subprocess.Popen([*HARDTACK, *command], stdout=follower, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(follower)
        told = b""
        while part := read(leader):
            told += part
    os.close(leader)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", told.decode()).replace("\r\n", "\n")


def columns_of(told: str) -> list[list[str]]:
    """The cells of each column of the table of hosts, line by line, by where its headings begin."""
    lines = told[told.index("\nhost") + 1 : told.index("Connections:")].splitlines()
    starts = [found.start() for found in re.finditer(r"(?<= )\S|^\S", re.sub(r"(?<=\S) (?=\S)", "_", lines[0]))]
    return [[line[start:end].strip() for line in lines] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def test_a_narrow_terminal_folds(wide: Path) -> None:
    told = on_a_terminal(60, "check", str(wide))
    names, addresses, _, ways, *_ = ("".join(cells) for cells in columns_of(told))
    assert "\u2026" not in told
    assert "w" * 63 in names and LONG in addresses and "52:54:00:12:34:56" in ways


def test_no_word_is_folded_where_all_have_room() -> None:
    """On 80 columns, the usual: an address is one word."""
    told = on_a_terminal(80, "check", str(EXAMPLE))
    _, addresses, ports, ways, _, _, replies = columns_of(told)
    assert {"192.0.2.10", "2001:db8::10", "203.0.113.0/24", "but not 203.0.113.1"} <= {*addresses}
    assert {"80, 443", "443"} <= {*ports} and "52:54:00:12:34:56" in ways and {"5,000,000", "100,000"} <= {*replies}
    assert max(map(len, told.splitlines()[1:10])) <= 80


def read(leader: int) -> bytes:
    """What comes; nothing once the other end has closed."""
    try:
        return os.read(leader, 65536)
    except OSError:
        return b""


@given(st.text())
def test_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_cut() -> None:
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "abc...")
    assert printable("a\x1b[2J\x9b\u202e\n\U000e0001") == "a\\x1b[2J\\x9b\\u202e\\n\\U000e0001"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_text_is_read_back(text: str) -> None:
    assert tomllib.loads(f"a = {quoted(text)}") == {"a": text}


OWN = """\
[front]
interface = "eth0"
key_file = "key"
grace = "1.5m"
[[host]]
name = "a"
addresses = ["192.0.2.1"]
ports = "all but 22, 5000-5999"
handshake = "agent"
via = "local"
options = []
"""


PASSING = OWN.replace('"agent"', '"pass"').replace("options = []\n", "")


@pytest.mark.parametrize("text", [EXAMPLE.read_text(), OWN, PASSING], ids=["example", "own", "pass"])
def test_the_effective_configuration_is_read_back(text: str, tmp_path: Path) -> None:
    first = loaded(tmp_path / "x.toml", text)
    second = loaded(Path("/other/y.toml"), effective(first))
    assert second.config == first.config
    assert "# default" in effective(first) and "# default" not in effective(second)


def test_a_files_name_stays_in_its_remark(tmp_path: Path) -> None:
    (tmp_path / "a\nb.toml").write_text(OWN[OWN.index("[[host]]") :])
    text = effective(loaded(tmp_path / "x.toml", 'include = ["*b.toml"]\n' + OWN[: OWN.index("[[host]]")]))
    assert tomllib.loads(text)["host"][0]["name"] == "a" and f"# {tmp_path}/a\\nb.toml:1" in text


def test_what_is_a_default_is_marked(tmp_path: Path) -> None:
    lines = effective(loaded(tmp_path / "x.toml", OWN)).splitlines()
    for line in (
        f'key_file = "{tmp_path}/key"',
        "connections = 1_000_000  # default",
        'grace = "90s"',
        f'[[host]]  # {tmp_path}/x.toml:5',
        'ports = "all but 22, 5000-5999"',
        "options = []",
        'default = "pass"  # default',
        "# key_file: left out, the front's",
    ):
        assert line in lines


def test_examples() -> None:
    etc = EXAMPLE.parent
    for words, file in [
        ([], "hardtack.toml"),
        (["front"], "systemd/hardtack-front.service"),
        (["agent"], "systemd/hardtack-agent@.service"),
        (["target"], "systemd/hardtack.target"),
        (["sysusers"], "sysusers.d/hardtack.conf"),
        (["tmpfiles"], "tmpfiles.d/hardtack.conf"),
    ]:
        assert hardtack("example", *words).stdout == (etc / file).read_text()
