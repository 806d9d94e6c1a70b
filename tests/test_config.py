"""The configuration: what it means, and that every mistake is told with its line, what was found and what to write."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardtack.control.configuration.advice import advice, known
from hardtack.control.configuration.consistency import SPLIT
from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import load, read
from hardtack.control.configuration.schema import TABLES, Config, Front, Host
from hardtack.kernel.tcp import Speech

EXAMPLE = Path(__file__).parents[1] / "etc" / "hardtack.toml"

FRONT = """\
[front]
interface = "eth0"
key_file = "key"
"""
HOST = """\
[[host]]
name = "web"
addresses = ["192.0.2.10"]
ports = [80]
handshake = "agent"
via = "kernel"
"""
MAC = HOST.replace('"kernel"', '"mac"') + 'mac = "52:54:00:12:34:56"\n'


def problems(text: str) -> list[str]:
    """What is wrong with `text`, without the file's name."""
    with pytest.raises(ConfigError) as refused:
        read(text, Path("x.toml"))
    assert str(refused.value).splitlines() == [str(problem) for problem in refused.value.problems]
    return [line.removeprefix("x.toml:").strip() for line in str(refused.value).splitlines()]


UNDER_ATTACK = ("challenge", "under-attack", "pass")
RULES = ("drop udp and src port 53 and dst port 53",)


def test_the_example_is_what_it_says() -> None:
    config = load(EXAMPLE)
    web, mail, shop = config.hosts
    said = {"allow": (ip_network("198.18.7.0/24"),), "deny": (ip_network("198.18.0.0/15"),), "rules": RULES}
    assert config.front == Front(interface="eth0", key_file=Path("/etc/hardtack/key"), inside=("eth1",), **said)
    assert web.addresses == (ip_address("192.0.2.10"), ip_address("2001:db8::10"))
    assert (str(web.ports), web.handshake, web.via, web.mss, web.default) == ("80, 443", "agent", "kernel", None, "pass")
    assert (mail.name, mail.ports, mail.mss, mail.via, mail.vlan) == ("mail", None, 1380, "direct", 100)
    assert (len(web.rules), web.dry_run, mail.protect) == (4, False, "tcp and dst port 25")
    assert (shop.via, shop.mac, shop.out, shop.replies_per_second) == ("mac", "52:54:00:12:34:56", "eth2", 100_000)
    assert (shop.handshake, shop.protect_when, shop.on_failure, shop.syns_per_second) == (*UNDER_ATTACK, 20_000)
    assert (web.frames_per_connection, shop.frames_per_connection) == (5_000, 50_000)
    assert config.key_files == (Path("/etc/hardtack/key"), Path("/etc/hardtack/shop.key"))


def test_what_is_left_out() -> None:
    config = read(FRONT + HOST, Path("x.toml"))
    (host,) = config.hosts
    front = config.front
    assert (front.inside, front.connections, front.grace, front.replies_per_second) == ((), 1_000_000, 30, 20_000_000)
    assert (host.mac, host.out, host.vlan, host.key_file, host.default) == (None, None, None, None, "pass")
    assert (front.replies_per_prefix, front.connections_per_prefix) == (1_000, 2_000)
    assert (host.replies_per_second, host.frames_per_connection) == (5_000_000, 5_000)
    assert (front.sources, front.source_lifetime, front.syns_per_source, front.check_hosts) == (1_000_000, 600, 100, True)
    assert (host.protect_when, host.on_failure, host.syns_per_second) == ("always", None, None)


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()
    for table in TABLES:
        assert all(key in text for key in known(table))


def followed(told: str, text: str) -> str:
    """`text` with what the advice says to write in the place of its key."""
    line = told.split(" (")[0].split(", from")[0].split(", each")[0].split(", a ")[0].split(", the")[0]
    line = line.split(", or ")[0].split(" or ")[0]
    kept = [old for old in text.splitlines() if not old.startswith(line.split(" ")[0] + " ")]
    return "\n".join([*kept, line, ""])


@pytest.mark.parametrize("key", known("front"))
def test_advice_for_the_front_can_be_followed(key: str) -> None:
    front = FRONT + 'engine = "af_xdp"\n' if key in ("cpus", "when_down") else FRONT
    read(followed(advice("front", key), front) + HOST, Path("x.toml"))


