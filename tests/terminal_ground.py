"""A real terminal for tests: a program in a pseudo-terminal, and the screen that it has drawn (pexpect, pyte)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pexpect
import pyte

from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import environment, launched

PATIENCE = 60.0  # s; no test judges by time
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
KEYS = {"Enter": "\r", "Esc": "\x1b", "Tab": "\t", "Ctrl-C": "\x03"}


class Terminal:
    """A program on a screen. `raw`: every byte that it has written."""

    def __init__(self, command: Sequence[object], inside: Namespace | None, size: tuple[int, int], **variables: str) -> None:
        columns, rows = size
        program, *arguments = launched(command, inside)
        around = {name: value for name, value in environment().items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        around |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **variables}
        self.raw = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(program, arguments, dimensions=(rows, columns), env=around, timeout=PATIENCE)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, all of it, line by line."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The same in one piece."""
        return "\n".join(self.lines)

    @property
    def colours(self) -> set[bytes]:
        """The orders for a colour that it has written; those for the terminal's own do not count."""
        return {found[0] for found in COLOUR.finditer(self.raw)} - {b"\x1b[39;49m"}

    def row(self, first: str) -> list[str]:
        """The words of the line that begins with this one; none if there is no such line."""
        return next((line.split() for line in self.lines if line.split()[:1] == [first]), [])

    def press(self, *keys: str) -> None:
        """Keys, by name or as characters."""
        for key in keys:
            self._child.send(KEYS.get(key, key))

    def resize(self, size: tuple[int, int]) -> None:
        """As if somebody had pulled at the window."""
        columns, rows = size
        self._screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def until(self, condition: Callable[[], object]) -> None:
        """Show what comes until this holds. AssertionError with the screen if it never does."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end and self._read(), f"never came:\n{self.text}"

    def _read(self) -> bool:
        try:
            some: bytes = self._child.read_nonblocking(1 << 16, timeout=0.2)  # type: ignore[assignment] # no encoding, no str
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += some
        self._stream.feed(some)
        return True

    def signal(self, number: int) -> None:
        """Send one."""
        self._child.kill(number)

    def status(self) -> int | None:
        """Its exit status, once it has ended."""
        end = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < end, f"has not ended:\n{self.text}"
        self._child.close()
        return self._child.exitstatus

    def close(self) -> None:
        """End it if it has not ended."""
        self._child.close(force=True)


@contextmanager
def terminal(
    command: Sequence[object], inside: Namespace | None, size: tuple[int, int] = (80, 24), **variables: str
) -> Iterator[Terminal]:
    """For the block."""
    made = Terminal(command, inside, size, **variables)
    try:
        yield made
    finally:
        made.close()
