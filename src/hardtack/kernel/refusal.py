"""What the verifier's log means: which Python line it refused, and in what words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter

from hardtack.image import Image, Line
from hardtack.mistake import Mistake

INSTRUCTION = re.compile(r"^(\d+): \(")  # "12: (71) r1 = *(u8 *)(r2 +0)  ; R1_w=..."
NAMED = re.compile(r"\b(?:from|at|unreachable) insn (\d+)")  # refusals before the walk: loops, jumps out of the program
# The source, sums at the end, registers ("R1_w=ctx ..."; but not "R4 min value is negative"), lines of Python by number
NOISE = re.compile(
    r"^(;|$|processed \d+ insns|verification time|stack depth|peak_states|mark_precise|from \d+|R\d+(_\w+)?=|\d+: )"
)
TOO_LARGE = re.compile(r"too large|too complex|too many")
WORDS = 4  # lines of the verifier's that are shown
BUSIEST = 3  # Python lines that are shown when the program was too much for it


class VerifierRefusal(Mistake):
    """The kernel refused a program: the Python line that caused it, and the verifier's last words.

    `file`, `line`, `text`: the source, empty and 0 where it is not known; `instruction`: -1 where the log names none.
    """

    status = 1

    def __init__(self, name: str, instruction: int, line: Line | None, last_words: str, hint: str = "") -> None:
        self.name = name
        self.instruction = instruction
        self.file = line.file if line else ""
        self.line = line.line if line else 0
        self.text = line.text.strip() if line else ""
        self.last_words = last_words
        self.hint = hint
        super().__init__(self.message())

    def in_a_line(self) -> str:
        """The place and the words, for a table."""
        place = [f"{self.file}:{self.line}"] if self.file else []
        return ": ".join([*place, "; ".join(self.last_words.splitlines())])

    def message(self) -> str:
        """All of it on one screen."""
        if self.file:
            place = f"{self.file}:{self.line}: the kernel refused program {self.name} here\n    {self.text}"
        else:
            where = f" at instruction {self.instruction}" if self.instruction >= 0 else ""
            place = f"the kernel refused program {self.name}{where}"
        said = "\n".join(f"  verifier: {words}" for words in self.last_words.splitlines())
        return "\n".join(part for part in (place, said, self.hint) if part)


def explain(image: Image, log: str) -> VerifierRefusal:
    """The refusal that `log` tells of. It may begin anywhere: the kernel keeps the end of a long one."""
    lines = log.splitlines()
    words, walked = last_words(lines)
    said = NAMED.search(words)
    index = int(said.group(1)) if said else walked
    hint = busiest(image, lines) if TOO_LARGE.search(words) else ""
    return VerifierRefusal(image.name, index, line_of(image, index), words, hint)


def last_words(lines: list[str]) -> tuple[str, int]:
    """What it said after the last instruction it walked, and that instruction (-1: it did not come to walk)."""
    said: list[str] = []
    for line in reversed(lines):
        if found := INSTRUCTION.match(line):
            return "\n".join(reversed(said[:WORDS])), int(found.group(1))
        if not NOISE.match(line):
            said.append(line.strip()[:200])
    return "\n".join(reversed(said[:WORDS])), -1


def line_of(image: Image, index: int) -> Line | None:
    """The Python line that an instruction was made from."""
    lines = sorted(image.lines, key=lambda line: line.index)
    at = bisect_right([line.index for line in lines], index)
    return lines[at - 1] if index >= 0 and at else None


def busiest(image: Image, log: list[str]) -> str:
    """Where the verifier spent its walk, as far as the log still shows it."""
    walked = Counter(int(found.group(1)) for text in log if (found := INSTRUCTION.match(text)))
    visits: Counter[tuple[str, int, str]] = Counter()
    for index, times in walked.items():
        if line := line_of(image, index):
            visits[line.file, line.line, line.text.strip()] += times
    shown = [f"    {file}:{line}: {text}" for (file, line, text), _ in visits.most_common(BUSIEST)]
    return "\n".join(["  it spent most of its walk on", *shown]) if shown else ""
