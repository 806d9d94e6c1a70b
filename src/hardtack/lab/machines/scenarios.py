"""What is tried on every kernel, in this order: each scenario in a process of its own, in the guest, with some results."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hardtack.lab.machines import basics, networks
from hardtack.lab.machines.outcomes import Result

Scenario = Callable[[], Iterator[Result]]

SCENARIOS: dict[str, Scenario] = {
    "doctor": basics.doctor,
    "programs": basics.programs,
    "rules": basics.rules,
    "veth": networks.on_veth,
    "virtio": networks.on_virtio,
    "e1000e": networks.on_e1000e,
    "stacked": networks.stacked,
    "bonds": networks.bonds,
    "tunnels": networks.tunnels,
}
