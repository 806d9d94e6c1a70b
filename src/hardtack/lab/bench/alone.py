"""Programs alone: BPF_PROG_TEST_RUN repeats one frame. Caches and branch predictors are as warm as they get, no driver,
no neighbour: the least a program can cost, and hardly disturbed by anything. What it leaves out is what the wire adds:
there, every frame is new to the cache.

A repeated frame must stay as it was, or the program would judge its own work. Cut programs change only MAC addresses.
What answers a frame, or sends it on, is followed by the restoring of the frame, and what restoring alone costs is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from hardtack.compiler.objects import compiled
from hardtack.image import ONLY
from hardtack.kernel.datapath import Datapath
from hardtack.lab import programs
from hardtack.lab.bench.frames import LAYOUTS, TAGGED, arp, known, segment
from hardtack.lab.bench.front import EXPECTED, Fronts
from hardtack.lab.bench.kinds import STEPPED, VERSIONS, Kind
from hardtack.lab.bench.steps import NAMES, cut, taken
from hardtack.lab.packets.found import original_of
from hardtack.lab.packets.recipe import ACK, FIN, LINUX_OPTIONS, RST, SYN
from hardtack.mistake import Mistake
from hardtack.packet.reasons import Reason, Verdict, verdict

REPEAT = 50_000  # runs at a time: a few ms, less than most disturbances
TX = 3  # enum xdp_action
LOOP, WHOLE, AGAIN, RESTORE, HASH = "drop", "front", "whole_again", "restored", "siphash"
CHANGED = (Verdict.REPLY, Verdict.FORWARD)  # verdicts after which a frame is another
ELSEWHERE = {4: "192.0.2.99", 6: "2001:db8::99"}  # protected by nobody


class NotMeasured(Mistake):
    """A program did something else than what was to be measured, so there is no figure. Nobody's mistake but ours."""


@dataclass(frozen=True)
class Job:
    """A program on a frame. `reasons`: what the whole program may find; none: another one.

    `version`: of the connections that the tables are full of.
    """

    program: str
    frame: bytes
    version: int = 4
    reasons: tuple[Reason, ...] = ()

    @property
    def besides(self) -> Job:
        """What is run together with this one, and has to be taken off."""
        return replace(self, program=RESTORE if self.program == AGAIN else LOOP, reasons=())


@dataclass(frozen=True)
class Alone:
    """What a program, or a part of one, costs on a frame: ns, without the loop around it. `fate`: what becomes of it."""

    part: str
    frame: str
    fate: str
    nanoseconds: int


@dataclass
class Workshop:
    """All programs loaded on the tables of each IP version's full front, and what each job took at the least so far, ns."""

    fronts: Fronts
    loaded: dict[tuple[str, int], Datapath]
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
        """Of the job, without the loop; of what changes the frame, without restoring it."""
        return self.least[job] - self.least[job.besides]

    def _run(self, job: Job) -> int:
        datapath, front = self.loaded[job.program, job.version], self.fronts.of(job.version)
        if job.program in (AGAIN, RESTORE):
            datapath.tables["original"].update(ONLY, original_of(job.frame))
        before = front.reasons()
        run = datapath.program.test_run(job.frame, REPEAT)
        counted = [now - then for now, then in zip(front.reasons(), before, strict=True)]
        if not job.reasons and job.program not in (LOOP, HASH) and run.verdict != TX:
            raise NotMeasured(f"program {job.program} did not get to its end with the frame {job.frame.hex()}")
        if job.reasons and (sum(counted[reason] for reason in job.reasons), sum(counted)) != (REPEAT, REPEAT):
            raise NotMeasured(f"program {job.program} did not always find {fate(job)} in {job.frame.hex()}")
        return run.nanoseconds


@contextmanager
def open_workshop(fronts: Fronts) -> Iterator[Workshop]:
    """Compile and load them all."""
    with ExitStack() as parts:
        drop = parts.enter_context(Datapath(compiled(programs.DROP)))
        loaded: dict[tuple[str, int], Datapath] = {}
        for version in VERSIONS:
            front = fronts.of(version).datapath
            loaded |= {(WHOLE, version): front, (LOOP, version): drop}
            tables = front.tables
            for name in (*NAMES, AGAIN, RESTORE, HASH):
                made = parts.enter_context(Datapath(compiled(cut(name)), tables))
                loaded[name, version], tables = made, made.tables  # the cuts' own tables are shared, too
        yield Workshop(fronts, loaded)


