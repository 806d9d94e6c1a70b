"""What a front is to be, as plain values: from the configuration and facts about this machine, what tables are to hold,
which programs there are, and where. Nothing here asks the kernel, so that two plans can be compared, or one made for show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardtack.control import numbers as numbering
from hardtack.control.configuration.schema import Config, Host
from hardtack.control.connections import table_sizes
from hardtack.control.numbers import Numbering, numbered
from hardtack.control.protected import NOTHING, Protected, protect
from hardtack.diagnosis.finding import Site
from hardtack.engines import xdp
from hardtack.kernel.features import Purpose
from hardtack.kernel.standing import Place
from hardtack.kernel.tcp import Speech


@dataclass(frozen=True)
class Facts:
    """What this machine is. `speech`: its own TCP; `without_ethernet`: of its interfaces, where frames begin with IP."""

    speech: Speech
    without_ethernet: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """A whole front.

    `key_files`: the file of each set of the table `keys`, in order. `promised`: the window scale that the agent of
    this machine is told; None where it is no host.
    """

    config: Config
    facts: Facts
    numbers: Numbering
    key_files: Sequence[Path]
    protected: Protected
    places: Sequence[Place]
    sizes: Mapping[str, int]
    promised: int | None

    @property
    def interface(self) -> str:
        """Where the internet comes in."""
        return self.config.front.interface


def planned(config: Config, facts: Facts, earlier: Sequence[str] = (), before: Protected = NOTHING) -> Plan:
    """The plan for a configuration. `earlier`: names of hosts by number from 1, as `numbered` has them.

    `before`: what the tables hold that are to be changed; new ones hold nothing.
    """
    numbers = numbered((host.name for host in config.hosts), earlier)
    protected = protect(config, numbers, facts.speech, before)
    sizes = numbering.table_sizes(numbers, protected.sets)
    return Plan(
        config=config,
        facts=facts,
        numbers=numbers,
        key_files=config.key_files,
        protected=protected,
        places=places(config, facts),
        sizes=table_sizes(config.front.connections) | sizes,
        promised=config.promised_here(facts.speech).scale if config.has_local else None,
    )


def places(config: Config, facts: Facts) -> list[Place]:
    """Where programs are to be."""
    return xdp.places([config.front.interface], config.front.inside, config.leaving, facts.without_ethernet)


def sites(config: Config, facts: Facts) -> list[Site]:
    """What is to be at work here, and where, for those who look what stands in the way."""
    front, local = config.front, [host for host in config.hosts if host.via == "local"]
    outside = [Site("front", front.interface, ports_of(config.hosts))]
    if local:
        promised = config.promised_here(facts.speech)
        outside.append(Site("agent", front.interface, ports_of(local), frozenset(promised.options), promised.scale))
    return [*outside, *(Site("inside", name) for name in front.inside)]


def ports_of(hosts: Collection[Host]) -> frozenset[int]:
    """All that are protected; empty: every port."""
    every = any(not host.ports for host in hosts)
    return frozenset() if every else frozenset(port for host in hosts for port in host.ports or ())


def purposes(config: Config, facts: Facts) -> list[Purpose]:
    """What the kernel must be good for."""
    tcx = config.leaving or bool(facts.without_ethernet)
    wanted: dict[Purpose, bool] = {"front": True, "leaving": tcx, "agent": config.has_local}
    return [purpose for purpose, needed in wanted.items() if needed]
