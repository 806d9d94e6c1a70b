"""One strategy of several, some more often than others: `st.one_of` takes a strategy that is named twice only once."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Value = TypeVar("Value")


def weighted(*choices: tuple[int, SearchStrategy[Value]]) -> SearchStrategy[Value]:
    """A strategy that draws from each choice in proportion to its weight."""
    turns = [strategy for weight, strategy in choices for _ in range(weight)]
    index = st.integers(0, len(turns) - 1)

    @st.composite
    def pick(draw: DrawFn) -> Value:
        return draw(turns[draw(index)])

    return pick()
