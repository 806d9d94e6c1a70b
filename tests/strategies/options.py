"""Generated TCP options: sound, unknown, broken. Strategies are built once: building them is slower than drawing."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from naive.cookie import MSS_TABLE

from strategies.weights import weighted

LAYOUTS = [
    bytes.fromhex(layout)
    for layout in (
        "",
        "020405b4",
        "020405b40402080a010203040000000001030307",  # Linux
        "020405b40103030801010402",  # Windows
        "020405b4010303060101080a010203040000000004020000",  # Apple
    )
]
VALUES = {value for fours in MSS_TABLE.values() for four in fours for value in four}
EDGE_MSS = (0, 1, *sorted(VALUES | {value - 1 for value in VALUES}), 65535)
MOST = 40  # bytes in a TCP header

words = st.integers(0, 0xFFFFFFFF) | st.sampled_from([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])

GOOD = st.one_of(
    st.sampled_from([b"\x00", b"\x01", b"\x01", b"\x04\x02", b"\x04\x02"]),
    (st.integers(0, 65535) | st.sampled_from(EDGE_MSS)).map(lambda mss: b"\x02\x04" + mss.to_bytes(2, "big")),
    st.integers(0, 255).map(lambda scale: bytes([3, 3, scale])),
    words.map(lambda tsval: b"\x08\x0a" + tsval.to_bytes(4, "big") + bytes(4)),
)
UNKNOWN = st.builds(
    lambda kind, value: bytes([kind, 2 + len(value)]) + value, st.integers(5, 255), st.binary(max_size=10)
)
MISSIZED = st.builds(
    lambda kind, size, rest: bytes([kind, size]) + rest,
    st.sampled_from([2, 3, 4, 8, 19, 30, 34]),
    st.integers(0, 42),
    st.binary(max_size=8),
)
GARBAGE = st.binary(min_size=1, max_size=8)
PIECES = st.lists(weighted((5, GOOD), (1, UNKNOWN), (1, MISSIZED), (1, GARBAGE)), min_size=1, max_size=8)


def joined(pieces: list[bytes], filler: bytes) -> bytes:
    """Options one after the other, cut at what fits, filled up to whole words."""
    options = b"".join(pieces)[:MOST]
    return options + filler * (-len(options) % 4)


OPTIONS = st.sampled_from(LAYOUTS) | st.builds(joined, PIECES, st.sampled_from([b"\x00", b"\x01"]))


def options() -> SearchStrategy[bytes]:
    """Option bytes of a TCP header: 0 to 40, whole words; half the time what real clients send."""
    return OPTIONS
