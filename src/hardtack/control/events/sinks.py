"""Where events go: an HTTP server, and a command. Each takes one event, and says what went wrong, and whether to try again.

Both run with what rights a front at work has: none, as the user `hardtack`. What takes more is made before that: `Webhook`
reads its token and brings in its library, which may be where only root gets to.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from hardtack import __version__
from hardtack.control.token_file import read_token

PATIENCE = 10.0  # s that an HTTP server may take to connect, or between two pieces of an answer
LONGEST_RUN = 30.0  # s that a command may take
TEMPORARY = 75  # EX_TEMPFAIL, sysexits.h: the command asks to be run again
LATER = frozenset({408, 425, 429})  # of 4xx, those that ask to be tried again
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Failure:
    """Why an event was not taken."""

    why: str
    again: bool = False  # it may be taken later


class Sink(Protocol):
    """Takes events."""

    name: str

    def deliver(self, event: bytes) -> Failure | None:
        """One event, as JSON; None if it was taken."""

    def close(self) -> None:
        """Nothing more is to be delivered."""


class Webhook:
    """POSTs each event. The URL may be a secret: only its host is told."""

    def __init__(self, url: str, token_file: Path | None = None) -> None:
        import httpx

        headers = {"Content-Type": "application/json", "User-Agent": f"hardtack/{__version__}"}
        if token_file:
            headers["Authorization"] = f"Bearer {read_token(token_file)}"
        self.name, self._url = f"webhook {urlsplit(url).hostname}", url
        self._error: type[Exception] = httpx.HTTPError
        self._client = httpx.Client(headers=headers, timeout=PATIENCE, trust_env=False)

    def deliver(self, event: bytes) -> Failure | None:
        """Taken is what is answered by 2xx. A redirection is not followed: it would take the token along."""
        try:
            with self._client.stream("POST", self._url, content=event) as answer:  # whose body nobody reads
                status = answer.status_code
        except (self._error, OSError) as error:
            return Failure(type(error).__name__, again=True)
        return None if 200 <= status < 300 else Failure(f"HTTP {status}", again=status >= 500 or status in LATER)

    def close(self) -> None:
        """Connections."""
        self._client.close()


class Command:
    """Runs a command for each event, which gets it on standard input. Nothing of ours is in its environment."""

    def __init__(self, command: Sequence[str]) -> None:
        self.name, self._command = f"command {command[0]}", [*command]

    def deliver(self, event: bytes) -> Failure | None:
        """Taken is what ends with exit status 0. Who is not done in time is killed, with all that it has started."""
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Failure(error.strerror or str(error))
        try:
            process.communicate(event, timeout=LONGEST_RUN)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Failure(f"timed out after {LONGEST_RUN:.0f} s")
        status = process.returncode
        return None if status == 0 else Failure(f"exit status {status}", again=status == TEMPORARY)

    def close(self) -> None:
        """It ends with each event."""
