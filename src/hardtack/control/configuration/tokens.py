"""The words of a TOML text, in one pass of one regular expression. tomllib is the judge of what is TOML; these are for what
it does not tell: where things stand, and what would be too much for it.

TOML 1.0.0. All repeats are possessive, so that no text takes more time than its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN = re.compile(
    r"""
      (?P<word> [^\s\[\]{},.="'\#]++)         # a bare key, or a value but for strings; dots are words of their own
    | (?P<text> \"{3} (?:[^"\\]++ | \\. | \"{1,2}(?!\"))*+ \"{3,5}
              | '{3} (?:[^']++ | '{1,2}(?!'))*+ '{3,5}
              | (?!\"{3}) " (?:[^"\\\n]++ | \\[^\n])*+ "
              | (?!'{3}) ' [^'\n]*+ ')
    | (?P<mark> [\[\]{},.=\n])
    | (?P<note> \#[^\n]*+)
    | (?P<open> ["'])                         # a string that is not closed: nothing behind it can be told apart
    """,
    re.VERBOSE | re.DOTALL,
)

Token = tuple[str, str, int]  # kind (word, text, mark, open), the text, and where it begins


def tokens(text: str) -> Iterator[Token]:
    """Each in turn, without comments and blanks; "open" is the last one."""
    for found in TOKEN.finditer(text):
        kind = found.lastgroup
        if kind and kind != "note":
            yield kind, found[0], found.start()
        if kind == "open":
            return


def line_at(text: str, position: int) -> int:
    """The line, from 1, of a place in `text`."""
    return text.count("\n", 0, position) + 1
