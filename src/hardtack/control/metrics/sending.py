"""To InfluxDB: by HTTP, its API of version 1 or 2, or by UDP. Names are looked up when something is sent, not before."""

from __future__ import annotations

import base64
import gzip
import socket
import ssl
from typing import Protocol

import httpx

from hardtack.control.configuration.endpoints import Target, target_of
from hardtack.control.metrics.lines import LONGEST_DATAGRAM

LONGEST_BODY = 1 << 20  # bytes, before they are compressed
PATIENCE = httpx.Timeout(10.0, connect=5.0)  # s
QUICK = 1  # gzip's level
MOST_SAID = 200  # letters of what a server says
BAD_CONTENT = (400, 413, 422)  # it will never take this


class Refused(Exception):
    """The server will not take this, however often it is sent."""


class Failed(Exception):
    """It could not be sent: later perhaps."""


class Transport(Protocol):
    """A way to the server. `most`: bytes that may be sent at once; `sure`: what is sent has arrived."""

    most: int
    sure: bool

    def use(self, token: str | None) -> None:
        """Show this token from now on."""

    def send(self, content: bytes) -> None:
        """Lines. Refused, Failed."""


class Datagrams:
    """By UDP, where nobody says whether they arrive."""

    most, sure = LONGEST_DATAGRAM, False

    def __init__(self, target: Target) -> None:
        self._target = target
        self._socket: socket.socket | None = None

    def use(self, token: str | None) -> None:
        """UDP knows none."""

    def send(self, content: bytes) -> None:
        """As one. After a failure the name is looked up again."""
        try:
            self._socket = self._socket or self._connected()
            self._socket.send(content)
        except OSError as error:
            if self._socket:
                self._socket.close()
            self._socket = None
            raise Failed(error.strerror or str(error)) from error

    def _connected(self) -> socket.socket:
        """Then the kernel says so if nobody listens there."""
        family, kind, _, _, address = socket.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_DGRAM)[0]
        made = socket.socket(family, kind)
        made.connect(address)
        return made


class Requests:
    """By HTTP."""

    most, sure = LONGEST_BODY, True

    def __init__(self, target: Target) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip", "User-Agent": "hardtack"}
        self._target = target
        trusted = ssl.create_default_context() if target.scheme == "https" else False  # this machine's certificates
        self._client = httpx.Client(timeout=PATIENCE, headers=headers, trust_env=False, verify=trusted)

    def use(self, token: str | None) -> None:
        """In the header that the API wants it in."""
        self._client.headers.update(authorised(token, self._target))

    def send(self, content: bytes) -> None:
        """As one request; where it leads on to another place, nobody follows."""
        try:
            answer = self._client.post(self._target.url, content=gzip.compress(content, QUICK))
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise Failed(str(error) or type(error).__name__) from error
        if answer.is_success:
            return
        said = f"HTTP {answer.status_code}: {answer.text[:MOST_SAID].strip()}"
        raise Refused(said) if answer.status_code in BAD_CONTENT else Failed(said)


def authorised(token: str | None, target: Target) -> dict[str, str]:
    """The header that goes with a token; InfluxDB 1 may want user:password."""
    if not token:
        return {}
    if target.version == 1 and ":" in token:
        return {"Authorization": f"Basic {base64.b64encode(token.encode()).decode()}"}
    return {"Authorization": f"Token {token}"}


def transport_to(url: str) -> Transport:
    """The way to an `influx` of the configuration. To be made while Python's own files may be read: libraries do so."""
    "".encode("idna")  # as names of servers are, by a module that is imported then
    target = target_of(url)
    return Datagrams(target) if target.scheme == "udp" else Requests(target)
