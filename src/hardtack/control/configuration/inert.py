"""What tables of the configuration are made of."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Write:
    """What to write for a key. `without`: what leaving it out means, "" if there is no more to say; None: one may not."""

    text: str
    without: str | None = ""


class Inert(BaseModel):
    """Values that do not change, and no key that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