@pytest.mark.parametrize("key", known("host"))
def test_advice_for_a_host_can_be_followed(key: str) -> None:
    """By a host whose other keys go with it."""
    host = MAC if key in ("mac", "out") else HOST.replace('"kernel"', '"direct"') if key == "vlan" else HOST
    if key == "protect":
        host = "".join(line for line in host.splitlines(True) if not line.startswith("ports"))
    if key == "exclude":
        host = HOST.replace("192.0.2.10", "203.0.113.0/24")
    if key.startswith("attack_"):
        host += 'protect_when = "under-attack"\n'
    read(FRONT + followed(advice("host", key), host), Path("x.toml"))


def test_a_relative_key_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "hardtack.toml"
    path.write_text(FRONT + HOST)
    assert load(path).front.key_file == tmp_path / "key"


def test_mss_by_family() -> None:
    host = read(FRONT + HOST, Path("x.toml")).hosts[0]
    assert (host.mss_for(4), host.mss_for(6)) == (1460, 1440)
    host = read(FRONT + HOST + "mss = 8940\n", Path("x.toml")).hosts[0]
    assert (host.mss_for(4), host.mss_for(6)) == (8940, 8940)


def test_what_clients_are_promised() -> None:
    """By default what Linux takes; for this machine, what it takes itself."""
    here = Speech(("timestamps", "ecn"), 12)
    for text, elsewhere, local in [
        ("", Speech(), here),
        ("options = []\n", Speech(()), Speech((), 12)),
        ('options = ["ecn", "sack"]\n', Speech(("ecn", "sack")), Speech(("ecn", "sack"), 12)),
        ("window_scale = 0\n", Speech(scale=0), Speech(here.options, 0)),
    ]:
        host = read(FRONT + HOST + text, Path("x.toml")).hosts[0]
        assert host.promises(here) == elsewhere
        config = read(FRONT + HOST.replace("kernel", "local") + text, Path("x.toml"))
        assert config.hosts[0].promises(here) == local
        together = config.promised_here(here)
        assert (set(together.options), together.scale) == (set(local.options), local.scale)


@pytest.mark.parametrize(
    ("written", "seconds"), [("0s", 0), ("1s", 1), ("90s", 90), ("600s", 600), ("2m", 120), ("10m", 600), ("1.5m", 90)]
)
def test_durations(written: str, seconds: int) -> None:
    assert read(FRONT + f'grace = "{written}"\n' + HOST, Path("x.toml")).front.grace == seconds


def test_a_mac_address_is_kept_in_small_letters() -> None:
    assert read(FRONT + MAC.replace("52:54", "AE:Bc"), Path("x.toml")).hosts[0].mac == "ae:bc:00:12:34:56"


def test_the_agents_key_comes_first_and_each_key_once() -> None:
    def host(name: str, via: str, key: str) -> str:
        text = HOST.replace("web", name).replace("192.0.2.10", f"192.0.2.{ord(name)}").replace("kernel", via)
        return text + (f'key_file = "{key}"\n' if key else "")

    several = host("a", "kernel", "") + host("b", "direct", "/b") + host("c", "local", "/c") + host("d", "kernel", "/b")
    config = read(FRONT + several, Path("/etc/x.toml"))
    assert config.key_files == (Path("/c"), Path("/etc/key"), Path("/b"))
    assert [config.key_files_for(host).new for host in config.hosts] == [Path(one) for one in ("/etc/key", "/b", "/c", "/b")]
    assert read(FRONT + host("b", "direct", "/b"), Path("/etc/x.toml")).key_files == (Path("/b"),)


def test_only_a_local_host_with_an_agent_has_one_here() -> None:
    def host(name: str, via: str, more: str) -> str:
        text = HOST.replace("web", name).replace("192.0.2.10", f"192.0.2.{ord(name)}").replace("kernel", via)
        return text.replace('handshake = "agent"\n', "") + more

    def read_hosts(*hosts: str) -> Config:
        return read(FRONT + "".join(hosts), Path("/etc/x.toml"))

    here = host("a", "local", 'handshake = "challenge"\nkey_file = "/a"\nwindow_scale = 3\noptions = ["ecn"]\n')
    passing, elsewhere = host("b", "local", 'handshake = "pass"\n'), host("c", "kernel", 'handshake = "agent"\n')
    none = read_hosts(here, passing, elsewhere)
    assert (none.has_agent, none.key_files, none.leaving) == (False, (Path("/a"), Path("/etc/key")), True)
    one = read_hosts(here, passing, elsewhere, host("d", "local", 'handshake = "agent"\n'))
    assert (one.has_agent, one.key_files) == (True, (Path("/etc/key"), Path("/a")))
    assert one.promised_here(Speech(("sack",), 12)) == Speech(("sack",), 12)


