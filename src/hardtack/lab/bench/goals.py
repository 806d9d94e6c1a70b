"""What the project promises, beside what was measured. No exit status hangs on it: machines differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from hardtack.lab.bench.contestants import EMPTY, NAME
from hardtack.lab.bench.figures import MIRROR, paired, quartile
from hardtack.lab.bench.forged import Forged
from hardtack.lab.bench.handshakes import Handshakes
from hardtack.lab.bench.in_memory import Memories
from hardtack.lab.bench.kinds import KNOWN, VERSIONS
from hardtack.lab.bench.reload import Reload
from hardtack.lab.bench.rounds import Entry, Samples
from hardtack.lab.bench.rules import Rules
from hardtack.lab.bench.scale import Scale
from hardtack.lab.bench.sizes import Memory, Size
from hardtack.lab.bench.start import Start
from hardtack.lab.bench.watched import Watched

TO_MIRROR, TO_COOKIES = 1.5, 1 / 15  # of a SYN with full options
FORGED = 1.4  # of a forged ACK, to an XDP drop and one SipHash
SENT_ON = 1.6  # of a segment of a known connection that goes straight on, to the mirror
MOST_BYTES = 160  # a connection
MOST_VERIFIED, MOST_LOADING = 400_000, 1.0  # the kernel refuses a program of a million (BPF_COMPLEXITY_LIMIT_INSNS)
MOST_WARM, MOST_COLD = 1.0, 15.0  # s
MOST_VERIFIED_RULED = 600_000  # of those that go on behind rule programs
MOST_RELOAD, MOST_RULE_RELOAD = 0.1, 1.0  # s
MOST_RULES = 40  # ns, of ten
MOST_CHALLENGED, MOST_OPENED = 1.0, 40  # to a SYN answered with a cookie; ns beside a known segment
MOST_SOURCE_BYTES = 32
MOST_METRICS, MOST_CAPTURE = 1.03, 1.05  # to a front that nobody watches
MOST_IN_MEMORY, MOST_KNOWN_IN_MEMORY = 40, 50  # ns a frame in bursts; of known connections
MOST_TWO = 1 / 1.8  # of two workers, to one
MOST_LISTED, MOST_MANY = 60, 15  # ns, of a list of sources; of many hosts beside one


@dataclass(frozen=True)
class Goal:
    """What was promised: at most `limit`. `quiet`: the same ratio between lower quartiles; both must hold."""

    text: str
    limit: float
    measured: float
    quiet: float | None = None

    @property
    def met(self) -> bool:
        """Whether it was kept in this run."""
        return max(self.measured, self.quiet or 0.0) <= self.limit


def goals(
    samples: Samples, acks: Sequence[Forged], memory: Memory, sizes: Sequence[Size], start: Start, reload: Reload
) -> list[Goal]:
    """All of them."""
    found = [*_costs(samples)]
    found += [Goal(f"{one.title}: to drop + SipHash", FORGED, one.ratio, one.quiet) for one in acks]
    found.append(Goal("bytes of memory a connection", MOST_BYTES, memory.each))
    for size in sizes:
        most = MOST_VERIFIED_RULED if size.program.endswith("_ruled") else MOST_VERIFIED
        found.append(Goal(f"{size.program}: verifier instructions", most, size.verified))
        found.append(Goal(f"{size.program}: seconds to load", MOST_LOADING, size.loading))
    return [
        *found,
        Goal("front: seconds until ready", MOST_WARM, start.warm),
        Goal("front: seconds until ready, cache empty", MOST_COLD, start.cold),
        Goal("reload: seconds from saving the file until a host acts", MOST_RELOAD, reload.host),
        Goal("reload: seconds from saving the file until an address acts", MOST_RELOAD, reload.address),
        Goal("reload: seconds from saving the file until a rule acts", MOST_RULE_RELOAD, reload.rule),
        Goal("reload: seconds from saving a list until a prefix acts", MOST_RELOAD, reload.prefix),
        Goal(f"reload: seconds until a host acts, {reload.many:,} others in files of their own", MOST_RELOAD, reload.among),
        Goal(f"reload: seconds until a host acts, {reload.many:,} others in its file", MOST_RULE_RELOAD, reload.large),
    ]


def rule_goals(found: Sequence[Rules]) -> list[Goal]:
    """What rules cost."""
    return [Goal(f"{one.many} rules over {VERSIONS[one.version]}: ns a frame", MOST_RULES, one.cost) for one in found]


def handshake_goals(found: Sequence[Handshakes]) -> Iterator[Goal]:
    """What the first segments of connections cost."""
    for one in found:
        over, ratio, more = VERSIONS[one.version], one.challenged / one.answered, one.opened - one.known
        yield Goal(f"a SYN challenged over {over}: cost to one answered with a cookie", MOST_CHALLENGED, ratio)
        yield Goal(f"a SYN of a proven source sent on over {over}: ns beside a known segment", MOST_OPENED, more)
        yield Goal(f"the same beside any of 1,000,000 known, over {over}", MOST_OPENED, one.opened - one.any)
        yield Goal("bytes of memory a proven source", MOST_SOURCE_BYTES, one.bytes)


def scale_goals(found: Sequence[Scale]) -> Iterator[Goal]:
    """What many hosts and long lists cost."""
    for one in found:
        over = VERSIONS[one.version]
        yield Goal(f"{one.denied:,} denied prefixes over {over}: ns a frame", MOST_LISTED, one.listed - one.one)
        found_later, later = one.found_many - one.found_one, one.many - one.one
        yield Goal(f"{one.hosts:,} hosts beside one, over {over}: ns until the host is known", MOST_MANY, found_later)
        yield Goal(f"{one.hosts:,} hosts beside one, over {over}: ns a frame", MOST_MANY, later)


def memory_goals(found: Memories) -> Iterator[Goal]:
    """What one core does in memory, and two."""
    for one in found.figures:
        limit = MOST_KNOWN_IN_MEMORY if one.known else MOST_IN_MEMORY
        yield Goal(f"in memory: {one.title}: ns a frame", limit, one.burst)
    if found.two:
        yield Goal("in memory: two workers: time for a frame, to that of one", MOST_TWO, 1 / found.two)


def watch_goals(seen: Watched) -> list[Goal]:
    """What it costs to be watched."""
    return [
        Goal("metrics scraped each second and top open: cost compared to no observer", MOST_METRICS, seen.metrics_ratio),
        Goal("a capture of 1/1000: cost compared to no observer", MOST_CAPTURE, seen.capture_ratio),
    ]


def _costs(samples: Samples) -> Iterator[Goal]:
    """Of SYNs with full options, and of segments of known connections."""
    for entry in samples:
        if entry.contestant.name not in (NAME, EMPTY):
            continue
        if entry.kind in KNOWN:
            yield _cost(entry, MIRROR, "the mirror's", SENT_ON, samples)
        elif entry.kind.options == "linux":
            yield _cost(entry, MIRROR, "the mirror's", TO_MIRROR, samples)
            yield _cost(entry, "cookies", "SYN cookies'", TO_COOKIES, samples)


def _cost(entry: Entry, other: str, whose: str, limit: float, samples: Samples) -> Goal:
    ours, theirs = zip(*paired(entry, other, samples), strict=True)
    ratio = median(mine / its for mine, its in zip(ours, theirs, strict=True))
    text = f"{entry.kind.title}: {entry.contestant.title}: cost to {whose}"
    return Goal(text, limit, ratio, quartile(ours, 1) / quartile(theirs, 1))
