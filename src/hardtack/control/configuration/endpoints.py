"""Where metrics go: addresses to listen at, and URLs of InfluxDB. What is taken, and what is wrong with all others.

Nothing is resolved here: a name may have another address by the time that something is sent.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

WRITE_V1, WRITE_V2 = "/write", "/api/v2/write"
PARAMETERS = {WRITE_V1: ("db",), WRITE_V2: ("org", "bucket")}  # what each API must be told in the URL


class Listen(NamedTuple):
    """An address and a port to listen at."""

    address: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


class Target(NamedTuple):
    """Where InfluxDB is. `url`: of HTTP; `version`: of its API."""

    scheme: Literal["udp", "http", "https"]
    host: str
    port: int
    url: str
    version: Literal[1, 2]


class Secret(ValueError):
    """A value that nobody may be shown."""


def listen_of(text: str) -> Listen:
    """`127.0.0.1:9790`, `[::1]:9790`. ValueError."""
    address, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ValueError("which does not end with a port from 1 to 65535")
    bracketed = address.startswith("[") and address.endswith("]")
    try:
        found = ip_address(address[1:-1] if bracketed else address)
    except ValueError:
        raise ValueError("which does not begin with an IP address") from None
    if bracketed != (found.version == 6):
        raise ValueError("which has wrong brackets: write them around IPv6 addresses only")
    return Listen(found, int(port))


def read_listen(value: Any) -> Any:
    """The text, as it was written, if it is one."""
    if not isinstance(value, str):
        raise ValueError("which is not in quotes")
    return str(listen_of(value))


def target_of(text: str) -> Target:
    """The parts of an InfluxDB URL. ValueError."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError("which is not a URL") from None
    if url.scheme not in ("udp", "http", "https") or not url.hostname or not text.isprintable() or " " in text:
        raise ValueError("which is not a URL with udp, http or https")
    if url.username is not None or url.password is not None:
        raise Secret("which contains a user: the password belongs in influx_token_file, as user:password")
    if url.scheme == "udp":
        if not port or url.path not in ("", "/") or url.query:
            raise ValueError("which is not just a UDP host and port")
        return Target("udp", url.hostname, port, text, 1)
    if url.path not in PARAMETERS:
        raise ValueError(f"whose path is neither {WRITE_V1} (InfluxDB 1) nor {WRITE_V2} (InfluxDB 2)")
    given = parse_qs(url.query)
    if secret := [name for name in ("u", "p") if name in given]:
        raise Secret(f"which has {secret[0]}=: the password belongs in influx_token_file, as user:password")
    if missing := [name for name in PARAMETERS[url.path] if name not in given]:
        raise ValueError(f"which lacks {missing[0]}=")
    if given.get("precision", ["ns"]) != ["ns"]:
        raise ValueError("whose precision is not ns")
    scheme: Literal["http", "https"] = "https" if url.scheme == "https" else "http"
    version: Literal[1, 2] = 1 if url.path == WRITE_V1 else 2
    return Target(scheme, url.hostname, port or (443 if scheme == "https" else 80), text, version)


def read_target_url(value: Any) -> Any:
    """The text, if it is one."""
    if not isinstance(value, str):
        raise ValueError("which is not in quotes")
    target_of(value)
    return value
