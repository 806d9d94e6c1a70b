"""What frames cost this tree's front, beside the front of another revision, slice by slice in one run.

    .venv/bin/python bench/beside.py REVISION [ROUNDS] [KIND ...]        root; from the project's folder

Each revision has a process, a network and tables of its own; they take turns, so that whatever else the machine does hits
both alike. Told is CPU ns a frame, the median of all rounds and between lower quartiles, and the median of the rounds'
ratios. Forged ACKs come from two prefixes: what a flood from few costs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

FEW = {4: "198.18.0.0/23", 6: "2001:db8:f100::/47"}  # two prefixes that forged ACKs claim to come from
KINDS = ["ipv4", "ipv6", "ack4", "ack6", "known4-1000000", "known6-1000000"]  # by Kind.name of lab/bench/kinds.py
ROUNDS = 20
FRAMES = 300_000  # in a slice
HERE = Path(__file__).resolve().parents[1]


def serve(kinds: list[str]) -> None:
    """In a revision's own process: measure whatever is asked for on standard input; a line of JSON each."""
    from hardtack.lab.bench import contestants
    from hardtack.lab.bench import kinds as every
    from hardtack.lab.bench.front import open_fronts
    from hardtack.lab.bench.ground import open_ground
    from hardtack.lab.bench.rounds import Entry

    def from_few(target: Any, kind: Any, options: Any, **given: Any) -> bytes:
        return recipe_for(target, kind, options, **given, sources=FEW[target.version] if kind == "ack" else "")

    recipe_for, every.recipe_for = every.recipe_for, from_few  # type: ignore[attr-defined]
    with open_ground() as place, open_fronts(place) as fronts, contestants.yardsticks(place, fronts) as bounds:
        entries = {}
        for one in [*contestants.hardtack(fronts), *bounds]:
            name = "drop" if one.name == "drop" else one.name
            entries |= {f"{name} {kind.name}": Entry(one, kind) for kind in one.kinds if kind.name in kinds}
        print(json.dumps(sorted(entries)), flush=True)
        for line in sys.stdin:
            entry = entries[line.strip()]
            fronts.keep_up()
            with entry.contestant.arrange():
                place.put(entry.contestant.program)
                place.warm_up(entry.kind)
                print(json.dumps(place.slice(entry.kind, FRAMES).cost), flush=True)


def ask(process: subprocess.Popen[str], what: str) -> Any:
    """One question, and its answer."""
    assert process.stdin and process.stdout
    process.stdin.write(what + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def begin(tree: Path, kinds: list[str]) -> subprocess.Popen[str]:
    """The process of a revision."""
    command = [sys.executable, __file__, "--serve", *kinds]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def compare(revision: str, rounds: int, kinds: list[str]) -> None:
    """All of it."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / "tree"
        subprocess.run(["git", "-C", HERE, "worktree", "add", "--quiet", "--detach", there, revision], check=True)
        processes: list[subprocess.Popen[str]] = []
        try:
            processes = [begin(tree, kinds) for tree in (there, HERE)]
            known = [json.loads(process.stdout.readline()) for process in processes if process.stdout]
            wanted = [what for what in known[0] if what in known[1]]
            found: dict[str, list[tuple[float, float]]] = {what: [] for what in wanted}
            for number in range(rounds):
                for what in wanted:
                    turns = [0, 1] if number % 2 else [1, 0]
                    costs = {turn: ask(processes[turn], what) for turn in turns}
                    found[what].append((costs[0], costs[1]))
                print(f"round {number + 1} of {rounds}", file=sys.stderr)
            tell(revision, found)
        finally:
            for process in processes:
                if process.stdin:
                    process.stdin.close()
                process.wait()
            subprocess.run(["git", "-C", HERE, "worktree", "remove", "--force", there], check=True)


def tell(revision: str, found: dict[str, list[tuple[float, float]]]) -> None:
    """A line for each contestant and kind of frame."""
    print(f"{'CPU ns a frame':40} {revision[:12]:>16} {'here':>16} {'ratio':>7} {'quiet':>7}")
    for what, pairs in found.items():
        before, now = zip(*pairs, strict=True)
        quiet = [quantiles(one, n=4, method="inclusive")[0] if len(one) > 1 else one[0] for one in (before, now)]
        ratio = median(mine / its for its, mine in pairs)
        medians = [f"{median(one):.0f} ({low:.0f})" for one, low in zip((before, now), quiet, strict=True)]
        print(f"{what:40} {medians[0]:>16} {medians[1]:>16} {ratio:7.2f} {quiet[1] / quiet[0]:7.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2:])
    else:
        counts = [int(word) for word in sys.argv[2:3]]
        compare(sys.argv[1], counts[0] if counts else ROUNDS, sys.argv[3:] or KINDS)
