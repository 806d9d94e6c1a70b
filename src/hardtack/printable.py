"""Text of others' as a terminal may have it: file names and values may hold escape sequences. Standard library alone."""

from __future__ import annotations

MOST_TOLD = 5  # names in a line
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """`text` with whatever is no visible character written as an escape: control characters, also those of C1, line and
    paragraph separators, marks that turn the direction of writing, halves of surrogates.
    """
    return text if text.isprintable() else "".join(one if one.isprintable() else escape(one) for one in text)


def escape(character: str) -> str:
    """As Python, JSON and, but for \\x, TOML have it."""
    code = ord(character)
    if character in SHORT:
        return SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cut(text: str, length: int) -> str:
    """At most `length` characters of `text`, and three dots if there are more."""
    return text if len(text) <= length else text[:length] + "..."


def listed(names: list[str]) -> str:
    """Some of them, and how many more."""
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return ", ".join(names[:MOST_TOLD]) + more
