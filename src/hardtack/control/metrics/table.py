"""The tables of docs/metrics.md, from the metrics themselves: `python -m hardtack.control.metrics.table docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from hardtack.agent.families import AGENT, Family
from hardtack.control.metrics.families import ALL, EXPORTER
from hardtack.control.metrics.lines import TRAFFIC

BEGIN, END = "<!-- generated: {} -->\n", "<!-- end -->"
HEADINGS = "| metric | kind | labels | series at most | meaning |\n|---|---|---|---|---|\n"
PARTS = {
    "front": [family for family in ALL if family not in EXPORTER],
    "exporter": [*EXPORTER],
    "agent": [*AGENT],
}


def table(families: Iterable[Family]) -> str:
    """A row for each."""
    rows = (
        f"| `{one.full}` | {one.kind} | {', '.join(f'`{name}`' for name in one.labels) or '-'} | {one.most} | {one.help} |\n"
        for one in families
    )
    return HEADINGS + "".join(rows)


def rewritten(text: str) -> str:
    """A document with its tables made anew. ValueError if it has no place for one."""
    for name, families in PARTS.items():
        begin = BEGIN.format(name)
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(END)
        if not (found and ended):
            raise ValueError(f"no place for the table {name}: write {begin.strip()} and {END}")
        text = f"{before}{begin}\n{table(families)}\n{END}{after}"
    return text


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{path}: {sum(map(len, PARTS.values()))} metrics; in InfluxDB also {TRAFFIC}")
