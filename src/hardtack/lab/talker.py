"""A server for tests, whose every connection does what its first line asks: `python -m hardtack.lab.talker --help`.

    info            a line of JSON: what the kernel knows of the accepted socket, who connected, which listener took it
    echo            everything back, until the client has finished
    download N      N bytes, then the end
    upload N        reads N bytes; answers with a line of JSON: {"bytes": N, "sha256": ...}

With --greeting it speaks first. Standard library only; one process.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import socket
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from contextlib import suppress
from dataclasses import asdict
from functools import partial

from hardtack.lab import tcp_info

CHUNK = 65536
BACKLOG = 4096


def pattern(size: int) -> bytes:
    """`size` bytes that show when some are missing or out of order."""
    block = b"".join(number.to_bytes(4, "big") for number in range(CHUNK // 4))
    return (block * (size // CHUNK + 1))[:size]


def listener(address: str, port: int, reuse: bool) -> socket.socket:
    """A listening socket; `::` takes IPv4 too, any other IPv6 address does not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
    made.bind((address, port))
    made.listen(BACKLOG)
    return made


async def talk(number: int, greeting: bytes, reader: Reader, writer: Writer) -> None:
    """One connection, taken by listener `number`."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):  # a client may leave as it likes
        writer.write(greeting)
        word, *rest = (await reader.readline()).decode("ascii", "replace").split() or [""]
        if word == "info":
            writer.write(describe(number, writer))
        elif word == "echo":
            await echo(reader, writer)
        elif word == "download":
            writer.write(pattern(int(rest[0])))
        elif word == "upload":
            writer.write(await count_upload(reader, int(rest[0])))
        await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def describe(number: int, writer: Writer) -> bytes:
    """The answer to `info`."""
    connection = writer.get_extra_info("socket")
    facts = asdict(tcp_info.parse(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, tcp_info.LAYOUT.size)))
    peer, here = connection.getpeername()[:2], connection.getsockname()[:2]
    return json.dumps({**facts, "peer": peer, "here": here, "listener": number}).encode() + b"\n"


async def echo(reader: Reader, writer: Writer) -> None:
    """Back with it, at the pace at which it is taken."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


async def count_upload(reader: Reader, size: int) -> bytes:
    """The answer to `upload`."""
    digest, left = hashlib.sha256(), size
    while left and (data := await reader.read(min(CHUNK, left))):
        digest.update(data)
        left -= len(data)
    return json.dumps({"bytes": size - left, "sha256": digest.hexdigest()}).encode() + b"\n"


async def serve(sockets: list[socket.socket], greeting: bytes) -> None:
    """Until the process is ended."""
    servers = []
    for number, listening in enumerate(sockets):
        servers.append(await asyncio.start_server(partial(talk, number, greeting), sock=listening, backlog=BACKLOG))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    """Listen as the command line says."""
    wants = argparse.ArgumentParser(description="A server for tests.")
    wants.add_argument("--address", action="append", default=[], help="where to listen; :: for IPv6 and IPv4")
    wants.add_argument("--port", action="append", default=[], type=int)
    wants.add_argument("--listeners", type=int, default=1, help="sockets for each, sharing it by SO_REUSEPORT")
    wants.add_argument("--greeting", default="", help="a line to say first")
    args = wants.parse_args()
    pairs = [(address, port) for address in args.address for port in args.port]
    sockets = [listener(*pair, args.listeners > 1) for pair in pairs for _ in range(args.listeners)]
    asyncio.run(serve(sockets, args.greeting.encode() + b"\n" if args.greeting else b""))


if __name__ == "__main__":
    main()
