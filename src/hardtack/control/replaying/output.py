"""The capture of what a front would have sent: blocks that native code has written, behind a header from here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from hardtack import __version__
from hardtack.captures.damage import NotACapture
from hardtack.captures.native.blocks import LONGEST
from hardtack.captures.native.records import MOST_FRAME
from hardtack.control.capture.pcapng import Pcapng
from hardtack.printable import printable

SIZE = LONGEST + (1 << 20)  # bytes that are written at a time, or somewhat less
INTERFACES = ("replies", "forwarded")  # by number: replay.BACK, replay.ON


class OutputError(NotACapture):
    """The output cannot be written."""

    status = 1


class Output:
    """A pcapng file in the making, and the memory `blocks` that native code writes to. What is there is overwritten, by
    `begin`.
    """

    def __init__(self, path: Path, comment: str) -> None:
        self._path, self._comment = path, comment
        self._file: BinaryIO | None = None
        self.blocks = np.zeros(SIZE, np.uint8)

    def begin(self) -> None:
        """Write the header. OutputError."""
        try:
            self._file = self._path.open("wb")
            made = Pcapng(self._file, f"hardtack {__version__}", self._comment)
            for name in INTERFACES:
                made.interface(name, "ethernet", MOST_FRAME)
        except OSError as error:
            raise self._refused(error) from None

    def put(self, size: int) -> None:
        """So many bytes of `blocks` are ready. OutputError."""
        assert self._file
        try:
            self._file.write(self.blocks.data[:size])
            self._file.flush()
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"{printable(str(self._path))} cannot be written: {error.strerror}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file:
            with suppress(OSError):  # of what `put` could not write, which it has said
                self._file.close()
