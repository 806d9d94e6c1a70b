"""What this kernel can do of what Hardtack needs, and what to do about the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hardtack.kernel import bpf, bpffs, btf, trials
from hardtack.mistake import Mistake

Purpose = Literal["front", "leaving", "agent", "lab"]  # leaving: a front that learns from frames that leave


@dataclass(frozen=True)
class Feature:
    """One thing that a kernel may have. `present` is None where it could not be tried; `found` says why, or why it is no."""

    name: str
    present: bool | None
    needed_for: str
    remedy: str
    purposes: tuple[Purpose, ...] = ()  # what does not work without it
    found: str = ""

    def __str__(self) -> str:
        """One line, with the remedy if it is not there."""
        if self.present:
            return f"{self.name}: yes"
        answer = "no" if self.present is False else "not known"
        answer += f" ({self.found})" if self.found else ""
        return f"{self.name}: {answer}; needed for {self.needed_for}; {self.remedy}"


class Unable(Mistake):
    """The user, or this kernel, lacks something that cannot be done without."""

    status = 1


@dataclass(frozen=True)
class Trial:
    """A feature yet to be tried."""

    feature: Feature
    attempt: Callable[[], bool]
    privileged: bool = True  # whether it takes privileges to try


def probe(vmlinux: Path = btf.VMLINUX, mounts: Path = bpffs.MOUNTS) -> list[Feature]:
    """Everything, tried, in the order in which an operator would mend it. Attaches nothing anywhere."""
    return [tried(trial) for trial in basics() + sockets(vmlinux) + surroundings(mounts)]


def missing(features: Iterable[Feature], purpose: Purpose) -> list[Feature]:
    """What `purpose` lacks, most basic first."""
    return [feature for feature in features if purpose in feature.purposes and not feature.present]


def require(purposes: Iterable[Purpose]) -> None:
    """Unable, with a line for each thing that one of the purposes lacks. Without the rights to try, that is all of it."""
    if not bpf.privileged():
        raise Unable(f"attaching programs to an interface: {bpf.PRIVILEGES}")
    found = probe()
    lacking = dict.fromkeys(feature for purpose in purposes for feature in missing(found, purpose))
    if lacking:
        raise Unable("\n".join(map(str, lacking)))


def enough(features: Iterable[Feature], purpose: Purpose) -> bool:
    """Whether `purpose` can do its work here."""
    return not missing(features, purpose)


def tried(trial: Trial) -> Feature:
    """The feature with its answer. Without privileges most trials would fail for that reason: then it is not known."""
    feature = trial.feature
    if trial.privileged and not bpf.privileged():
        return replace(feature, present=None, found="only root can try")
    try:
        return replace(feature, present=trial.attempt())
    except (OSError, Mistake) as error:
        return replace(feature, present=None, found=str(error).splitlines()[0])


def basics() -> list[Trial]:
    """What every part needs."""
    all_of_it: tuple[Purpose, ...] = ("front", "leaving", "agent", "lab")
    front: tuple[Purpose, ...] = ("front", "leaving", "lab")
    root = Feature("privileges", None, "everything", bpf.PRIVILEGES, all_of_it)
    xdp = Feature("XDP programs", None, "answering SYNs", newer("5.18"), front)
    jit = Feature("JIT compiler", None, "speed, kernel functions", "sysctl -w net.core.bpf_jit_enable=1", all_of_it)
    clock = Feature("coarse clock", None, "cookies that expire", newer("5.11"), all_of_it)
    frames = Feature("XDP frame calls", None, "reading options, jumbo frames", newer("5.18"), front)
    attach = Feature("XDP links", None, "attaching the front", newer("5.9"), front)
    return [
        Trial(root, bpf.privileged, privileged=False),
        Trial(xdp, trials.xdp_programs),
        Trial(jit, trials.jit),
        Trial(clock, trials.coarse_clock),
        Trial(frames, trials.frame_calls),
        Trial(attach, trials.xdp_links),
    ]


def sockets(vmlinux: Path) -> list[Trial]:
    """What turns a cookie into a socket on the host."""
    agent: tuple[Purpose, ...] = ("agent", "lab")
    both: tuple[Purpose, ...] = (*agent, "leaving")
    types = Feature("BTF", None, "finding kernel functions", "use a kernel built with CONFIG_DEBUG_INFO_BTF=y", both)
    remedy = f'{newer("6.9")}; handshake = "challenge" does not need it'
    assign = Feature(trials.ASSIGN, None, "creating sockets from cookies", remedy, agent)
    remedy = "sysctl -w net.ipv4.tcp_syncookies=1 (the default): with 0 the kernel accepts no cookies"
    cookies = Feature("cookies allowed", None, "creating sockets from cookies", remedy, agent)
    remedy = f'{newer("6.6")}; a front does not need it if `inside` is set and no host has via = "local"'
    leaving = Feature("tcx links", None, "attaching the agent, learning from outgoing traffic", remedy, both)
    return [
        Trial(types, lambda: btf.readable(vmlinux), privileged=False),
        Trial(assign, lambda: trials.assign(vmlinux)),
        Trial(cookies, trials.cookies_allowed, privileged=False),
        Trial(leaving, trials.tcx_links),
    ]


def surroundings(mounts: Path) -> list[Trial]:
    """What only some uses need."""
    pins = Feature("bpffs", None, "protection that outlives its process", "mount -t bpf bpf /sys/fs/bpf")
    live = Feature("live frames", None, "the floods of demo and bench", newer("5.18"), ("lab",))
    step = Feature("clock synchronised", None, "cookies between machines", "run chrony or systemd-timesyncd")
    return [
        Trial(pins, lambda: bpffs.mounted(mounts=mounts), privileged=False),
        Trial(live, trials.live_frames),
        Trial(step, trials.clock_in_step, privileged=False),
    ]


def newer(version: str) -> str:
    """The remedy for what a later kernel has."""
    return f"Linux {version} or newer has it; this is {os.uname().release}"
