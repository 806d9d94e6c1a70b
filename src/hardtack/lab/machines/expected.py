"""How each result should be on each kernel: good, unless a row here says otherwise, and why."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from hardtack.lab.machines.kernels import KERNELS, Kernel
from hardtack.lab.machines.outcomes import Outcome

BEFORE_AGENTS = tuple(kernel.name for kernel in KERNELS if not kernel.agent)


@dataclass(frozen=True)
class Exemption:
    """Results with such names (* for anything) come to `outcome` on these kernels; on all, if none are named."""

    names: str
    outcome: Outcome
    why: str
    kernels: tuple[str, ...] = ()


# The first that fits counts.
EXEMPTIONS = (
    Exemption("doctor", Outcome.answered, "no agent before Linux 6.9", BEFORE_AGENTS),
    Exemption("*", Outcome.refused, "the verifier of 6.1 refuses the front's programs", ("6.1",)),
)


def expected(kernel: Kernel, name: str) -> tuple[Outcome, str]:
    """What should come of it, and why if that is not all that could be wished."""
    for one in EXEMPTIONS:
        if fnmatchcase(name, one.names) and (not one.kernels or kernel.name in one.kernels):
            return one.outcome, one.why
    return Outcome.good, ""
