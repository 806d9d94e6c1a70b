"""The verb `seed`: connections that were open before their hosts were protected, brought into the front's own tables."""

from __future__ import annotations

import json

from hardtack.control import switching_on
from hardtack.control.feeding import opened
from hardtack.control.helper.loading import PLAIN
from hardtack.control.pinned import Tables
from hardtack.control.switching_on import Asking, Brought
from hardtack.kernel import pins


def seed(interface: str, asked: bytes) -> Brought:
    """Of the front of this interface; `asked`: an Asking, as JSON. Mistake, ValueError, OSError."""
    if not PLAIN.fullmatch(interface):  # the front names what is its own, and nothing elsewhere
        raise ValueError("no name of an interface")
    folder, asking = pins.folder("front", interface), Asking(**json.loads(asked))
    with Tables(folder) as tables:
        return switching_on.bring(opened(folder, tables), asking)
