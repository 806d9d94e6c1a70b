"""Lists of sources: what a configuration says, what trees are to hold, and what a reload changes of them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from naive.networks import walked

from hardtack.cli.said import answers
from hardtack.control.changes import changes
from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import Loaded, loaded
from hardtack.control.networks.trees import TableFull, Trees
from hardtack.control.plan import Facts, Plan, planned, replanned
from hardtack.control.sources import EVERYBODY, Roots, Sources, planted
from hardtack.kernel.tcp import Speech
from hardtack.packet.layout import ALLOW, DENY, FEWEST_NETWORK_WORDS, Host

HOSTS = [
    f'[[host]]\nname = "{name}"\naddresses = ["192.0.2.{number}"]\nhandshake = "agent"\nvia = "kernel"\n'
    for number, name in enumerate(("one", "two"), 1)
]
MANY = 1_000_000
OTHERS = "all other hosts: on no list"


def configured(folder: Path, front: str = "", one: str = "", two: str = "") -> Loaded:
    """Two hosts, and what is said of them and of all."""
    text = f'[front]\ninterface = "eth0"\nkey_file = "key"\n{front}\n{HOSTS[0]}{one}\n{HOSTS[1]}{two}\n'
    return loaded(folder / "x.toml", text)


def plan_of(found: Loaded, now: Plan | None = None) -> Plan:
    """Of a start, or of a reload."""
    masters = dict.fromkeys(found.config.key_files, bytes(32))
    if now:
        return replanned(found.config, masters, now, found.lists)
    return planned(found.config, Facts(Speech()), masters, lists=found.lists)


class Table:
    """Trees and host records in plain memory, and what they say of a source: as the program looks up."""

    def __init__(self, sources: Sources, hosts: Sequence[int], words: int = FEWEST_NETWORK_WORDS) -> None:
        self.words, self.records = np.zeros(words, np.uint64), np.zeros(4, Host)
        self.trees = Trees(self.words, lambda: None)
        self.roots = Roots(self.trees, planted(self.trees, sources), memoryview(self.records).cast("B"))  # type: ignore[arg-type]
        self.roots.write(hosts)

    def says(self, host: int, source: str) -> int:
        """ALLOW, DENY or 0."""
        address, word, found = ip_address(source), int(self.records["sources"][host]), 0
        while word and not found:
            found = walked(self.words, word & 0xFFFFFFFF, (address.version, int(address)))
            word >>= 32
        return found


def test_files_and_prefixes_of_a_host_and_of_all(tmp_path: Path) -> None:
    (tmp_path / "denied.txt").write_text("203.0.113.0/24 # scanners\n2001:db8:bad::/48\n")
    (tmp_path / "10").write_text("198.51.100.0/24\n")
    front = 'deny = ["denied.txt", "192.88.99.0/24"]\nallow = ["203.0.113.9", "192.88.99.0/24"]'
    plan = plan_of(configured(tmp_path, front, 'deny = ["./10", "203.0.113.9"]'))
    numbers = plan.seats.numbers
    table = Table(plan.sources, [*numbers.values()])
    one, two = numbers["one"], numbers["two"]
    assert [table.says(one, source) for source in ("203.0.113.1", "203.0.113.9", "198.51.100.7")] == [DENY] * 3
    assert [table.says(two, source) for source in ("203.0.113.1", "203.0.113.9", "198.51.100.7")] == [DENY, ALLOW, 0]
    assert [table.says(host, "192.88.99.1") for host in (one, two)] == [ALLOW] * 2, "of equal prefixes, allow"
    assert [table.says(two, source) for source in ("2001:db8:bad::1", "2001:db8:bae::1")] == [DENY, 0]


def test_nobody_pays_for_what_he_has_not(tmp_path: Path) -> None:
    plan = plan_of(configured(tmp_path, two='deny = ["0.0.0.0/0", "::/0"]\nallow = []'))
    numbers = plan.seats.numbers
    table = Table(plan.sources, [*numbers.values()])
    words = table.records["sources"]
    assert words[numbers["one"]] == 0 and 0 < words[numbers["two"]] < 1 << 32
    assert table.says(numbers["two"], "8.8.8.8") == table.says(numbers["two"], "2001:db8::1") == DENY
    assert plan_of(configured(tmp_path)).sources == {}


def test_a_reload_writes_what_differs_and_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "denied.txt"
    file.write_text("203.0.113.0/24\n198.51.100.0/24\n")
    now = plan_of(configured(tmp_path, 'deny = ["denied.txt"]', 'deny = ["192.0.2.0/24"]'))
    numbers = now.seats.numbers
    table = Table(now.sources, [*numbers.values()])
    before = table.records["sources"].copy()
    file.write_text("203.0.113.0/25\n198.51.100.0/24\n")
    then = plan_of(configured(tmp_path, 'deny = ["denied.txt"]', 'deny = ["192.0.2.0/24"]'), now)
    assert [str(change) for change in changes(now, then)] == [f"list {file} changed: +1 -1 prefixes"]
    table.roots.publish(then.sources, numbers.values())
    assert [table.says(1, f"203.0.113.{last}") for last in (0, 127, 128)] == [DENY, DENY, 0]
    assert (table.records["sources"] == before).all(), "trees stay where they are"
    bare = plan_of(configured(tmp_path), then)
    table.roots.publish(bare.sources, numbers.values())
    assert not table.records["sources"].any()
    assert table.trees.memory.used - table.trees.memory.waiting == Table({}, [1, 2]).trees.memory.used, "nothing is left"


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("".join(f"11.{n >> 8}.{n & 255}.7\n" for n in range(1 << 16)))
    now = plan_of(configured(tmp_path, 'deny = ["192.88.99.0/24"]', 'deny = ["203.0.113.0/24"]'))
    numbers = now.seats.numbers.values()
    table = Table(now.sources, numbers, words=1 << 13)  # type: ignore[arg-type]
    before = table.records["sources"].copy()
    with pytest.raises(TableFull, match="restart"):
        table.roots.publish(plan_of(configured(tmp_path, 'deny = ["many.txt"]'), now).sources, numbers)
    assert (table.records["sources"] == before).all()
    assert [table.says(1, source) for source in ("192.88.99.1", "203.0.113.1", "11.0.0.7")] == [DENY, DENY, 0]


def test_a_million_lines_two_of_which_change(tmp_path: Path) -> None:
    lines = [f"{11 + (n >> 18)}.{n >> 10 & 255}.{n >> 2 & 255}.{(n & 3) * 64 + 1}\n" for n in range(MANY)]
    (tmp_path / "denied.txt").write_text("".join(lines))
    now = plan_of(configured(tmp_path, 'deny = ["denied.txt"]'))
    draft = Trees.draft()
    planted(draft, now.sources)
    table = Table(now.sources, [1, 2], draft.wanted() >> 3)
    (tmp_path / "denied.txt").write_text("".join([*lines[2:], "198.51.100.0/24\n", "2001:db8:bad::/48\n"]))
    then = plan_of(configured(tmp_path, 'deny = ["denied.txt"]'), now)
    used = table.trees.memory.used
    table.roots.publish(then.sources, [1, 2])
    sources = ("11.0.0.1", "11.0.0.65", "11.0.0.129", "198.51.100.9", "2001:db8:bad::1", lines[-1].strip())
    assert [table.says(2, source) for source in sources] == [0, 0, DENY, DENY, DENY, DENY]
    assert table.trees.memory.used - used < used // 100, "it was not made anew"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("203.0.113.1", ["one: denied by 203.0.113.0/24, {}/denied.txt:2, in the host's own list", OTHERS]),
        ("203.0.113.9", ["all hosts: allowed by 203.0.113.9/32, {}/x.toml:4"]),
        ("198.51.100.7", ["all hosts: denied by 198.51.100.0/24, {}/x.toml:5"]),
        ("192.88.99.1", ["all hosts: allowed by 192.88.99.0/24, {}/x.toml:4"]),
        ("2001:db8:bad::1", ["one: denied by 2001:db8:bad::/48, {}/denied.txt:3, in the host's own list", OTHERS]),
        ("8.8.8.8", ["all hosts: on no list"]),
    ],
)
def test_what_lists_say_of_a_source_is_what_the_program_finds(tmp_path: Path, source: str, says: list[str]) -> None:
    (tmp_path / "denied.txt").write_text("# scanners\n203.0.113.0/24\n2001:db8:bad:0::/48 # more\n")
    front = 'allow = ["203.0.113.9", "192.88.99.0/24"]\ndeny = ["198.51.100.0/24", "192.88.99.0/24"]'
    found = configured(tmp_path, front, 'deny = ["denied.txt"]\nallow = ["192.0.2.0/24"]')
    if source == "203.0.113.9":
        found = configured(tmp_path, front)
    assert [*answers(ip_address(source), found)] == [f"{source} to {one.format(tmp_path)}" for one in says]
    plan = plan_of(found)
    table = Table(plan.sources, [*plan.seats.numbers.values()])
    told = dict(zip(("denied", "allowed"), (DENY, ALLOW), strict=True))
    for name in ("one", "two"):
        line = next((one for one in says if one.startswith(f"{name}:")), says[-1])
        assert table.says(plan.seats.numbers[name], source) == told.get(line.split(": ")[1].split()[0], 0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x7fELF\x02\x01\x01\0\n\xff\xfe", "denied.txt:1: found"),
        (None, "denied.txt: cannot read it: No such file or directory; it must be a file that this user can read"),
    ],
)
def test_a_list_that_cannot_be_used_is_watched_all_the_same(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content:
        (tmp_path / "denied.txt").write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        configured(tmp_path, 'deny = ["denied.txt"]')
    assert str(refused.value).startswith(f"{tmp_path}/{says}")
    assert tmp_path / "denied.txt" in refused.value.origin.files


def test_more_than_fit_are_refused_when_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardtack.control.configuration.source_lists.MOST_PREFIXES", 3)
    (tmp_path / "denied.txt").write_text("203.0.113.0/24\n198.51.100.0/24\n")
    match = "found 4 prefixes in `allow` and `deny`; the limit is 3; move prefixes that many hosts"
    with pytest.raises(ConfigError, match=match):
        configured(tmp_path, one='deny = ["denied.txt"]', two='deny = ["denied.txt"]')
    assert {*plan_of(configured(tmp_path, 'deny = ["denied.txt"]')).sources} == {EVERYBODY}