def test_the_fronts_old_key_goes_with_its_key() -> None:
    """Not with a host's own; a host may have an old key of its own."""
    written = ["", 'key_file = "b"\n', 'key_file = "b"\nold_key_file = "c"\n', 'old_key_file = "c"\n']
    hosts = "".join(
        HOST.replace("web", f"h{number}").replace(".10", f".{number}") + text for number, text in enumerate(written, 1)
    )
    config = read(FRONT + 'old_key_file = "old"\n' + hosts, Path("x.toml"))
    files = [(pair.new.name, pair.old.name if pair.old else None) for pair in map(config.key_files_for, config.hosts)]
    assert files == [("key", "old"), ("b", None), ("b", "c"), ("key", "c")]
    assert len(config.key_pairs) == 4 and [file.name for file in config.key_files] == ["key", "old", "b", "c"]


def test_made_in_python() -> None:
    """As tests and the lab do: no file, no TOML."""
    config = Config(
        front=Front(interface="v0", key_file=Path("/k")),
        host=(Host(name="a", addresses=(ip_address("10.0.0.1"),), ports=None, handshake="agent", via="local"),),
    )
    assert config.hosts[0].addresses == (ip_address("10.0.0.1"),)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ('"192.0.2.256"', "is not an IP address"),
        ('"www.example.org"', "is not an IP address"),
        ('"192.0.2.0/33"', "is not a network such as 203.0.113.0/24"),
        ('"192.0.2.0/255.255.255.0"', "is not a network such as 203.0.113.0/24"),
        ('"192.0.2.1/24"', "has host bits set: the network is 192.0.2.0/24"),
        ('"2001:db8::1/48"', "has host bits set: the network is 2001:db8::/48"),
        ('"0.0.0.0/0"', "contains the unspecified address"),
        ('"126.0.0.0/7"', "contains a loopback address"),
        ('"::/0"', "contains IPv4-mapped IPv6 addresses"),
        ('"fe00::/7"', "contains a link-local address"),
        ("3221225994", "is not in quotes"),
        ('"224.0.0.1"', "is a multicast address"),
        ('"ff02::1"', "is a multicast address"),
        ('"0.0.0.0"', "is the unspecified address"),
        ('"::"', "is the unspecified address"),
        ('"127.0.0.1"', "is a loopback address"),
        ('"::1"', "is a loopback address"),
        ('"255.255.255.255"', "is the broadcast address"),
        ('"::ffff:192.0.2.1"', "is an IPv4-mapped IPv6 address"),
        ('"fe80::1%eth0"', "has a zone index"),
    ],
)
def test_addresses_that_no_host_has(address: str, why: str) -> None:
    (told,) = problems(FRONT + HOST.replace('"192.0.2.10"', address))
    assert told.startswith(f'6: [[host]] "web" addresses: found {address}, which {why}; write addresses = [')


def test_networks() -> None:
    """The same prefix twice is a mistake; one in another is not. What is excluded is in a network of that very host."""
    several = '"192.0.2.0/24", "2001:db8::/48", "198.51.100.1/32"'
    own = HOST.replace("web", "own").replace("192.0.2.10", "192.0.2.128/25")
    excluded = 'exclude = ["192.0.2.7", "2001:db8:0:1::/64"]\n'
    config = read(FRONT + HOST.replace('"192.0.2.10"', several) + excluded + own, Path("x.toml"))
    web, inside = config.hosts
    assert [*map(str, web.addresses)] == ["192.0.2.0/24", "2001:db8::/48", "198.51.100.1/32"]
    assert [*map(str, web.exclude)] == ["192.0.2.7", "2001:db8:0:1::/64"]
    assert [*map(str, inside.addresses)] == ["192.0.2.128/25"]


@pytest.mark.parametrize(
    ("exclude", "why"),
    [
        ('"198.51.100.7"', 'found "198.51.100.7", which is in none of the networks of `addresses`; leave it out'),
        ('"192.0.2.0/23"', 'found "192.0.2.0/23", which is in none of the networks of `addresses`; leave it out'),
        ('"192.0.2.0/24"', 'found "192.0.2.0/24", which line 6 already has; write it once'),
    ],
)
def test_what_cannot_be_excluded(exclude: str, why: str) -> None:
    told = problems(FRONT + HOST.replace("192.0.2.10", "192.0.2.0/24") + f"exclude = [{exclude}]\n")
    assert any(one.endswith(f'[[host]] "web" exclude: {why}') for one in told), told


