"""What `ss -Hnt` prints on a host: a line for each connection, the host's address and port before its peer's. Strict.

Columns: the state (left out where ss was asked for one only: `ss -Hnt state established`), two queues, both ends; what -o,
-e and -p add stands behind, and is not looked at. Headings may be there.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardtack.mistake import Mistake

LONGEST = 4096  # bytes of a line: with -p, ss names every process that has the socket
SHOWN = 60  # of a line that is wrong
MAPPED = bytes(10) + b"\xff\xff"
# As ss has them: those of connections that either end may still send on; and others, which are no news to a front
OPEN = {b"ESTAB", b"FIN-WAIT-1", b"FIN-WAIT-2", b"CLOSE-WAIT", b"LAST-ACK", b"CLOSING"}
OTHERS = {b"SYN-SENT", b"SYN-RECV", b"TIME-WAIT", b"UNCONN", b"LISTEN", b"BOUND", b"NEW-SYN-RECV"}
HEADINGS = (b"State", b"Recv-Q")
# An end: an address, IPv6 in brackets or, as of old, bare; the interface that the socket is bound to; the port
END = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Fa-f:.]+?))(?:%[^\s:%\]]+)?:(\d{1,5})")
WANTED = "write what `ss -Hnt` prints on a host, as: ESTAB 0 0 192.0.2.10:443 198.51.100.7:50123"


class BadLine(Mistake):
    """A line that ss has not written."""


@dataclass
class Counted:
    """Lines that were read; `other_states`: of them, those of no connection that is open."""

    lines: int = 0
    other_states: int = 0


def names(lines: Iterable[bytes], source: str, counted: Counted) -> Iterator[bytes]:
    """The name of each open connection, as seeding.Seeder takes it; empty lines and headings are passed over. BadLine.

    `lines` are LONGEST bytes long at most, or are refused; `source` is what they are called.
    """
    for number, line in enumerate(lines, 1):
        try:
            found = name(line)
        except ValueError as error:
            raise BadLine(f"{source}, line {number}: {error}: {shown(line)}; {WANTED}") from None
        counted.lines += 1
        if found:
            yield found
        elif found is None:
            counted.other_states += 1


def name(line: bytes) -> bytes | None:
    """Of a line's connection; empty if it is about none, None if about one that is not open. ValueError("which ...")."""
    if len(line) > LONGEST:
        raise ValueError(f"longer than {LONGEST} bytes")
    columns = line.split()
    if not columns or columns[0] in HEADINGS:
        return b""
    state = b"ESTAB" if columns[0].isdigit() else columns.pop(0)
    if state not in OPEN | OTHERS:
        raise ValueError("not a state that ss prints")
    if len(columns) < 4 or not (columns[0].isdigit() and columns[1].isdigit()):
        raise ValueError("too few columns for ss")
    if state not in OPEN:
        return None
    (host, host_port), (client, client_port) = end(columns[2]), end(columns[3])
    if host.startswith(MAPPED) != client.startswith(MAPPED):
        raise ValueError("one address is IPv4 and the other IPv6")
    return client + host + client_port + host_port


def end(text: bytes) -> tuple[bytes, bytes]:
    """An end's address, IPv4 mapped, and its port, as on the wire. ValueError."""
    match = END.fullmatch(text)
    if not match:
        raise ValueError("no numeric address and port")
    address, port = (match[1] or match[2]).decode(), int(match[3])
    if not 0 < port < 1 << 16:
        raise ValueError("no valid port")
    try:
        if ":" in address:
            packed = socket.inet_pton(socket.AF_INET6, address)
        else:
            packed = MAPPED + socket.inet_pton(socket.AF_INET, address)
    except OSError:
        raise ValueError("no numeric address and port") from None
    return packed, port.to_bytes(2, "big")


def shown(line: bytes) -> str:
    """As much as a message has room for."""
    text = line[:SHOWN].decode("utf-8", "replace").strip()
    return f'"{text}{"..." if len(line) > SHOWN else ""}"'
