"""A wrong value in a message: as it looks in TOML, or nearly, on one line, not too long, and harmless to a terminal."""

from __future__ import annotations

import json
from typing import Any

from hardtack.printable import cut, printable

LONGEST_FOUND = 60  # characters


def shown(value: Any) -> str:
    """No more of `value` is looked at than what is shown."""
    if isinstance(value, str):
        quoted = printable(json.dumps(value[:LONGEST_FOUND], ensure_ascii=False))
        return quoted if len(value) <= LONGEST_FOUND else f"{quoted}..."
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
        text += piece
        if len(text) > LONGEST_FOUND:
            break
    return cut(printable(text), LONGEST_FOUND)
