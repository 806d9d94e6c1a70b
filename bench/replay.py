"""What `hardtack replay` does in a second, on one CPU, and how that compares to reading the file alone.

    python bench/replay.py --frames 4000000

It writes a capture of a SYN flood, an ACK flood and known connections, reads it once so that it is in the page cache, and
replays it. All that a replay costs is in the figure: reading, walking, judging, counting; with --write also the output.
"""

from __future__ import annotations

import argparse
import os
import socket
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hardtack.control.configuration.reading import loaded
from hardtack.control.replaying.engine import Replay
from hardtack.control.replaying.output import Output
from hardtack.lab.bench.frames import segment
from hardtack.lab.packets.recipe import ACK, LINUX_OPTIONS, SYN

CONFIG = """
[front]
interface = "eth0"
key_file = "key"
grace = "1s"
replies_per_second = 100_000_000

[[host]]
name = "web"
addresses = ["192.0.2.0/24"]
ports = [80]
handshake = "agent"
via = "kernel"
replies_per_second = 100_000_000
"""
WEB, KNOWN = "192.0.2.10", "198.51.100.0"
BEGIN, RATE = 1_795_866_218, 1_000_000  # unix s; frames a second in the capture
CLIENTS, ROUND = 10_000, 1_000_000  # known connections; frames that are made at a time
IP, CHECKSUM, SOURCE, PORTS = 14, 24, 26, 34  # where a frame has them
CHUNK = 1 << 20

Rows = npt.NDArray[np.uint8]
Column = npt.NDArray[Any]


def capture(path: Path, frames: int, seed: int = 1) -> None:
    """pcap, ns: of ten frames five SYNs and two ACKs of random sources, three of CLIENTS connections."""
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for first in range(0, frames, ROUND):
            file.write(some(random, first, min(ROUND, frames - first)))


def some(random: np.random.Generator, first: int, count: int) -> bytes:
    """Records of so many frames."""
    kinds = random.choice(3, count, p=[0.5, 0.2, 0.3])
    kinds[: max(0, CLIENTS - first)] = 2  # they are learned first
    shapes = [segment(4, LINUX_OPTIONS, flags=SYN, to=WEB), *[segment(4, b"", flags=ACK, to=WEB)] * 2]
    numbers = first + np.arange(count)
    records = []
    for kind, shape in enumerate(shapes):
        chosen = np.flatnonzero(kinds == kind)
        rows = np.empty((len(chosen), 16 + len(shape)), np.uint8)
        rows[:, 16:] = np.frombuffer(shape, np.uint8)
        times = np.stack([BEGIN + numbers[chosen] // RATE, numbers[chosen] % RATE * 1000], 1).astype("<u4")
        rows[:, :8] = times.view(np.uint8)
        rows[:, 8:16] = np.frombuffer(struct.pack("<II", len(shape), len(shape)), np.uint8)
        sources = random.integers(1 << 24, 0x7F000000, len(chosen), np.uint32)
        ports = random.integers(1024, 65536, len(chosen), np.uint32)
        if kind == 2:
            clients = numbers[chosen] % CLIENTS
            sources = int.from_bytes(socket.inet_aton(KNOWN), "big") + clients % 256
            ports = 1024 + clients // 256
        put(rows, SOURCE, sources.astype(">u4"))
        put(rows, PORTS, ports.astype(">u2"))
        put(rows, CHECKSUM, checksums(rows))
        records.append((chosen, [*map(bytes, rows)]))
    ordered: list[bytes] = [b""] * count
    for chosen, rows_of in records:
        for place, row in zip(chosen.tolist(), rows_of, strict=True):
            ordered[place] = row
    return b"".join(ordered)


def put(rows: Rows, place: int, values: Column) -> None:
    """Write a field of each frame."""
    size = values.itemsize
    rows[:, 16 + place : 16 + place + size] = values.view(np.uint8).reshape(-1, size)


def checksums(rows: Rows) -> Column:
    """Of the IPv4 headers: RFC 1071."""
    rows[:, 16 + CHECKSUM : 18 + CHECKSUM] = 0
    total = np.ascontiguousarray(rows[:, 16 + IP : 36 + IP]).view(">u2").sum(1, dtype=np.uint32)
    total = (total & 0xFFFF) + (total >> 16)
    return (~(total + (total >> 16)) & 0xFFFF).astype(">u2")


def reading(path: Path) -> float:
    """Seconds that it takes to read it all, as replay does, and do nothing."""
    buffer, begun = bytearray(CHUNK), time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="also write what would have been sent")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "hardtack.toml").write_text(CONFIG)
        capture(place / "flood.pcap", given.frames)
        settings = loaded(place / "hardtack.toml")
        masters = {file: os.urandom(32) for file in settings.config.key_files}
        for number in range(given.rounds):
            alone = reading(place / "flood.pcap")
            output = Output(place / "out.pcapng", "") if given.write else None
            result = Replay(settings, masters).run([place / "flood.pcap"], output)
            rate, times = result.frames / result.elapsed, result.elapsed / alone
            print(f"round {number + 1}: {rate / 1e6:.2f} million frames/s; {times:.1f} times as long as reading alone")
        print(result.hosts["web"].reasons)


if __name__ == "__main__":
    main()
