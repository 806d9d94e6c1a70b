"""What is kept from one reading of a configuration to the next changes nothing of what is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hardtack.control.configuration.parts import by_parts, joined
from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import Loaded, loaded
from hardtack.control.configuration.remembered import Remembered
from hardtack.control.configuration.toml import parse
from hardtack.control.helper.process import read_watched
from hardtack.control.helper.reading import Shared, with_keys
from hardtack.control.helper.watching import Watching
from hardtack.keys import make_key

FRONT = 'include = ["hosts.d/*.toml"]\n[front]\ninterface = "lo"\nkey_file = "key"\n'
HOST = '[[host]]\nname = "{0}"\naddresses = ["192.0.2.{0}"]\nhandshake = "agent"\nvia = "kernel"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some hosts in the main file, and some in files of their own."""
    make_key(tmp_path / "key")
    (tmp_path / "hosts.d").mkdir()
    (tmp_path / "x.toml").write_text(FRONT + HOST.format(1) + HOST.format(2))
    for number in (3, 4, 5):
        (tmp_path / "hosts.d" / f"{number}.toml").write_text(HOST.format(number))
    time.sleep(0.06)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (FRONT + HOST.format(1) + HOST.format(2), True),
        (HOST.format(1), True),
        ("[front]\n" + HOST.format(1) + '# [[host]]\n[[host]] # "\nx = """\n a"""\n', True),
        (HOST.format(1) + "[host.more]\na = 1\n" + HOST.format(2), True),
        (HOST.format(1) + HOST.format(1), False),
        ('[front]\nx = """\n[[host]]\n"""\n' + HOST.format(1), False),
        ("[front]\nx = '''\n[[host]]\ny = 1\n'''\n", False),
        ("host = []\n" + HOST.format(1), False),
        (HOST.format(1) + "[front]\nx = 1\n" + HOST.format(2), False),
        (HOST.format(1) + "x = [\n" + HOST.format(2), False),
        ("[front]\nx = 1\n", False),
        (HOST.format(1) + HOST.format(2) + 'x = "\n', False),
        (HOST.format(1) + 'name = "again"\n', False),
    ],
)
def test_a_text_is_the_same_in_parts_and_as_a_whole(text: str, cut: bool) -> None:
    found = by_parts(text, {})
    assert (found is not None) == cut
    if found:
        assert joined(found) == parse(text).document
        assert all(again is found[part] for part, again in (by_parts(text, found) or {}).items())


def same(found: Loaded, path: Path) -> bool:
    """Whether a reading from the beginning finds the same, and where it stands."""
    anew = loaded(path)
    places = [("host", number, "name") for number in range(len(anew.config.hosts))]
    spots = [[document.spot(place) for place in places] for document in (found.document, anew.document)]
    return found.config == anew.config and found.origin == anew.origin and spots[0] == spots[1]


def test_only_what_has_changed_is_another_object(folder: Path) -> None:
    path, memory, watching = folder / "x.toml", Remembered(), Watching()
    first = loaded(path, memory=memory)
    watched = {path}
    watching.look_after(watched)
    shared = Shared(first.config, {}), Shared(first.config, {})

    def again() -> list[bool]:
        watching.look_after(watched)
        found, reading = read_watched(path, watching, watched, memory)
        assert same(found, path)
        packed = shared[0].packed(reading)
        heard = shared[1].unpacked(packed)
        assert not isinstance(heard, str) and heard == reading
        before = {host.name: host for host in first.config.hosts}
        return [before.get(host.name) is host for host in heard.config.hosts]

    assert again() == [True] * 5
    (folder / "hosts.d" / "4.toml").write_text(HOST.format(4) + "mss = 1000\n")
    assert again() == again() == [True, True, True, False, True]
    path.write_text(path.read_text().replace("192.0.2.2", "192.0.2.22"))
    (folder / "hosts.d" / "3.toml").unlink()
    (folder / "hosts.d" / "35.toml").write_text(HOST.format(35) + HOST.format(36))
    assert again() == [True, False, False, False, False, True]
    (folder / "hosts.d" / "5.toml").write_text(HOST.format(1))
    with pytest.raises(ConfigError, match=r'5.toml:2: \[\[host\]\] "1" name: found "1", which .*x.toml:6 already has'):
        again()
    (folder / "hosts.d" / "5.toml").write_text(HOST.format(5) + "mss = 1\n")
    with pytest.raises(ConfigError, match=r'5.toml:6: \[\[host\]\] "5" mss: found 1; write'):
        again()
    (folder / "hosts.d" / "5.toml").write_text(HOST.format(5))
    assert again()[0]


def test_a_list_is_not_read_again_unless_it_has_changed(folder: Path) -> None:
    path, memory, watching = folder / "x.toml", Remembered(), Watching()
    (folder / "list").write_text("203.0.113.0/24\n")
    path.write_text(path.read_text().replace('"key"\n', '"key"\ndeny = ["list"]\n'))
    time.sleep(0.06)
    first = loaded(path, memory=memory)
    watched = {path, folder / "list"}
    watching.look_after(watched)
    assert read_watched(path, watching, watched, memory)[0].lists[folder / "list"] is first.lists[folder / "list"]
    shared = Shared(first.config, first.lists), Shared(first.config, first.lists)
    assert len(shared[0].packed(with_keys(first))) < 5000
    (folder / "list").write_text("203.0.114.0/24\n")
    watching.look_after(watched)
    found, reading = read_watched(path, watching, watched, memory)
    assert str(found.lists[folder / "list"].ipv4.high[0] >> 40) == str(0xCB0072)
    heard = shared[1].unpacked(shared[0].packed(reading))
    assert not isinstance(heard, str) and len(heard.lists[folder / "list"]) == 1


def test_what_changes_twice_within_a_tick_is_seen(folder: Path) -> None:
    """In place, to the same size: its times may be the same."""
    file = folder / "hosts.d" / "3.toml"
    file.write_text("a")
    watching = Watching()
    watching.look_after([file])
    assert not watching.changed()
    file.write_text("b")
    assert watching.changed() and watching.news() == [file]
    watching.accept()
    assert not watching.changed()
    time.sleep(0.06)
    assert not watching.changed()
    watching.accept()
    assert not watching.changed() and len(watching.known[file]) == 7
