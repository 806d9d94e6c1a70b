"""From the text of a conversation to its steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from naive.frames import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

from hardtack.packet.reasons import Reason

Client = tuple[int, int, int]  # which network, which host in it, and which of its connections
LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, ".": ACK, "U": URG, "E": ECE, "W": CWR}
UNITS = {"h": 3_600_000, "s": 1000}  # ms
CLOSED_WINDOW = "0"
CHALLENGE = "challenge"


@dataclass(frozen=True)
class Number:
    """A sequence number: so far from the first of the answer (the last one; or the first, second, ...), or in itself.

    Or (`challenge`) from what the last challenge acknowledged.
    """

    value: int
    answer: int | None = None
    absolute: bool = False
    challenge: bool = False


@dataclass(frozen=True)
class Segment:
    """Somebody says something. `clients`: one after the other if there are several."""

    line: str
    at: int
    clients: list[Client]
    times: int
    from_host: bool
    flags: int
    window: int
    seq: Number
    ack: Number
    data: int
    reason: Reason
    known: str | None


@dataclass(frozen=True)
class Change:
    """Something about the world."""

    what: str
    values: list[str]


@dataclass(frozen=True)
class Conversation:
    """A title, and what happens."""

    title: str
    steps: list[Segment | Change]

    @property
    def cpus(self) -> set[int]:
        """That take part."""
        return {0, *(int(step.values[0]) for step in self.steps if isinstance(step, Change) and step.what == "cpu")}

    @property
    def version(self) -> int | None:
        """Of IP, if it is about one alone."""
        found = [int(step.values[0]) for step in self.steps if isinstance(step, Change) and step.what == "only"]
        return found[0] if found else None


def conversations(folder: Path) -> Iterator[Conversation]:
    """All that are in a folder's text files. ValueError, with the place, for a line that is none."""
    for path in sorted(folder.glob("*.txt")):
        for text in path.read_text(encoding="ascii").split("\n== ")[1:]:
            title, *lines = text.splitlines()
            yield Conversation(
                f"{path.stem}: {title}", [step(line) for line in lines if line.strip() and line[0] != "#"]
            )


def step(line: str) -> Segment | Change:
    """One line."""
    words = line.split()
    if words[0] == ":":
        return Change(words[1], words[2:])
    try:
        at, who, flags, seq, ack, data, reason, *known = words
        who, _, times = who.partition("*")
        letters = "" if flags == "none" else flags.replace(CLOSED_WINDOW, "")
        return Segment(
            line=line,
            at=duration(at),
            clients=clients(who.removeprefix("host>").replace("host", "client")),
            times=int(times or 1),
            from_host=who.startswith("host"),
            flags=sum(LETTERS[letter] for letter in letters),
            window=0 if CLOSED_WINDOW in flags else 501,
            seq=number(seq),
            ack=number(ack),
            data=0 if data == "-" else int(data),
            reason=Reason[reason],
            known=" ".join(known) or None,
        )
    except (KeyError, ValueError) as error:
        raise ValueError(f"not a line of a conversation ({error}): {line}") from error


def duration(text: str) -> int:
    """In ms; it may be negative."""
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def clients(who: str) -> list[Client]:
    """`client`, `c3`, `c3.2`, `c3/2`, or several: `c3-c9`, `c3.1-c3.9`, `c3/1-c3/9`."""
    first, _, last = who.partition("-")
    network, address, connection = client(first)
    if not last:
        return [(network, address, connection)]
    last_network, last_address, last_connection = client(last)
    if network != last_network:
        return [(number, address, connection) for number in range(network, last_network + 1)]
    if address != last_address:
        return [(network, number, connection) for number in range(address, last_address + 1)]
    return [(network, address, number) for number in range(connection, last_connection + 1)]


def client(name: str) -> Client:
    """Which network, which host in it, and which of its connections."""
    ends, _, connection = name.replace("client", "c1").removeprefix("c").partition("/")
    network, _, address = ends.partition(".")
    return int(network), int(address or 1), int(connection or 0)


def number(text: str) -> Number:
    """A sequence number."""
    if text == "-":
        return Number(0, absolute=True)
    if text.startswith("="):
        return Number(int(text[1:]), absolute=True)
    value, _, answer = text.partition("@")
    if answer == CHALLENGE:
        return Number(int(value or 0), challenge=True)
    return Number(int(value), int(answer) if answer else None)
