"""Fuzz the packet program: PYTHONPATH=src:tests .venv/bin/python -m fuzz CORPUS [libFuzzer's options]

CORPUS is a folder: inputs that reach something new are kept there; if it is empty, it begins with the rows of the packet
table. Without -runs=... or -max_total_time=... (s) it goes on until it is interrupted. An input that fails is kept as
crash-*, and judged again by: -m fuzz crash-...
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from fuzz.libfuzzer import counted, fuzz, linked
from fuzz.target import LONGEST, Target, seeds

OPTIONS = (f"-max_len={LONGEST}", "-len_control=0", "-rss_limit_mb=0", "-timeout=60", "-detect_leaks=0")


def main(arguments: list[str]) -> None:
    """Run."""
    places = [Path(argument) for argument in arguments if not argument.startswith("-")]
    if not places:
        sys.exit(__doc__)
    if not places[0].is_file():
        fill(places[0])
    target = Target()
    with tempfile.TemporaryDirectory() as folder:
        library = linked(Path(folder))
    for program in target.programs:
        counted(library, program.blocks)
    fuzz(library, target.judge, [*OPTIONS, *arguments])


def fill(corpus: Path) -> None:
    """Begin with the rows."""
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for seed in seeds():
            (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


if __name__ == "__main__":
    main(sys.argv[1:])
