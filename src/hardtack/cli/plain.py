"""What `hardtack status --json` prints: scripts that ask often wait for nothing that only people need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hardtack.control.readout import Snapshot
from hardtack.packet.reasons import FRONT_REASONS, Reason

FRONTS = [one.name for one in Reason if one < FRONT_REASONS]
AGENTS = [one.name for one in Reason if one >= FRONT_REASONS]


def report(snapshot: Snapshot) -> dict[str, Any]:
    """All of it as plain data; its keys are a contract. Every reason is there, also those of which there was no frame."""
    told = asdict(snapshot)
    for one in told["attached"]:
        for frames in (*one["hosts"].values(), one["no_host"]):
            fill(frames, FRONTS)
        fill(one["agent"], AGENTS)
    return told


def fill(frames: dict[str, dict[str, int]] | None, names: Sequence[str]) -> None:
    """Zeros for these, and whatever else was counted behind them."""
    for key in ("reasons", "bytes") if frames else ():
        frames[key] = dict.fromkeys(names, 0) | frames[key]  # type: ignore[index]
