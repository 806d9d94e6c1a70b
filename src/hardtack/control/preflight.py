"""What this machine is to a configuration, before a front starts: what it lacks, and what stands in the way.

`hardtack check` tells it in notes, for the file may be meant for another machine; `hardtack front` refuses to start without
what is lacking, and warns of the rest. Both by the same functions here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hardtack.control.adoption import left_behind
from hardtack.control.configuration.schema import Config
from hardtack.control.plan import sites
from hardtack.control.token_file import read_token
from hardtack.control.ways import ways
from hardtack.diagnosis import looks
from hardtack.diagnosis.finding import Finding
from hardtack.diagnosis.telling import Hopeless, warn
from hardtack.kernel import features, interfaces, tcp
from hardtack.keys import read_key, read_masters
from hardtack.mistake import Mistake


class Unfit(Mistake):
    """All that is lacking here, a line each."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.status = max(mistake.status for mistake in mistakes)


@dataclass
class Lacking:
    """Collects mistakes, each once."""

    found: dict[str, Mistake] = field(default_factory=dict)

    def of(self, look: Callable[..., object], *arguments: object) -> None:
        """That one of `look`, if it raises it."""
        try:
            look(*arguments)
        except Mistake as mistake:
            self.found.setdefault(str(mistake), mistake)


def lacking(config: Config) -> list[Mistake]:
    """What a front of this configuration cannot do without: interfaces, of the right kind, keys, and a token."""
    front, found = config.front, Lacking()
    for name in (*front.uplinks, *front.inside):
        found.of(interfaces.require_ip, name)
    for name in dict.fromkeys(host.out for host in config.hosts if host.out):
        found.of(interfaces.find, name)
    for host in [host for host in config.hosts if host.via in ("direct", "mac")][:1]:
        for name in front.uplinks:
            found.of(interfaces.require_ethernet, name, f'write via = "kernel" for host "{host.name}"')
    for file in config.key_files:
        found.of(read_key, file)
    for pair in config.key_pairs:
        found.of(read_masters, *pair)
    if config.metrics.influx_token_file:
        found.of(read_token, config.metrics.influx_token_file)
    if config.events.token_file:
        found.of(read_token, config.events.token_file)
    return list(found.found.values())


def findings(config: Config) -> Iterator[Finding]:
    """What stands in the way of programs and hosts."""
    for site in sites(config, tcp.own()):
        yield from looks.findings(site)
    yield from ways(config)
    yield from left_behind(but=config.front.uplinks)


def notes(config: Config) -> list[str]:
    """All of it, a line each."""
    lacks = lacking(config)
    return [*map(str, lacks), *map(str, left_behind(but=config.front.uplinks) if lacks else findings(config))]


def require(config: Config) -> None:
    """Unfit, if something is lacking; before that what `features.require` raises: without rights nothing else counts."""
    if lacks := lacking(config):
        features.require(["front"])
        raise Unfit(lacks)


def warn_of_all(config: Config) -> None:
    """A warning for each finding. Hopeless, before any of them, if one is fatal."""
    found = list(findings(config))
    if fatal := [finding for finding in found if finding.fatal]:
        raise Hopeless("\n".join(map(str, fatal)))
    for finding in found:
        warn(finding)
