"""The patrol's own process: `python -m hardtack.lab.patroller --help`. Started by patrol.py. Standard library only.

So many workers fetch a page over and over, each time by a new connection, in turn from each of the places given. A line
of JSON for every interval, about the requests that ended in it:

    {"seconds": 1.0, "succeeded": 240, "failures": {"timeout": 2}, "connect_us": [410, ...], "total_us": [930, ...]}

SIGTERM lets the requests under way come to their end, and ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import socket
import time
from dataclasses import dataclass, field

READ = 65536  # bytes at a time


@dataclass
class Tally:
    """What happened since the last line; the line itself is `vars`."""

    seconds: float = 0.0
    succeeded: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    connect_us: list[int] = field(default_factory=list)
    total_us: list[int] = field(default_factory=list)


class Failed(Exception):
    """A request that got an answer, but not the right one; the message is its kind."""


class Patrol:
    """Workers that share one tally."""

    def __init__(self, places: list[tuple[str, int]], path: str, size: int, timeout: float, pause: float) -> None:
        self.places = itertools.cycle(places)
        self.path, self.size = path, size
        self.timeout, self.pause = timeout, pause
        self.tally, self.told = Tally(), time.monotonic()
        self.over = asyncio.Event()

    async def work(self) -> None:
        """One worker's life."""
        while not self.over.is_set():
            await self.request(*next(self.places))
            await asyncio.sleep(self.pause)

    async def request(self, address: str, port: int) -> None:
        """One request, counted."""
        started = time.perf_counter_ns()
        try:
            async with asyncio.timeout(self.timeout):
                connected = await self.fetch(address, port)
        except TimeoutError:
            self._failed("timeout")
        except (Failed, OSError) as error:
            self._failed(str(error) if isinstance(error, Failed) else type(error).__name__)
        else:
            self.tally.succeeded += 1
            self.tally.connect_us.append((connected - started) // 1000)
            self.tally.total_us.append((time.perf_counter_ns() - started) // 1000)

    async def fetch(self, address: str, port: int) -> int:
        """The page, whole; when its connection stood, ns. The client closes first, as browsers and curl do."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, (address, port))
            connected = time.perf_counter_ns()
            await loop.sock_sendall(connection, f"GET {self.path} HTTP/1.1\r\nHost: lab\r\n\r\n".encode())
            await self.receive(connection)
        return connected

    async def receive(self, connection: socket.socket) -> None:
        """The answer, to the last byte that it announces. Failed if it is another one than expected."""
        loop, answer = asyncio.get_running_loop(), b""
        while b"\r\n\r\n" not in answer:
            answer += await self.some(loop, connection)
        head, _, body = answer.partition(b"\r\n\r\n")
        if head.split(b" ")[1:2] != [b"200"]:
            raise Failed("wrong status")
        if f"\r\ncontent-length: {self.size}\r\n".encode() not in head.lower() + b"\r\n":
            raise Failed("wrong length")
        while len(body) < self.size:
            body += await self.some(loop, connection)

    @staticmethod
    async def some(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> bytes:
        """What comes next; Failed if nothing does."""
        if not (data := await loop.sock_recv(connection, READ)):
            raise Failed("cut short")
        return data

    def _failed(self, kind: str) -> None:
        self.tally.failures[kind] = self.tally.failures.get(kind, 0) + 1

    async def report(self, interval: float) -> None:
        """A line per interval, until it is over."""
        while not self.over.is_set():
            await asyncio.sleep(interval)
            self.tell()

    def tell(self) -> None:
        """Say what happened since the last time."""
        now = time.monotonic()
        self.tally.seconds = now - self.told
        print(json.dumps(vars(self.tally), separators=(",", ":")), flush=True)
        self.tally, self.told = Tally(), now


async def patrol(patrol: Patrol, workers: int, interval: float) -> None:
    """All workers, until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, patrol.over.set)
    reporter = asyncio.create_task(patrol.report(interval))
    print("ready", flush=True)
    await asyncio.gather(*(patrol.work() for _ in range(workers)))
    reporter.cancel()
    patrol.tell()


def main() -> None:
    """Patrol as the command line says."""
    wants = argparse.ArgumentParser(description="Honest HTTP clients that never rest.")
    wants.add_argument("--place", action="append", nargs=2, required=True, metavar=("ADDRESS", "PORT"))
    wants.add_argument("--path", default="/")
    wants.add_argument("--size", type=int, required=True, help="bytes that the page must have")
    wants.add_argument("--workers", type=int, default=8)
    wants.add_argument("--timeout", type=float, default=3, help="s, for a whole request")
    wants.add_argument("--pause", type=float, default=0.01, help="s, between a worker's requests")
    wants.add_argument("--interval", type=float, default=1, help="s, between lines")
    args = wants.parse_args()

    async def run() -> None:
        places = [(address, int(port)) for address, port in args.place]
        await patrol(Patrol(places, args.path, args.size, args.timeout, args.pause), args.workers, args.interval)

    asyncio.run(run())


if __name__ == "__main__":
    main()
