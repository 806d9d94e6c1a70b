"""Counts, rates and durations: what is written is read back, and whatever else is written is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardtack.control.configuration.units import COUNT, DURATION, RATE, Between, Kind

KINDS = pytest.mark.parametrize("kind", [COUNT, RATE, DURATION], ids=lambda kind: kind.name)
GRAMMAR = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (COUNT, "0", 0),
        (COUNT, "1500", 1500),
        (COUNT, "1.5k", 1500),
        (COUNT, "1M", 1_000_000),
        (COUNT, "2G", 2_000_000_000),
        (RATE, "10/s", 10),
        (RATE, "10k/s", 10_000),
        (RATE, "0.25M/s", 250_000),
        (DURATION, "30s", 30),
        (DURATION, "1.5m", 90),
        (DURATION, "2h", 7_200),
        (DURATION, "1d", 86_400),
    ],
    ids=str,
)
def test_what_is_read(kind: Kind, text: str, value: int) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((COUNT, text) for text in ("", "k", "1K", "1 k", " 1k", "1k\n", "-1", "+1", "1.5", "1,5k", "1_000", "1e3")),
        *((COUNT, text) for text in ("0x10", "1k/s", ".5k", "1.k", "\u0663", "1" * 16, "0." + "1" * 10 + "G", "1kk", "1m")),
        *((RATE, text) for text in ("10", "10k", "10/m", "10/S", "10 /s", "k/s", "0.5/s", "10k/s/s")),
        *((DURATION, text) for text in ("30", "30 s", "1.5s", "1m30s", "1w", "1M", "500ms", "1us", "-1s")),
    ],
    ids=repr,
)
def test_what_is_refused(kind: Kind, text: str) -> None:
    assert kind.parse(text) is None


@KINDS
@given(value=st.integers(0, 10**15 - 1))
def test_there_and_back(kind: Kind, value: int) -> None:
    assert kind.parse(kind.write(value)) == value


@KINDS
@given(data=st.data())
def test_the_largest_unit_that_goes(kind: Kind, data: st.DataObject) -> None:
    unit = data.draw(st.sampled_from([*kind.units]))
    text = kind.write(data.draw(st.integers(1, 1000)) * kind.units[unit])
    number = re.match(r"\d+", text)
    assert number
    assert kind.units[text.removeprefix(number[0])] >= kind.units[unit]


@KINDS
@given(text=st.one_of(st.text(max_size=12), st.from_regex(r"[0-9.]{0,20}[kMGsmhd/]{0,3}", fullmatch=True)))
def test_any_text_is_a_quantity_or_none(kind: Kind, text: str) -> None:
    value = kind.parse(text)
    if value is not None:
        number = GRAMMAR.match(text)
        assert number
        assert text.removeprefix(number[0]) in kind.units
        assert 0 <= value < 10**15 * 10**9


NOT_COUNTS: tuple[object, ...] = (True, 8.0, None, [8], {}, "x", "8 ")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (7, "which is too small"),
        ("7", "which is too small"),
        (1001, "which is too large"),
        ("1.001k", "which is too large"),
        (1 << 20_000, "which is too large"),
        *((value, r'which is not a count such as 5_000 or "5k"') for value in NOT_COUNTS),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else type(value).__name__,
)
def test_limits(value: object, told: str) -> None:
    between = Between(COUNT, 8, 1000)
    assert (between(8), between("1k"), str(between)) == (8, 1000, "from 8 to 1_000")
    with pytest.raises(ValueError, match=f"^{told}$"):
        between(value)


def test_a_duration_wants_its_unit() -> None:
    with pytest.raises(ValueError, match=r'^which is not a duration such as "30s" or "5m"$'):
        Between(DURATION, 0, 600)(30)
    assert str(Between(DURATION, 0, 600)) == 'from "0s" to "10m"'
