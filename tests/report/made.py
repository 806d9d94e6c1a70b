"""Frames as ordinary clients and floods send them, made from a seed: what a flood has planted, nobody else has."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from random import Random

SYN, PSH, ACK = 2, 8, 16
LINUX = bytes.fromhex("020405b40402080a{:08x}0000000001030307".replace("{:08x}", "00000000"))
WINDOWS = bytes.fromhex("020405b40103030801010402")
STAMPED = bytes.fromhex("0101080a0000000000000000")
SERVER = {4: "192.0.2.10", 6: "2001:db8::10"}


@dataclass(frozen=True)
class Frame:
    """What a frame says; `flags`: of TCP, or None: UDP. `bytes` has it as it is on the wire, without checksums."""

    version: int = 4
    source: str = "198.51.100.1"
    ttl: int = 60
    identification: int = 0
    port: int = 40000
    to: int = 80
    flags: int | None = SYN
    sequence: int = 0
    acknowledged: int = 0
    window: int = 64240
    options: bytes = b""
    payload: bytes = b""
    df: bool = True
    tags: Sequence[int] = field(default_factory=tuple)

    @property
    def bytes(self) -> bytes:
        """The frame."""
        options = self.options.ljust(-(-len(self.options) // 4) * 4, b"\1")
        offset = (5 + len(options) // 4) << 4
        numbers = self.port, self.to, self.sequence, self.acknowledged, offset, self.flags or 0, self.window, 0, 0
        segment = struct.pack("!HHIIBBHHH", *numbers) + options + self.payload
        if self.flags is None:
            segment = struct.pack("!HHHH", self.port, self.to, 8 + len(self.payload), 0) + self.payload
        protocol = 17 if self.flags is None else 6
        ends = ip_address(self.source).packed + ip_address(SERVER[self.version]).packed
        if self.version == 4:
            place = 0x4000 if self.df else 0
            length, number = 20 + len(segment), self.identification
            ip = struct.pack("!BBHHHBBH", 0x45, 0, length, number, place, self.ttl, protocol, 0) + ends
        else:
            ip = struct.pack("!IHBB", 6 << 28 | self.identification, len(segment), protocol, self.ttl) + ends
        tags = b"".join(struct.pack("!HH", 0x8100, tag) for tag in self.tags)
        return (bytes(12) + tags + (b"\x08\x00", b"\x86\xdd")[self.version == 6] + ip + segment).ljust(60, b"\0")


def ordinary(random: Random, many: int, version: int = 4) -> list[bytes]:
    """Of clients, Linux and Windows, from everywhere: a third are SYNs."""
    return [one_ordinary(random, version).bytes for _ in range(many)]


def one_ordinary(random: Random, version: int) -> Frame:
    """One of them."""
    linux = random.random() < 0.5
    made = Frame(
        version,
        source=anywhere(random, version),
        ttl=random.randint(44, 62) if linux else random.randint(108, 126),
        identification=random.randrange(1, 1 << 16),
        port=random.randrange(32768, 61000),
        to=random.choice((80, 443)),
        sequence=random.getrandbits(32),
    )
    if random.random() < 1 / 3:
        options = LINUX[:8] + random.randbytes(4) + LINUX[12:] if linux else WINDOWS
        return replace(made, window=64240 if linux else 65535, options=options)
    return replace(
        made,
        flags=ACK | PSH * random.randrange(2),
        acknowledged=random.getrandbits(32),
        window=random.randrange(200, 2000),
        options=STAMPED[:4] + random.randbytes(8) if linux else b"",
        payload=random.randbytes(random.choice((0, 0, 100, 1000))),
    )


def anywhere(random: Random, version: int) -> str:
    """An address."""
    if version == 4:
        return str(ip_address(random.randrange(11 << 24, 200 << 24)))
    return str(ip_address(0x2000 << 112 | random.getrandbits(109)))


def flood(random: Random, many: int, share: float, base: Frame, planted: dict[str, object]) -> list[bytes]:
    """Like ordinary clients' but for what `base` says; with `planted` in this share of them."""
    return [one_of_flood(random, base, planted if number < share * many else {}).bytes for number in range(many)]


def one_of_flood(random: Random, base: Frame, planted: dict[str, object]) -> Frame:
    """One of them: what no client would mind is random."""
    some = {
        "source": anywhere(random, base.version),
        "ttl": random.randint(40, 128),
        "identification": random.randrange(1 << 16),
        "port": random.randrange(1024, 65536),
        "sequence": random.getrandbits(32),
        "acknowledged": random.getrandbits(32) if base.flags == ACK else 0,
        "window": random.randrange(1 << 16),
        "options": random.choice((LINUX[:8] + random.randbytes(4) + LINUX[12:], WINDOWS)) if base.flags == SYN else b"",
        "payload": random.randbytes(random.randrange(20, 400)) if base.flags != SYN else b"",
    }
    some.update({name: value(random) if callable(value) else value for name, value in planted.items()})
    return replace(base, **some)  # type: ignore[arg-type]


Planted = dict[str, "object | Callable[[Random], object]"]
