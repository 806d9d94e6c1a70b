"""Files that nobody writes on purpose: none is waited for, none ends in a traceback; file and line are told, in short."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_config import FRONT, HOST

from hardtack.control.configuration import files
from hardtack.control.configuration.ports import LAST, Ports, read_ports
from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import load, loaded

GOOD = FRONT + HOST
MANY = "\n".join(f'    "10.0.{number >> 8}.{number & 255}",  # ] "{number}' for number in range(1, 1000))
NETS = ", ".join(f'"10.{number >> 8}.{number & 255}.0/24"' for number in range(20_000))
HOSTS = ", ".join(f'"11.{number >> 8}.{number & 255}.1"' for number in range(20_000))
EXCLUDE = f"""{GOOD.replace('"192.0.2.10"', NETS)}exclude = [{HOSTS}]\n"""

# What is in the file; what is said, behind its name
TEXTS: list[tuple[str, bytes, str]] = [
    ("BOM", b"\xef\xbb\xbf" + GOOD.encode(), "1: found a byte order mark (U+FEFF); save the file as UTF-8 without it"),
    ("BOM-within", GOOD.encode() + b"\xef\xbb\xbf", "10: found a byte order mark"),
    ("UTF-16", GOOD.encode("utf-16"), "1: found UTF-16; save the file as UTF-8"),
    ("latin-1", b"# fine\n# \xe9\n", "2: found byte 0xe9; write UTF-8 text"),
    ("CR", GOOD.replace("\n", "\r").encode(), "1: found a CR without LF; save the file with lines that end with LF"),
    ("a-CR", GOOD.encode() + b"# a\rb\n", "10: found a CR without LF"),
    ("NUL", GOOD.encode() + b"\0", "10: found the control character U+0000; remove it, or write \\u0000 in its place"),
    ("escape", GOOD.encode() + b'x = "\x1b[2J"', "10: found the control character U+001B; remove it"),
    ("digits", f"{FRONT}connections = {'1' * 5000}\n".encode(), f"4: found {'1' * 60}..., 5,000 characters"),
    ("hexadecimal", f"{FRONT}connections = 0x{'f' * 5000}\n".encode(), f"4: found 0x{'f' * 58}..., 5,002 characters"),
    ("brackets", f"\na = {'[' * 3000}{']' * 3000}".encode(), "2: found more than 16 nested brackets;"),
    ("open-brackets", f"\na = {'[' * 3000}".encode(), "2: found more than 16 nested brackets;"),
    ("braces", f"\na = {'{a=' * 3000}1{'}' * 3000}".encode(), "2: found more than 16 nested brackets;"),
    ("dotted-key", f"\n{'.'.join(['a'] * 3000)} = 1".encode(), "2: found more than 16 parts of a key;"),
    ("dotted-quoted", "\n{} = 1".format(" . ".join(['"a"'] * 3000)).encode(), "2: found more than 16 parts of a key;"),
    ("dotted-header", f"\n[{'.'.join(['a'] * 3000)}]".encode(), "2: found more than 16 parts of a key;"),
    ("long-value", f'{FRONT}grace = "{"x" * 1_000_000}"\n{HOST}'.encode(), f'4: [front] grace: found "{"x" * 60}"..., '),
    ("long-key", f"{FRONT}{'x' * 1_000_000} = 1\n{HOST}".encode(), f"4: found {'x' * 60}..., 1,000,000 characters"),
    ("long-quoted-key", f'{FRONT}"{"x" * 1_000_000}" = 1\n{HOST}'.encode(), f"4: [front] {'x' * 64}...: unknown key;"),
    ("quotes", (FRONT + 'x = ' + '"' * 100_001).encode(), "4: not TOML: "),
    ("backslashes", (FRONT + 'x = "' + '\\"' * 500_000).encode(), "4: not TOML: an unclosed string: found "),
    ("unclosed", (FRONT + 'x = """' + "a\n" * 100_000).encode(), '4: not TOML: an unclosed string: found """a;'),
    ("wrong-ports", GOOD.replace("80", "0," * 100_000).encode(), '7: [[host]] "web" ports: found 0, which is not'),
    ("hosts", (FRONT + "[[host]]\n" * 20_000).encode(), "4: [[host]] 1 name: missing;"),
    ("keys", (GOOD + "".join(f"k{number} = 1\n" for number in range(20_000))).encode(), '10: [[host]] "web" k0: unknown'),
    ("long-action", f'{GOOD}rules = ["{"x" * 1_000_000}"]\n'.encode(), f'10: [[host]] "web" rules: found "{"x" * 60}"..., '),
    ("long-rate", f'{GOOD}rules = ["limit {"1" * 1_000_000}/s udp"]\n'.encode(), '10: [[host]] "web" rules: found "limit 1'),
    ("exclude", EXCLUDE.encode(), '10: [[host]] "web" exclude: found'),
    ("comments", GOOD.replace('"192.0.2.10"', f'\n{MANY}\n"x"').encode(), '1006: [[host]] "web" addresses: found "x"'),
    ("too-large", b"#" * (files.MOST_BYTES + 1), " with it the configuration has more than 16,000,000 bytes"),
]


@pytest.mark.parametrize(("data", "told"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_texts(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        load(path)
    first, *others = str(refused.value).split("\n")
    assert first.startswith(f"{path}:{told}")
    assert len(others) <= 1000 and all(len(line) < 700 and line.isprintable() for line in [first, *others])


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.symlink_to("/dev/zero"), "found a device; write a regular file"),
        (lambda path: path.symlink_to("/dev/null"), "found a device; write a regular file"),
        (os.mkfifo, "found a FIFO; write a regular file"),
        (lambda path: path.mkdir(), "cannot read it: Is a directory; it must be"),
        (lambda path: path.symlink_to(path.name), "cannot read it: Too many levels of symbolic links; it must be"),
        (listen, "cannot read it: No such device or address; it must be"),
        (lambda path: None, "cannot read it: No such file or directory; it must be"),
    ],
    ids=["zero", "null", "fifo", "folder", "loop", "socket", "nothing"],
)
def test_no_regular_files(make: Callable[[Path], None], told: str, tmp_path: Path) -> None:
    make(tmp_path / "x.toml")
    before = open_here()
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "x.toml")
    assert str(refused.value).startswith(f"{tmp_path}/x.toml: {told}")
    assert open_here() == before, "nothing of it stays open"


def open_here() -> int:
    """How many descriptors this process has."""
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_name_that_a_terminal_would_obey(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "\x1b[2J\u202e\udcff.toml")
    assert str(refused.value).startswith(f"{tmp_path}/\\x1b[2J\\u202e\\udcff.toml: cannot read it")


def test_all_the_ports_one_by_one() -> None:
    text = GOOD.replace("80", ", ".join(map(str, range(1, 65535))))
    assert loaded(Path("x.toml"), text).config.hosts[0].ports == Ports(((1, 65534),))


@given(st.sets(st.integers(1, LAST), min_size=1, max_size=50), st.booleans())
def test_ports_are_read_back(wanted: set[int], all_but: bool) -> None:
    ports = read_ports(sorted(wanted, reverse=True))
    assert ({*ports}, len(ports)) == (wanted, len(wanted))
    assert {*ports.others} == {*range(LAST + 1)} - wanted
    some = ports.others if all_but else ports
    assert read_ports(some.written()) == some
    assert all((port in some) == (port in {*some}) for port in (0, 1, 80, LAST))


def test_where_it_came_from(tmp_path: Path) -> None:
    """Also of one that is broken: somebody waits for it to be mended."""
    (tmp_path / "hosts.d").mkdir()
    (tmp_path / "hosts.d" / ".b.toml").write_text("no")
    (tmp_path / "hosts.d" / "a.toml").write_text(HOST + 'key_file = "key"\n')
    main = tmp_path / "x.toml"
    main.write_text('include = ["hosts.d/*.toml", "hosts.d/a.toml"]\n' + FRONT)
    found = loaded(main)
    assert found.origin.files == (main, tmp_path / "hosts.d" / "a.toml")
    assert found.origin.folders == (tmp_path / "hosts.d",)
    assert found.config.key_files_for(found.config.hosts[0]).new == tmp_path / "hosts.d" / "key"
    assert str(found.document.spot(("host", 0, "ports", 0))) == f"{tmp_path}/hosts.d/a.toml:4"
    (tmp_path / "hosts.d" / "a.toml").write_text("[")
    with pytest.raises(ConfigError) as refused:
        load(main)
    assert refused.value.origin == found.origin
    main.write_text('include = ["gone.toml"]\n' + FRONT)
    with pytest.raises(ConfigError) as refused:
        load(main)
    assert refused.value.origin.files == (main, tmp_path / "gone.toml")


def test_one_key_under_several_spellings(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("")
    (tmp_path / "link").symlink_to("key")
    names = ["key", "./key", f"../{tmp_path.name}/key", "link", str(tmp_path / "key")]
    hosts = [
        HOST.replace("web", f"h{number}").replace(".10", f".{number}").replace("kernel", "local") + f'key_file = "{name}"\n'
        for number, name in enumerate(names, 1)
    ]
    config = loaded(tmp_path / "x.toml", FRONT + "".join(hosts)).config
    assert config.key_files == (tmp_path / "key",)
    assert {config.key_files_for(host).new for host in config.hosts} == {tmp_path / "key"}
