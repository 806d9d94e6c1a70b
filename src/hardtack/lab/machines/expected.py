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
    Exemption("program leaving", Outcome.refused, "kernel functions that Linux 6.1 lacks", ("6.1",)),
    Exemption("program *_ip", Outcome.refused, "kernel functions that Linux 6.1 lacks", ("6.1",)),
    Exemption("program *_ip_ruled", Outcome.refused, "kernel functions that Linux 6.1 lacks", ("6.1",)),
    Exemption("program agent", Outcome.refused, "no kernel function to make sockets by before Linux 6.9", BEFORE_AGENTS),
    Exemption("program *", Outcome.good, "a front needs no more than Linux 6.1", BEFORE_AGENTS),
    Exemption("*, local", Outcome.refused, "front and agent are one, and there is no agent before Linux 6.9", BEFORE_AGENTS),
    Exemption("GRE to the host", Outcome.refused, "without `inside`, what leaves teaches: Linux 6.6", ("6.1",)),
    Exemption("*", Outcome.answered, "no agent before Linux 6.9", BEFORE_AGENTS),
)


def expected(kernel: Kernel, name: str) -> tuple[Outcome, str]:
    """What should come of it, and why if that is not all that could be wished."""
    for one in EXEMPTIONS:
        if fnmatchcase(name, one.names) and (not one.kernels or kernel.name in one.kernels):
            return one.outcome, one.why
    return Outcome.good, ""
