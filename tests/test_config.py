"""The configuration: what it means, and that every mistake is told with its line, what was found and what to write."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardtack.control.configuration.advice import advice, known
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


def test_the_example_is_what_it_says() -> None:
    config = load(EXAMPLE)
    web, mail, shop = config.hosts
    assert config.front == Front(interface="eth0", key_file=Path("/etc/hardtack/key"), inside=("eth1",))
    assert web.addresses == (ip_address("192.0.2.10"), ip_address("2001:db8::10"))
    assert (web.ports, web.handshake, web.via, web.mss, web.default) == ((80, 443), "agent", "kernel", None, "pass")
    assert (mail.name, mail.ports, mail.mss, mail.via, mail.vlan) == ("mail", None, 1380, "direct", 100)
    assert (shop.via, shop.mac, shop.out, shop.replies_per_second) == ("mac", "52:54:00:12:34:56", "eth2", 100_000)
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


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()
    for table in TABLES:
        assert all(key in text for key in known(table))


def followed(told: str, text: str) -> str:
    """`text` with what the advice says to write in the place of its key."""
    line = told.split(" (")[0].split(", from")[0].split(", each")[0].split(", a ")[0].split(", the")[0]
    line = line.split(", or leave")[0].split(" or ")[0]
    kept = [old for old in text.splitlines() if not old.startswith(line.split(" ")[0] + " ")]
    return "\n".join([*kept, line, ""])


@pytest.mark.parametrize("key", known("front"))
def test_advice_for_the_front_can_be_followed(key: str) -> None:
    read(followed(advice("front", key), FRONT) + HOST, Path("x.toml"))


@pytest.mark.parametrize("key", known("host"))
def test_advice_for_a_host_can_be_followed(key: str) -> None:
    """By a host whose `via` goes with it."""
    host = MAC if key in ("mac", "out") else HOST.replace('"kernel"', '"direct"') if key == "vlan" else HOST
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
    assert [*map(config.key_file_for, config.hosts)] == [Path("/etc/key"), Path("/b"), Path("/c"), Path("/b")]
    assert read(FRONT + host("b", "direct", "/b"), Path("/etc/x.toml")).key_files == (Path("/b"),)


def test_made_in_python() -> None:
    """As tests and the lab do: no file, no TOML."""
    config = Config(
        front=Front(interface="v0", key_file=Path("/k")),
        host=(Host(name="a", addresses=(ip_address("10.0.0.1"),), ports=None, handshake="agent", via="local"),),
    )
    assert config.hosts[0].addresses == (ip_address("10.0.0.1"),)


MISTAKES = [
    (
        "interface = eth0",
        "1: not TOML (Invalid value (at line 1, column 13)): found interface = eth0; write key = value",
    ),
    ("a = [1,\n2", "2: not TOML"),
    ("a = 1\na = 2", "2: not TOML"),
    ("", "[front]: missing; write a [front] table with interface and key_file"),
    (FRONT, "[[host]]: missing; write a [[host]] table, in double brackets, for each protected server"),
    (FRONT + "[host]\nname = 'x'", '4: [[host]]: found {"name": "x"}; write a [[host]] table, in double brackets'),
    ("front = 3\n" + HOST, "1: [front]: found 3; write a [front] table"),
    ("host = [3]\n" + FRONT, "1: [[host]] 1: found 3; write a [[host]] table"),
    ("[[hosts]]\n" + FRONT + HOST, "1: hosts: unknown key; did you mean host?"),
    ("colour = 1\n" + FRONT + HOST, "1: colour: unknown key; the keys here are: front, host"),
    (FRONT.replace("key_file", "keyfile") + HOST, "3: [front] keyfile: unknown key; did you mean key_file?"),
    (FRONT.replace("key_file", "keyfile") + HOST, '1: [front] key_file: missing; write key_file = "/etc/hardtack/key"'),
    (FRONT.replace('"key"', '""') + HOST, '3: [front] key_file: found "", which is no path; write key_file = '),
    (FRONT.replace('"key"', '"a\\u0000"') + HOST, '3: [front] key_file: found "a\\u0000", which is no path'),
    (FRONT.replace('"key"', "7") + HOST, "3: [front] key_file: found 7; write key_file = "),
    (FRONT.replace('"eth0"', "0") + HOST, '2: [front] interface: found 0; write interface = "eth0"'),
    (FRONT.replace("eth0", "a/b") + HOST, '2: [front] interface: found "a/b", which cannot be an interface\'s name'),
    (FRONT.replace("eth0", "a" * 16) + HOST, "2: [front] interface: found"),
    (FRONT + HOST.replace('"web"', '"a b"'), '5: [[host]] "a b" name: found "a b", which cannot be a host\'s name'),
    (FRONT + HOST.replace('name = "web"\n', ""), '4: [[host]] 1 name: missing; write name = "web"'),
    (
        FRONT + HOST.replace("80", "0"),
        '7: [[host]] "web" ports: found 0; write ports = [80, 443], each from 1 to 65535',
    ),
    (FRONT + HOST.replace("80", "65536"), '7: [[host]] "web" ports: found 65536; write ports ='),
    (FRONT + HOST.replace("80", '"80"'), '7: [[host]] "web" ports: found "80"; write ports ='),
    (FRONT + HOST.replace("80", "true"), '7: [[host]] "web" ports: found true; write ports ='),
    (FRONT + HOST.replace("[80]", "80"), '7: [[host]] "web" ports: found 80; write ports ='),
    (FRONT + HOST.replace("80", ""), '7: [[host]] "web" ports: found [], which is empty; write ports ='),
    (
        FRONT + HOST.replace("80", "80, 81, 80"),
        '7: [[host]] "web" ports: found [80, 81, 80], which has 80 more than once',
    ),
    (
        FRONT + HOST.replace('"agent"', '"proxy"'),
        '8: [[host]] "web" handshake: found "proxy", which is not there yet; write',
    ),
    (
        FRONT + HOST.replace('"agent"', '"pass"'),
        '8: [[host]] "web" handshake: found "pass", which is not there yet; write',
    ),
    (
        FRONT + HOST.replace('"agent"', '"x"'),
        '8: [[host]] "web" handshake: found "x", which this version does not know',
    ),
    (
        FRONT + HOST.replace('"kernel"', '"192.0.2.1"'),
        '9: [[host]] "web" via: found "192.0.2.1", which this version does',
    ),
    (FRONT + HOST + "mss = 535", '10: [[host]] "web" mss: found 535; write mss = 1460, from 536 to 8940'),
    (FRONT + HOST + "mss = 8941", '10: [[host]] "web" mss: found 8941; write mss'),
    (FRONT + HOST + "mss = 1460.0", '10: [[host]] "web" mss: found 1460.0; write mss'),
    (FRONT + HOST + 'options = ["sack", "md5"]', '10: [[host]] "web" options: found "md5", which this version does not'),
    (FRONT + HOST + 'options = "sack"', '10: [[host]] "web" options: found "sack"; write options = ["sack", "timestamps"'),
    (FRONT + HOST + 'options = ["ecn", "ecn"]', '10: [[host]] "web" options: found ["ecn", "ecn"], which has ecn more'),
    (FRONT + HOST + "window_scale = 15", '10: [[host]] "web" window_scale: found 15; write window_scale = 7, from 0 to 14'),
    (FRONT + HOST + "window_scale = true", '10: [[host]] "web" window_scale: found true; write window_scale = 7'),
    (FRONT + "connections = 999\n" + HOST, "4: [front] connections: found 999, which is too small; write connec"),
    (FRONT + "connections = 100_000_001\n" + HOST, "4: [front] connections: found 100000001, which is too large; write"),
    (FRONT + 'connections = "1m"\n' + HOST, '4: [front] connections: found "1m", which is no count as 5_000 or "5k"; wri'),
    (FRONT + "connections = true\n" + HOST, "4: [front] connections: found true, which is no count"),
    (FRONT + "replies_per_second = 7\n" + HOST, "4: [front] replies_per_second: found 7, which is too small; write repl"),
    (FRONT + "replies_per_prefix = 7\n" + HOST, "4: [front] replies_per_prefix: found 7, which is too small; write "),
    (FRONT + 'connections_per_prefix = "no"\n' + HOST, '4: [front] connections_per_prefix: found "no", which is no rate as'),
    (FRONT + HOST + "frames_per_connection = 999", '10: [[host]] "web" frames_per_connection: found 999, which is too sm'),
    (FRONT + HOST + "replies_per_prefix = 9", '10: [[host]] "web" replies_per_prefix: unknown key; did you mean replies'),
    (FRONT + "grace = 30\n" + HOST, '4: [front] grace: found 30, which is no duration as "30s" or "5m"; write gra'),
    (FRONT + 'grace = "1h"\n' + HOST, '4: [front] grace: found "1h", which is too large; write grace = "30s", from "0s"'),
    (FRONT + 'grace = "-1s"\n' + HOST, '4: [front] grace: found "-1s", which is no duration as "30s" or "5m"; write'),
    (FRONT + 'grace = "1.5s"\n' + HOST, '4: [front] grace: found "1.5s", which is no duration as "30s" or "5m"; write'),
    (FRONT + 'grace = "601s"\n' + HOST, '4: [front] grace: found "601s", which is too large; write grace = "30s", from'),
    (FRONT + 'inside = "eth1"\n' + HOST, '4: [front] inside: found "eth1"; write inside = ["eth1"], the interfaces'),
    (FRONT + "inside = []\n" + HOST, "4: [front] inside: found [], which is empty; write inside = "),
    (FRONT + 'inside = ["a b"]\n' + HOST, '4: [front] inside: found "a b", which cannot be an interface\'s name; write'),
    (FRONT + 'inside = ["a", "a"]\n' + HOST, '4: [front] inside: found ["a", "a"], which has a more than once; write'),
    (
        FRONT + 'inside = ["eth1", "eth0"]\n' + HOST,
        '4: [front] inside: found "eth0", which faces the internet; write the interfaces towards the hosts',
    ),
    (FRONT + HOST + "replies_per_second = 1e6", '10: [[host]] "web" replies_per_second: found 1000000.0, which is no r'),
    (FRONT + HOST + "replies_per_second = 1_000_000_001", '10: [[host]] "web" replies_per_second: found 1000000001,'),
    (FRONT + HOST + 'default = "reject"', '10: [[host]] "web" default: found "reject", which this version does not know;'),
    (FRONT + HOST + 'key_file = ""', '10: [[host]] "web" key_file: found "", which is no path; write key_file = '),
    (FRONT + MAC.replace("52:", ""), '10: [[host]] "web" mac: found "54:00:12:34:56", which is not a MAC address; write'),
    (FRONT + MAC.replace("52:54:", "5254."), '10: [[host]] "web" mac: found "5254.00:12:34:56", which is not a MAC'),
    (
        FRONT + MAC.replace("52:", "53:"),
        '10: [[host]] "web" mac: found "53:54:00:12:34:56", which is the MAC address of a g',
    ),
    (FRONT + MAC.replace("52:54:00:12:34:56", "ff:ff:ff:ff:ff:ff"), '10: [[host]] "web" mac: found "ff:ff:ff:ff:ff:ff", w'),
    (FRONT + MAC.replace("52:54:00:12:34:56", "00:00:00:00:00:00"), '10: [[host]] "web" mac: found "00:00:00:00:00:00", w'),
    (
        FRONT + MAC.replace('"52:54:00:12:34:56"', "52"),
        '10: [[host]] "web" mac: found 52, which is not a MAC address; write',
    ),
    (FRONT + MAC + "vlan = 0", '11: [[host]] "web" vlan: found 0, which is no VLAN; write vlan = 100, from 1 to 4094'),
    (FRONT + MAC + "vlan = 4095", '11: [[host]] "web" vlan: found 4095, which is no VLAN; write vlan = 100, from'),
    (FRONT + MAC + "vlan = true", '11: [[host]] "web" vlan: found true, which is no VLAN; write vlan = 100, from'),
    (FRONT + MAC + 'vlan = "100"', '11: [[host]] "web" vlan: found "100", which is no VLAN; write vlan = 100, from'),
    (FRONT + MAC + "out = 1", '11: [[host]] "web" out: found 1; write out = "eth1", a name that `ip link` shows'),
    (
        FRONT + MAC + 'out = "eth0"',
        '11: [[host]] "web" out: found "eth0", which faces the internet; to send back out of it, leave the key out',
    ),
    (
        FRONT + HOST.replace('"kernel"', '"mac"'),
        '4: [[host]] "web" mac: missing, with via = "mac"; write mac = "52:54:00:12:34:56"',
    ),
    *(
        (
            FRONT + MAC.replace('"mac"', f'"{via}"') + 'out = "eth1"',
            f'{line}: [[host]] "web" {key}: found {value}, with via = "{via}"; leave it out, or write via = "mac"',
        )
        for via in ("kernel", "local", "direct")
        for line, key, value in ((10, "mac", '"52:54:00:12:34:56"'), (11, "out", '"eth1"'))
    ),
    *(
        (
            FRONT + HOST.replace("kernel", via) + "vlan = 100",
            f'10: [[host]] "web" vlan: found 100, with via = "{via}"; leave it out, or write via = "direct" or via = "mac"',
        )
        for via in ("kernel", "local")
    ),
    (
        FRONT + HOST.replace("kernel", "local") + HOST.replace("kernel", "local").replace("web", "b") + 'key_file = "b"',
        '16: [[host]] "b" key_file: found "b", and "key" on line 3; write the same file for all hosts with via = "local"',
    ),
    (
        FRONT + HOST.replace("kernel", "local") + 'key_file = "b"\n' + HOST.replace("kernel", "local").replace("web", "b"),
        '11: [[host]] "b" key_file: found "key", and "b" on line 10; write the same file for all hosts with via = "local"',
    ),
    *(
        (
            FRONT + HOST.replace("kernel", "local") + first + HOST.replace("kernel", "local").replace("web", "b") + second,
            f'{line}: [[host]] "b" window_scale: {told}; write the same for all hosts with via = "local"',
        )
        for first, second, line, told in [
            ("window_scale = 7\n", "window_scale = 9\n", 17, "found 9, and 7 on line 10"),
            ("window_scale = 7\n", "", 11, "left out, and 7 on line 10"),
            ("", "window_scale = 9\n", 16, "found 9, and left out on line 4"),
        ]
    ),
    (
        FRONT + "".join(HOST.replace("web", f"h{n}") + f'key_file = "{n}"\n' for n in range(17)),
        '122: [[host]] "h16" key_file: found "16", key number 17; a front takes 16: split the hosts among several',
    ),
    (
        FRONT + "".join(MAC.replace("web", f"h{n}") + f'out = "e{n}"\n' for n in range(16)),
        '131: [[host]] "h15" out: found "e15", interface number 16; a front sends out of 15: split the hosts among several',
    ),
    (
        FRONT + HOST.replace('"192.0.2.10"', ", ".join(f'"10.0.{n >> 8}.{n & 255}"' for n in range(1, 1026))),
        '6: [[host]] "web" addresses: found address number 1025; a front takes 1024: split the hosts among several',
    ),
    (FRONT + HOST + "limit = 1", '10: [[host]] "web" limit: unknown key; the keys here are: name, addresses, ports'),
    (
        FRONT + HOST + HOST.replace(".10", ".11"),
        '11: [[host]] "web" name: found "web", which line 5 has too; write it once',
    ),
    (
        FRONT + HOST + HOST.replace("web", "www"),
        '12: [[host]] "www" addresses: found "192.0.2.10", which line 6 has too; write it once',
    ),
    (
        FRONT
        + HOST.replace("192.0.2.10", "2001:DB8:0::1")
        + HOST.replace("web", "www").replace("192.0.2.10", "2001:db8::1"),
        '12: [[host]] "www" addresses: found "2001:db8::1", which line 6 has too; write it once',
    ),
]


@pytest.mark.parametrize(("text", "start"), MISTAKES, ids=[start[:50] for _, start in MISTAKES])
def test_mistakes(text: str, start: str) -> None:
    told = problems(text)
    assert any(line.startswith(start) for line in told), told


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ('"192.0.2.256"', "is not an IP address"),
        ('"www.example.org"', "is not an IP address"),
        ('"192.0.2.0/24"', "is a network"),
        ("3221225994", "is not in quotes"),
        ('"224.0.0.1"', "is a multicast address"),
        ('"ff02::1"', "is a multicast address"),
        ('"0.0.0.0"', "is an unspecified address"),
        ('"::"', "is an unspecified address"),
        ('"127.0.0.1"', "is a loopback address"),
        ('"::1"', "is a loopback address"),
        ('"255.255.255.255"', "is the broadcast address"),
        ('"::ffff:192.0.2.1"', "is an IPv4 address in IPv6 form"),
        ('"fe80::1%eth0"', "names an interface"),
    ],
)
def test_addresses_that_no_host_has(address: str, why: str) -> None:
    (told,) = problems(FRONT + HOST.replace('"192.0.2.10"', address))
    assert told.startswith(f'6: [[host]] "web" addresses: found {address}, which {why}; write addresses = [')


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
            "cannot read it: No such file or directory; give the path of a configuration file you may read",
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
        assert all(problem.line is None or problem.line <= count for problem in error.problems)


def written(table: dict[str, Any]) -> list[str]:
    """A table's keys in TOML."""
    return [f"{key} = {toml(value)}" for key, value in table.items()]


def toml(value: Any) -> str:
    """A value in TOML, as far as it is needed here."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
