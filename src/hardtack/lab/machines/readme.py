"""README's table of kernels, made of what was last seen: `python -m hardtack.lab.machines.readme [out/kernels.json]`.

With a file, its kernels take the places of the same ones in docs/kernels.json first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hardtack.lab.machines import record
from hardtack.lab.machines.expected import expected
from hardtack.lab.machines.outcomes import Outcome
from hardtack.lab.machines.packages import HERE
from hardtack.lab.machines.record import Seen

README, RECORD = HERE / "README.md", HERE / "docs" / "kernels.json"
BEGIN, END = "<!-- kernels: made of docs/kernels.json by lab/machines/readme.py -->\n", "<!-- kernels: end -->\n"
PLACE = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)
REFUSED = "no; it logs why"
WORDS = {Outcome.good: "yes", Outcome.answered: "yes", Outcome.refused: REFUSED, Outcome.bad: "no", None: "not tried"}


def main() -> None:
    """As the module's docstring says."""
    seen = record.read(RECORD) if RECORD.exists() else []
    if len(sys.argv) > 1:
        seen = record.merged(seen, record.read(Path(sys.argv[1])))
        record.write(RECORD, seen)
    README.write_text(PLACE.sub(lambda _: rows(seen), README.read_text()))


def rows(every: Sequence[Seen]) -> str:
    """The table, as Markdown."""
    lines = ["| Debian's kernel | front works | agent works | network scenarios as expected |", "|---|---|---|---|"]
    for seen in every:
        name = f"{seen.kernel.name} ({seen.release})"
        lines.append(f"| {name} | {front(seen)} | {agent(seen)} | {tally(seen)} |")
    return "\n".join(lines) + "\n"


def front(seen: Seen) -> str:
    """Whether a front works there, by the plainest network."""
    return WORDS[seen.outcome("veth")]


def agent(seen: Seen) -> str:
    """Whether an agent does."""
    outcome = seen.outcome("veth")
    return REFUSED if outcome is Outcome.answered else WORDS[outcome]


def tally(seen: Seen) -> str:
    """How many of how many: clients were served there, or what cannot be was refused."""
    networks = [result for result in seen.results if result.name != "doctor" and not result.name.startswith("program ")]
    good = sum(result.outcome == expected(seen.kernel, result.name)[0] for result in networks)
    return f"{good} of {len(networks)}"


if __name__ == "__main__":
    main()
