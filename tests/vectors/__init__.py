"""Published vectors, and the project's own: each file cites its sources. Numbers of fixed width are hexadecimal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load(name: str) -> Any:
    """The contents of `name`.json: challenge, checksum, cookie or siphash."""
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
