"""Programs alone: BPF_PROG_TEST_RUN repeats one frame. Caches and branch predictors are as warm as they get, no driver,
no neighbour: the least a program can cost, and hardly disturbed by anything. What it leaves out is what the wire adds:
there, every frame is new to the cache.

A repeated frame must stay as it was, or the program would judge its own work. Cut programs change only MAC addresses.
The whole program's answer is followed by the restoring of the frame, and what restoring alone costs is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from hardtack.compiler.objects import compiled
from hardtack.image import ONLY
from hardtack.kernel.datapath import Datapath
from hardtack.lab import programs
from hardtack.lab.bench.contestants import Front
from hardtack.lab.bench.frames import LAYOUTS, TAGGED, arp, segment
from hardtack.lab.bench.steps import CUTS, KINDS, cut
from hardtack.lab.packets.found import original_of
from hardtack.lab.packets.recipe import ACK, LINUX_OPTIONS, SYN
from hardtack.mistake import Mistake
from hardtack.packet.reasons import Reason

REPEAT = 50_000  # runs at a time: a few ms, less than most disturbances
FIN = 0x01
TX = 3  # enum xdp_action
LOOP, AGAIN, RESTORE = "drop", "answered_again", "restored"
ELSEWHERE = {4: "192.0.2.99", 6: "2001:db8::99"}  # protected by nobody
VERSIONS = {4: "IPv4", 6: "IPv6"}


class NotMeasured(Mistake):
    """A program did something else than what was to be measured, so there is no figure. Nobody's mistake but ours."""


@dataclass(frozen=True)
class Job:
    """A program on a frame. `reason`: what the whole program must find; None: a cut program, which must send it back."""

    program: str
    frame: bytes
    reason: Reason | None = None


@dataclass(frozen=True)
class Alone:
    """What a program, or a part of one, costs on a frame: ns, without the loop around it. `fate`: what becomes of it."""

    part: str
    frame: str
    fate: str
    nanoseconds: int


@dataclass
class Workshop:
    """All programs loaded on the front's tables, and what each job took at the least so far, ns."""

    front: Front
    loaded: dict[str, Datapath]
    least: dict[Job, int] = field(default_factory=dict)

    def work(self, attempts: int, told: Callable[[str], None]) -> None:
        """Every job once, again and again: whatever disturbs for a while disturbs all alike."""
        wanted = list(dict.fromkeys(jobs()))
        for number in range(attempts):
            told(f"programs alone, {number + 1} of {attempts}")
            for job in wanted:
                took = self._run(job)
                self.least[job] = min(took, self.least.get(job, took))

    def cost(self, job: Job) -> int:
        """Of the job, without the loop; of an answer, without restoring."""
        return self.least[job] - self.least[Job(RESTORE if job.program == AGAIN else LOOP, job.frame)]

    def _run(self, job: Job) -> int:
        datapath = self.loaded[job.program]
        if job.program in (AGAIN, RESTORE):
            datapath.tables["original"].update(ONLY, original_of(job.frame))
        before = self.front.datapath.counters()
        run = datapath.program.test_run(job.frame, REPEAT)
        counted = [now - then for now, then in zip(self.front.datapath.counters(), before, strict=True)]
        if job.reason is None and job.program != LOOP and run.verdict != TX:
            raise NotMeasured(f"program {job.program} did not get to its end with the frame {job.frame.hex()}")
        if job.reason is not None and (counted[job.reason], sum(counted)) != (REPEAT, REPEAT):
            raise NotMeasured(f"program {job.program} did not always find {job.reason.name} in {job.frame.hex()}")
        return run.nanoseconds


@contextmanager
def open_workshop(front: Front) -> Iterator[Workshop]:
    """Compile and load them all."""
    with ExitStack() as parts:
        loaded = {"front": front.datapath, LOOP: parts.enter_context(Datapath(compiled(programs.DROP)))}
        tables = front.datapath.tables
        for name in (*(name for name, _ in CUTS), AGAIN, RESTORE):
            loaded[name] = parts.enter_context(Datapath(compiled(cut(name)), tables))
            tables = loaded[name].tables  # the cuts' own tables are shared, too
        yield Workshop(front, loaded)


def plain(version: int) -> bytes:
    """The SYN that most clients send."""
    return segment(version, LINUX_OPTIONS)


def fates() -> Iterator[tuple[str, Job]]:
    """The whole program on frames of every fate, and what they are."""
    for version, name in VERSIONS.items():
        yield f"{name} SYN with Linux's options", Job(AGAIN, plain(version), Reason.answered)
        elsewhere = segment(version, LINUX_OPTIONS, to=ELSEWHERE[version])
        yield f"{name} SYN for nobody here", Job("front", elsewhere, Reason.not_ours)
        yield f"{name} ACK for a protected port", Job("front", segment(version, b"", flags=ACK), Reason.not_syn)
        yield f"{name} SYN+FIN", Job("front", segment(version, b"", flags=SYN | FIN), Reason.syn_fin)
    yield "ARP", Job("front", arp(), Reason.not_ip)


def layouts() -> Iterator[tuple[str, Job, Job]]:
    """SYNs with options of every layout: what they are, the program that reads them, the one that ends before."""
    for title, options in LAYOUTS.items():
        frame = segment(4, options)
        yield title, Job("options_read", frame), Job("dated", frame)


def tags() -> Iterator[tuple[str, Job]]:
    """Parsing, with VLAN tags and without."""
    for number, title in enumerate(("no tag", "one VLAN tag", "two VLAN tags")):
        yield f"IPv4, {title}", Job("parsed", segment(4, LINUX_OPTIONS, tag=TAGGED * number))


def jobs() -> Iterator[Job]:
    """Everything to be measured, and what is subtracted from it."""
    for job in _measured():
        yield job
        yield Job(RESTORE if job.program == AGAIN else LOOP, job.frame)


def _measured() -> Iterator[Job]:
    yield from (job for _, job in fates())
    for _, reading, before in layouts():
        yield from (reading, before)
    yield from (job for _, job in tags())
    for kind in KINDS:
        yield from (Job(name, plain(kind.version)) for name, _ in CUTS[:-1])


def told(workshop: Workshop) -> list[Alone]:
    """The figures for people."""
    found = [Alone("whole", title, job.reason.name, workshop.cost(job)) for title, job in fates() if job.reason is not None]
    for title, reading, before in layouts():
        found.append(Alone("options", title, "", workshop.cost(reading) - workshop.cost(before)))
    return found + [Alone("parse", title, "", workshop.cost(job)) for title, job in tags()]


def by_step(workshop: Workshop) -> dict[tuple[str, str], int]:
    """Names of a cut and of a kind of frame -> ns of all steps up to that one; the whole program is "hardtack"."""
    found = {}
    for kind in KINDS:
        for name, _ in CUTS[:-1]:
            found[name, kind.name] = workshop.cost(Job(name, plain(kind.version)))
        found["hardtack", kind.name] = workshop.cost(Job(AGAIN, plain(kind.version), Reason.answered))
    return found
