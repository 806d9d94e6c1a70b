"""Number, verdict and meaning in the table of docs/counters.md, from the code: `python scripts/reasons.py docs/counters.md`.

Who counts a reason, and what it means when it grows, is kept; a new reason gets a row to fill in.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from hardtack.packet.reasons import Reason, verdict

ROW = re.compile(r"^\| `(\w+)` \| \d+ \| .* \| (\w*) \| (.*) \|\n", re.MULTILINE)  # its name, who counts it, if it grows


def row(reason: Reason, by: str, growth: str) -> str:
    """A line of the table."""
    return f"| `{reason.name}` | {int(reason)} | {verdict(reason).name} | {reason.text} | {by} | {growth} |\n"


def rewritten(text: str) -> str:
    """The document with its table made anew. ValueError if it has none."""
    rows = [*ROW.finditer(text)]
    if not rows:
        raise ValueError("there is no table of reasons")
    kept = {match[1]: (match[2], match[3]) for match in rows}
    made = "".join(row(reason, *kept.get(reason.name, ("", ""))) for reason in Reason)
    return text[: rows[0].start()] + made + text[rows[-1].end() :]


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{path}: {len(Reason)} reasons")
