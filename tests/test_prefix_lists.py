"""Lists of prefixes: what a file says, what is wrong with it, as text."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardtack.control.networks import lists
from hardtack.control.networks.lists import EXAMPLE, ListError, load, parsed
from hardtack.control.networks.prefixes import Content, content_of

MIXED = """\
# comments, and blank lines

192.0.2.0/24
198.51.100.7
203.0.113.0/25 ; SBL1
  192.0.2.128/25\t# indented
2001:db8::/32
2001:DB8:1::1
0.0.0.0/0
::/0
10.1.2.3/32            # many spaces
192.0.2.0/24
"""
MEANT = [
    "192.0.2.0/24",
    "198.51.100.7",
    "203.0.113.0/25",
    "192.0.2.128/25",
    "2001:db8::/32",
    "2001:db8:1::1",
    "0.0.0.0/0",
    "::/0",
    "10.1.2.3",
]


def same(one: Content, other: Content) -> bool:
    return all(
        np.array_equal(ours, theirs)
        for pair in zip(one.versions, other.versions, strict=True)
        for ours, theirs in zip(*(prefixes.arrays for prefixes in pair), strict=True)
    )


@pytest.mark.parametrize(
    "data",
    [
        MIXED.encode(),
        MIXED.replace("\n", "\r\n").encode(),
        MIXED.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + MIXED.encode(),
        MIXED.rstrip().encode(),
    ],
    ids=["lines", "CRLF", "CR", "byte order mark", "no end of line"],
)
def test_a_list_says_which_prefixes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "deny.txt"
    path.write_bytes(data)
    assert same(load(path, 2), content_of({ipaddress.ip_network(text): 2 for text in MEANT}))


@pytest.mark.parametrize("data", [b"", b"\n", b"# nothing\n", b"\r\n\r\n", b" \t \n;\n"])
def test_a_list_may_be_empty(data: bytes) -> None:
    assert len(parsed(data).content) == 0 and not parsed(data).mistakes


@pytest.mark.parametrize(
    ("line", "told"),
    [
        *[
            (line, f"found {line!r}; {EXAMPLE}")
            for line in (
                *("300.1.1.1", "01.2.3.4", "1.2.3", "1.2.3/24", "1.2.3.4.5", "1..2.3", ".1.2.3", "1.2.3.", "1.2.3.4/"),
                *("1.2.3.4/33", "1.2.3.4/032", "1.2.3.4/8/8", "1.2.3.4/-1", "1.2.3.4 5.6.7.8", "1.2.3.4-1.2.3.9"),
                *("1.2.3.4/255.0.0.0", "2001:db8::/129", "2001:db8::/", "fe80::1%eth0", "example.org", "1.2.3.4/24,", "/8"),
                *("1.2.3.1234", "1.2.3.99999999999", "1/2.3.4.5"),
            )
        ],
        ("\x1b[31m", f"found '\\x1b[31m'; {EXAMPLE}"),
        ("näher", f"found 'näher'; {EXAMPLE}"),
        ("x" * 5000, f"found '{'x' * 50}...'; {EXAMPLE}"),
        ("192.0.2.1/24", "found 192.0.2.1/24, whose 8 host bits are not 0; write 192.0.2.0/24, or 192.0.2.1"),
        ("2001:db8::1/64", "found 2001:db8::1/64, whose 64 host bits are not 0; write 2001:db8::/64, or 2001:db8::1"),
        ("2001:db8:1::/32", "found 2001:db8:1::/32, whose 96 host bits are not 0; write 2001:db8::/32, or 2001:db8:1::"),
        ("::1/127", "found ::1/127, whose 1 host bits are not 0; write ::/127, or ::1"),
        ("::ffff:c000:200/120", "found ::ffff:192.0.2.0/120, an IPv4-mapped IPv6 prefix; write 192.0.2.0/24"),
    ],
)
def test_a_line_that_is_no_prefix(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "deny.txt"
    path.write_text(f"# one\n192.0.2.0/24\n{line}\n::/0\n")
    with pytest.raises(ListError) as refused:
        load(path)
    assert str(refused.value).replace("::ffff:c000:200", "::ffff:192.0.2.0") == f"{path}:3: {told}"


def test_of_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    path = tmp_path / "deny.txt"
    path.write_text("1.2.3.4/24\nno\n::1/8\n" * 500)
    with pytest.raises(ListError) as refused:
        load(path)
    told = str(refused.value).splitlines()
    assert [line.split(":")[1] for line in told[:-1]] == [str(number) for number in range(1, 11)]
    assert told[-1] == f"{path}: and 1,490 more lines like these; fix these first"


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(ListError) as refused:
            load(path)
        return str(refused.value)

    missing, large = tmp_path / "missing", tmp_path / "large"
    unread = f"{missing}: cannot read it: No such file or directory; it must be a file that this user can read"
    assert refusal(missing) == unread
    assert refusal(Path("/dev/zero")) == "/dev/zero: found a device; write a regular file"
    assert refusal(Path("a\0b")) == "a\\x00b: cannot read it: embedded null byte; it must be a file that this user can read"
    assert refusal(tmp_path) == f"{tmp_path}: cannot read it: Is a directory; it must be a file that this user can read"
    monkeypatch.setattr(lists, "MOST_BYTES", 1 << 20)
    large.write_bytes(b"\n" * ((1 << 20) + 1))
    assert refusal(large) == f"{large}: found more than 1 MiB, the limit of a list"


networks4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda one: ipaddress.IPv4Network((one[0] >> (32 - one[1]) << (32 - one[1]), one[1]))
)
networks6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
    lambda one: ipaddress.IPv6Network((one[0] >> (128 - one[1]) << (128 - one[1]), one[1]))
)
anything = st.text("0123456789./:abf #;\t-", max_size=24)


@given(st.lists(networks4 | networks6 | anything, max_size=30))
@settings(deadline=None, max_examples=300)
def test_lines_mean_what_they_mean_to_python(lines: list[ipaddress.IPv4Network | ipaddress.IPv6Network | str]) -> None:
    """Python's own ipaddress is the judge; IPv4 as IPv6 writes it has a test of its own."""
    meant, mistakes = [], 0
    for line in lines:
        text = str(line).partition("#")[0].partition(";")[0].strip()
        length = text.partition("/")[2]
        try:
            if (length != length.lstrip("0") and length != "0") or "." in length:  # Python takes /024 and /255.255.255.0
                raise ValueError
            if text:
                meant.append(ipaddress.ip_network(text))
        except ValueError:
            mistakes += 1
    odd = [one for one in meant if one.version == 6 and one.network_address.ipv4_mapped and one.prefixlen >= 96]
    listed = parsed("\n".join(map(str, lines)).encode())
    assert listed.mistakes == mistakes + len(odd)
    if not listed.mistakes:
        assert same(listed.content, content_of(dict.fromkeys(meant, 1)))


def test_of_two_lists_one_has_its_way() -> None:
    allow, deny = (content_of({ipaddress.ip_network(text): 1 for text in texts}) for texts in (["10.0.0.0/8"], ["::/0"]))
    both = allow.over(parsed(b"10.0.0.0/8\n10.0.0.0/9\n::/1", 2).content).over(deny)
    values = {"10.0.0.0/8": 1, "10.0.0.0/9": 2, "::/0": 1, "::/1": 2}
    assert same(both, content_of({ipaddress.ip_network(text): value for text, value in values.items()}))