def test_more_is_excluded_than_a_start_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardtack.control.configuration.consistency.MOST_EXCLUDED", 1)
    (told,) = problems(FRONT + HOST.replace("192.0.2.10", "192.0.2.0/24") + 'exclude = ["192.0.2.1",\n"192.0.2.2"]\n')
    assert "exclude: found number 2 of all excluded addresses and networks; the limit is 1: split" in told


def test_all_mistakes_at_once_by_line() -> None:
    told = problems(FRONT.replace("key", "kee") + HOST.replace("80", "0").replace("kernel", "x") + HOST)
    assert [int(line.split(":")[0]) for line in told] == [1, 3, 7, 9, 11, 12]


def test_a_long_value_does_not_fill_the_screen() -> None:
    (told,) = problems(FRONT + HOST.replace('"kernel"', f'"{"x" * 1000}"'))
    assert len(told) < 300


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (
            lambda path: None,
            "cannot read it: No such file or directory; it must be a file that this user can read",
        ),
        (lambda path: path.mkdir(), "cannot read it: Is a directory"),
    ],
)
def test_no_file(tmp_path: Path, prepare: Any, told: str) -> None:
    prepare(tmp_path / "x.toml")
    with pytest.raises(ConfigError, match=f"^{tmp_path}/x.toml: {told}"):
        load(tmp_path / "x.toml")


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"# fine\n\xff\xfe")
    with pytest.raises(ConfigError, match=f"^{tmp_path}/x.toml:2: found byte 0xff; write UTF-8 text$"):
        load(tmp_path / "x.toml")


WORDS = st.sampled_from(
    [
        "[front]",
        "[host]",
        "[[host]]",
        "name",
        "ports",
        "addresses",
        "via",
        "=",
        '"web"',
        "[",
        "]",
        "80",
        ",",
        "{",
        "}",
        "\n",
        '"""',
        "#",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=30).map(" ".join)))
def test_any_text_is_read_or_told(text: str) -> None:
    try:
        read(text, Path("x.toml"))
    except ConfigError as error:
        assert error.problems
        assert all(str(problem).startswith("x.toml:") for problem in error.problems)


SIMPLE = st.one_of(
    st.integers(-1, 70000),
    st.booleans(),
    st.sampled_from(["", "web", "agent", "kernel", "local", "mac", "192.0.2.1", "::1", "30s", "none"]),
)
VALUES = st.one_of(SIMPLE, st.lists(SIMPLE, max_size=3))
KEYS = st.sampled_from([key for table in TABLES for key in known(table)] + ["other"])


@given(
    front=st.dictionaries(KEYS, VALUES, max_size=4),
    hosts=st.lists(st.dictionaries(KEYS, VALUES, max_size=9), max_size=3),
)
def test_any_document_is_read_or_told(front: dict[str, Any], hosts: list[dict[str, Any]]) -> None:
    text = "\n".join(["[front]", *written(front), *(line for host in hosts for line in ["[[host]]", *written(host)])])
    try:
        read(text, Path("x.toml"))
    except ConfigError as error:
        count = len(text.split("\n"))
        assert error.problems
        assert all(problem.spot.line is None or problem.spot.line <= count for problem in error.problems)


def written(table: dict[str, Any]) -> list[str]:
    """A table's keys in TOML."""
    return [f"{key} = {toml(value)}" for key, value in table.items()]


def toml(value: Any) -> str:
    """A value in TOML, as far as it is needed here."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize(("uplinks", "most"), [('"eth0"', 15), ('["a", "b"]', 13)])
def test_ways_out_have_the_room_that_uplinks_leave(uplinks: str, most: int) -> None:
    hosts = [MAC.replace("web", f"h{n}").replace(".10", f".{n + 10}") + f'out = "e{n}"\n' for n in range(most + 1)]
    front = FRONT.replace('"eth0"', uplinks)
    assert len(read(front + "".join(hosts[:-1]), Path("x.toml")).hosts) == most
    (told,) = problems(front + "".join(hosts))
    assert told.endswith(f'found "e{most}", interface number {most + 1}; the limit is {most}: {SPLIT}')