def frame_of(kind: Kind) -> bytes:
    """One of the frames that the wire brings."""
    if kind.sends == "known":
        return known(kind.version)
    return segment(
        kind.version, LINUX_OPTIONS if kind.options == "linux" else b"", flags=SYN if kind.sends == "syn" else ACK
    )


def whole(frame: bytes, *reasons: Reason, version: int = 4) -> Job:
    """The whole program."""
    return Job(AGAIN if verdict(reasons[0]) in CHANGED else WHOLE, frame, version, reasons)


def fate(job: Job) -> str:
    """What the whole program finds."""
    return " or ".join(reason.name for reason in job.reasons)


def fates() -> Iterator[tuple[str, Job]]:
    """The whole program on frames of every fate, and what they are."""
    for kind in STEPPED:
        yield kind.title, whole(frame_of(kind), *EXPECTED[kind.sends], version=kind.version)
    for version, name in VERSIONS.items():
        elsewhere = segment(version, LINUX_OPTIONS, to=ELSEWHERE[version])
        yield f"SYN for nobody here, {name}", whole(elsewhere, Reason.not_ours, version=version)
        yield f"SYN+FIN, {name}", whole(segment(version, b"", flags=SYN | FIN), Reason.syn_fin, version=version)
        yield f"RST of no connection, {name}", whole(segment(version, b"", flags=RST), Reason.stray_rst, version=version)
        yield f"no flags at all, {name}", whole(segment(version, b"", flags=0), Reason.null, version=version)
    yield "ARP", whole(arp(), Reason.not_ip)


def layouts() -> Iterator[tuple[str, Job, Job]]:
    """SYNs with options of every layout: what they are, the program that reads them, the one that ends before."""
    for title, options in LAYOUTS.items():
        frame = segment(4, options)
        yield title, Job("options_read", frame), Job("judged_so_far", frame)


def tags() -> Iterator[tuple[str, Job]]:
    """Parsing, with VLAN tags and without."""
    for number, title in enumerate(("no tag", "one VLAN tag", "two VLAN tags")):
        yield f"IPv4, {title}", Job("parsed", segment(4, LINUX_OPTIONS, tag=TAGGED * number))


def hashes() -> Iterator[tuple[int, Job]]:
    """SipHash over what the cookie of each IP version is made of."""
    for version in VERSIONS:
        yield version, Job(HASH, segment(version, b"", flags=ACK), version)


def jobs() -> Iterator[Job]:
    """Everything to be measured, and what is subtracted from it."""
    for job in _measured():
        yield job
        yield job.besides


def _measured() -> Iterator[Job]:
    yield from (job for _, job in fates())
    for _, reading, before in layouts():
        yield from (reading, before)
    yield from (job for _, job in tags())
    yield from (job for _, job in hashes())
    for kind in STEPPED:
        yield from (_step(name, kind) for name, _ in taken(kind))


def _step(name: str, kind: Kind) -> Job:
    return Job(name, frame_of(kind), kind.version)


def told(workshop: Workshop) -> list[Alone]:
    """The figures for people."""
    found = [Alone("whole", title, fate(job), workshop.cost(job)) for title, job in fates()]
    for title, reading, before in layouts():
        found.append(Alone("options", title, "", workshop.cost(reading) - workshop.cost(before)))
    found += [Alone("parse", title, "", workshop.cost(job)) for title, job in tags()]
    return found + [Alone("hash", VERSIONS[version], "", cost) for version, cost in siphash(workshop).items()]


def siphash(workshop: Workshop) -> dict[int, int]:
    """IP version -> ns of one SipHash call."""
    return {version: workshop.cost(job) for version, job in hashes()}


def by_step(workshop: Workshop) -> dict[tuple[str, str], int]:
    """Names of a cut and of a kind of frame -> ns of all steps up to that one; the whole program is "hardtack"."""
    found = {}
    for kind in STEPPED:
        for name, _ in taken(kind):
            found[name, kind.name] = workshop.cost(_step(name, kind))
        found["hardtack", kind.name] = workshop.cost(whole(frame_of(kind), *EXPECTED[kind.sends], version=kind.version))
    return found
