"""What a metric is, and those that an agent has: the same whether a front exports them or a textfile does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge"]
PREFIX = "hardtack_"


@dataclass(frozen=True)
class Family:
    """A metric and its labels. `name` without the prefix, and without the `_total` of counters.

    `most`: how many series there may be, for the documents.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    most: str = "1"

    @property
    def full(self) -> str:
        """As Prometheus has it in queries."""
        return f"{self.base}_total" if self.kind == "counter" else self.base

    @property
    def base(self) -> str:
        """As OpenMetrics has it, and InfluxDB."""
        return PREFIX + self.name


BUILD = Family("build_info", "gauge", "Always 1: the running version.", ("version",))
AGENT_UP = Family("agent_up", "gauge", "1 while the agent's process runs, 0 once it has ended.", ("interface",))
AGENT_FRAMES = Family(
    *("agent_frames", "counter", "Segments that the agent's program has examined, by reason."),
    ("interface", "reason"),
    "reasons of an agent, 15",
)
KEYS_EXPIRE = Family(
    *("keys_expire_timestamp_seconds", "gauge", "When the keys in the kernel expire, unless renewed, unix time."),
    ("interface",),
)
AGENT_BUILD = Family("agent_build_info", "gauge", "Always 1: the agent's version.", ("interface", "version"))
WRITTEN = Family("textfile_timestamp_seconds", "gauge", "When the agent wrote its textfile, unix time.", ("interface",))
AGENT = (AGENT_UP, AGENT_FRAMES, KEYS_EXPIRE, AGENT_BUILD, WRITTEN)
