"""Generated frames: mostly SYNs to protected ports, then something goes wrong with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from naive.checksum import checksum
from naive.frames import ACK, FIN, RST, SYN, IPv4, frame, padded

from strategies.headers import BROKEN_CHAINS, LINKS, MARTIANS4, MARTIANS6, STACKS, ports, sound
from strategies.weights import weighted

LONGEST = 3400  # bytes; BPF_PROG_TEST_RUN takes 3,520 in its one page

BYTES, WORDS = st.integers(0, 255), st.integers(0, 0xFFFF)
NIBBLES = st.integers(0, 15)
FLAGS = weighted((1, BYTES), (2, st.sampled_from([ACK, SYN | ACK, SYN | FIN, SYN | RST, SYN | FIN | RST])))
WRONG_FLAGS = st.fixed_dictionaries({"flags": FLAGS})
ODD_TCP = st.one_of(
    st.fixed_dictionaries({"destination_port": ports}),
    st.fixed_dictionaries({"doff": NIBBLES}),
    st.fixed_dictionaries({"checksum": WORDS}),
)
WRONG_TCP = weighted((1, WRONG_FLAGS), (1, ODD_TCP))
WRONG4 = st.one_of(
    st.fixed_dictionaries({"source": MARTIANS4}),
    st.fixed_dictionaries({"destination": st.sampled_from(["192.0.2.9", "192.0.2.11", "255.255.255.255"])}),
    st.fixed_dictionaries({"fragment": WORDS | st.sampled_from([0x2000, 1, 0x1FFF])}),
    st.fixed_dictionaries({"protocol": BYTES}),
    st.fixed_dictionaries({"version": NIBBLES}),
    st.fixed_dictionaries({"ihl": NIBBLES}),
    st.fixed_dictionaries({"total": st.integers(0, 120) | st.sampled_from([1500, 65535])}),
    st.fixed_dictionaries({"checksum": WORDS}),
)
ODD6 = st.one_of(
    st.fixed_dictionaries({"source": MARTIANS6}),
    st.fixed_dictionaries({"destination": st.sampled_from(["2001:db8::3", "::", "ff02::1", "::ffff:192.0.2.10"])}),
    st.fixed_dictionaries({"next_header": BYTES | st.sampled_from([0, 17, 43, 44, 58, 59, 60])}),
    st.fixed_dictionaries({"version": NIBBLES}),
    st.fixed_dictionaries({"payload_length": st.integers(0, 120) | st.sampled_from([0, 1500, 65535])}),
)
WRONG6 = weighted((1, ODD6), (1, st.fixed_dictionaries({"extensions": BROKEN_CHAINS})))
PARTS = st.sampled_from(["tcp", "tcp", "ip", "ip", "ip", "link"])
LENGTHS = st.sampled_from([0, 0, 57, 58, 59, 60, 61, 64, 100])  # to which Ethernet pads
CUTS = st.sampled_from([0, 0, 0, 1, 7, 3000])  # bytes of payload that are not there
HEADS = ["", "0800", "080045", "86dd", "86dd60", "8100", "88a8000181000002", "0806"]  # for noise to follow


@st.composite
def whole_syns(draw: DrawFn) -> bytes:
    """A SYN that is answered, now and then padded or with some of its payload missing."""
    ip, tcp = draw(SOUND)
    whole = frame(ip, tcp, draw(LINKS))
    if not tcp.payload:
        return padded(whole, draw(LENGTHS))
    return whole[: len(whole) - min(len(tcp.payload), draw(CUTS))][:LONGEST]


@st.composite
def near_misses(draw: DrawFn) -> bytes:
    """A SYN with one of its fields replaced, checksums and all else as they should be."""
    ip, tcp = draw(SOUND)
    part = draw(PARTS)
    if part == "tcp":
        tcp = replace(tcp, **fields(draw(WRONG_TCP)))
    elif part == "ip":
        ip = replace(ip, **fields(draw(WRONG4 if isinstance(ip, IPv4) else WRONG6)))
    return frame(ip, tcp, draw(STACKS if part == "link" else LINKS))[:LONGEST]


def fields(drawn: Any) -> dict[str, Any]:
    """Fields of different types by name, as `replace` takes them."""
    return dict(drawn)


@st.composite
def truncated(draw: DrawFn) -> bytes:
    """A SYN cut anywhere in its headers."""
    whole = draw(SYNS)
    return whole[: draw(st.integers(0, min(len(whole), 160)))]


@st.composite
def flipped(draw: DrawFn) -> bytes:
    """A frame with one to four bits of its headers turned; sometimes IPv4's checksum is put right again."""
    turned = bytearray(draw(SYNS))
    for bit in draw(st.lists(st.integers(0, min(len(turned), 128) * 8 - 1), min_size=1, max_size=4)):
        turned[bit // 8] ^= 1 << bit % 8
    return mended(bytes(turned)) if draw(st.booleans()) else bytes(turned)


def mended(broken: bytes) -> bytes:
    """An untagged IPv4 frame with the header checksum that it should have; any other as it is."""
    size = (broken[14] & 0xF) * 4 if len(broken) > 14 else 0
    if broken[12:14] != b"\x08\x00" or size < 20 or len(broken) < 14 + size:
        return broken
    header = broken[14:24] + b"\0\0" + broken[26 : 14 + size]
    return broken[:24] + checksum(header).to_bytes(2, "big") + broken[26:]


def noise(head: str, rest: bytes) -> bytes:
    """Random bytes, behind a plausible Ethernet header if `head` is its type."""
    return (bytes(12) if head else b"") + bytes.fromhex(head) + rest


SOUND = sound()
SYNS = whole_syns()
NOISE = st.builds(noise, st.sampled_from(HEADS), st.binary(max_size=120))
NEAR, CUT, FLIPPED = near_misses(), truncated(), flipped()
FRAMES = weighted((4, SYNS), (7, NEAR), (1, CUT), (3, FLIPPED), (1, NOISE))


def syns() -> SearchStrategy[bytes]:
    """Whole SYNs that are answered if there is a key for the moment."""
    return SYNS


def frames() -> SearchStrategy[bytes]:
    """Any frame: a quarter of them sound, the others wrong in every way."""
    return FRAMES
