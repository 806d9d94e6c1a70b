"""What front and agent say of it when they start."""

from __future__ import annotations

import logging

from hardtack import journal
from hardtack.diagnosis.finding import Finding, Site
from hardtack.diagnosis.looks import findings
from hardtack.mistake import Mistake


class Hopeless(Mistake):
    """Nobody would be served here."""

    status = 1


def tell(site: Site) -> None:
    """A warning for each finding. Hopeless, before any of them, if one is fatal."""
    found = list(findings(site))
    if fatal := [finding for finding in found if finding.fatal]:
        raise Hopeless("\n".join(map(str, fatal)))
    for finding in found:
        warn(finding)


def warn(finding: Finding) -> None:
    """One line of the journal."""
    journal.note("finding", logging.WARNING, name=finding.name, what=finding.what, remedy=finding.remedy)
