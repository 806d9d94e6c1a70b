"""Lines of TOML keys, judged by tomllib: no document that ends before a key's line holds the key."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardtack.control.configuration.places import Place, places

TEXT = '''\
# a comment
top = 1
[front]
interface = "eth0"

[[host]]
name = "a"
[[host]]
addresses = [
    "192.0.2.1",  # ]
    "x = [3]",
]
"ports" = [1]
[host.limits]
syn.rate = { burst = 3 }
[[host.rule]]
words = """
[front]
name = 1
"""
[[host.rule]]
last = 1'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("front",), 3),
        (("front", "interface"), 4),
        (("host", 0), 6),
        (("host", 0, "name"), 7),
        (("host", 1), 8),
        (("host", 1, "addresses"), 9),
        (("host", 1, "addresses", 0), 10),
        (("host", 1, "addresses", 1), 11),
        (("host", 1, "addresses", 2), 9),
        (("host", 1, "ports"), 13),
        (("host", 1, "limits", "syn", "rate", "burst"), 15),
        (("host", 1, "rule", 0, "words"), 17),
        (("host", 1, "rule", 1, "last"), 22),
        (("front", "key_file"), 3),
        (("host", 0, "via"), 6),
        (("host",), 6),
        (("nowhere",), None),
    ],
    ids=str,
)
def test_lines(place: Place, line: int | None) -> None:
    assert places(TEXT).of(place) == line


def test_windows_line_ends() -> None:
    found = places("a = 1\r\n[b]\r\nc = [\r\n1]\r\n")
    assert [found.of(place) for place in (("a",), ("b",), ("b", "c"), ("b", "c", 0))] == [1, 2, 3, 4]


VALUES = st.sampled_from(
    ["1", '"x"', "[\n 1,\n 2\n]", '"""\n[a]\nb = 1\n"""', "{ u = 1, v = [2] }", "[{ w = 1 }, { w = 2 }]"],
)
LINES = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(["a", "b", "c.d", '"e f"', "g.h.i"]), VALUES),
    st.sampled_from(["[a]", "[b.c]", "[[x]]", "[[x.y]]", "[x.z]", "", "# a = 1"]),
)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_every_key_is_found_where_it_stands(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = places(text)
    lines = text.split("\n")
    for place in written(document, ()):
        line = found.of(place)
        assert line
        assert not holds("\n".join(lines[: line - 1]), place)
        assert any(holds("\n".join(lines[:end]), place) for end in range(line, len(lines) + 1))


def written(value: Any, place: Place) -> list[Place]:
    """The places of all plain values in `value`; a table that only a longer header opens has no line of its own."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [inner for key, item in items for inner in written(item, (*place, key))]
    return below if isinstance(value, dict | list) else [place]


def holds(text: str, place: Place) -> bool:
    """Whether the document `text` has `place`; false for half a statement."""
    try:
        value: Any = tomllib.loads(text)
        for key in place:
            value = value[key]
    except (tomllib.TOMLDecodeError, LookupError, TypeError):
        return False
    return True
