"""Parts of the packet program alone, as eBPF and as native code: SipHash, sums and options, against vectors and twins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import vectors
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import checksum, options
from naive.frames import ACK, SYN, IPv6, Tcp, frame
from naive.siphash import siphash
from parts.engines import TARGETS, Part, Target, part
from strategies import options as generated_options

SIPHASH, SUMS = vectors.load("siphash"), vectors.load("checksum")
STEADY = settings(deadline=None, derandomize=True, database=None, max_examples=300)
NO_SCALE, MOST_SCALE = 15, 14
words64 = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1])


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    found: Target = request.param
    return found


@pytest.fixture(scope="module")
def hashing(target: Target) -> Iterator[Part]:
    with part("siphash", target) as found:
        yield found


@pytest.fixture(scope="module")
def summing(target: Target) -> Iterator[Part]:
    with part("sums", target) as found:
        yield found


@pytest.fixture(scope="module")
def reading(target: Target) -> Iterator[Part]:
    with part("all_options", target) as found:
        yield found


@pytest.fixture(scope="module")
def judging(target: Target) -> Iterator[Part]:
    with part("newer", target) as found:
        yield found


def hashed(hashing: Part, key: bytes, message: bytes) -> int:
    """The message's hash; its last word carries its length, as SipHash wants it."""
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message)])
    return hashing.words(key + padded, 1)[0]


@pytest.mark.parametrize("length", range(64))
def test_siphash_agrees_with_the_reference_implementation(hashing: Part, length: int) -> None:
    assert hashed(hashing, bytes.fromhex(SIPHASH["key"]), bytes(range(length))) == int(SIPHASH["tags"][length], 16)


def test_siphash_agrees_with_its_twin(hashing: Part) -> None:
    @given(st.binary(min_size=16, max_size=16), st.binary(max_size=63))
    @STEADY
    def each(key: bytes, message: bytes) -> None:
        assert hashed(hashing, key, message) == siphash(key, message)

    each()


def folded(summing: Part, total: int) -> int:
    """A sum in this machine's byte order, as 16 bits in the wire's."""
    low = summing.words(total.to_bytes(8, "little") + bytes(8), 1)[0]
    assert low < 1 << 16
    return int.from_bytes(low.to_bytes(2, "little"), "big")


def added(data: bytes) -> int:
    """The sum of the 32-bit words of `data`, as they lie in memory."""
    padded = data + bytes(-len(data) % 4)
    return sum(int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4))


@pytest.mark.parametrize("vector", SUMS["full"], ids=lambda vector: vector["source"])
def test_folding_agrees_with_published_sums(summing: Part, vector: dict[str, str]) -> None:
    assert folded(summing, added(bytes.fromhex(vector["data"]))) == int(vector["sum"], 16)


def test_folding_agrees_with_the_twin_up_to_60_bytes_of_header(summing: Part) -> None:
    @given(st.binary(max_size=60) | st.just(b"\xff" * 60))
    @STEADY
    def each(data: bytes) -> None:
        assert folded(summing, added(data)) == checksum.ones_sum(data)

    each()


@pytest.mark.parametrize(
    "total", [0, 1, 0xFFFF, 0x10000, 0x1FFFF, 0xFFFFFFFF, 0xFFFF0000FFFF, 2**36 - 1, 15 * (2**32 - 1)]
)
def test_folding_at_its_edges(summing: Part, total: int) -> None:
    assert folded(summing, total) == checksum.ones_sum(total.to_bytes(8, "little"))


def test_the_halves_of_a_word_add_up_to_the_same(summing: Part) -> None:
    @given(words64)
    @STEADY
    def each(word: int) -> None:
        low, high = summing.words(bytes(8) + word.to_bytes(8, "little"), 2)
        assert (low, high) == (0, (word & 0xFFFFFFFF) + (word >> 32))

    each()


def told(offer: options.Offer) -> list[int]:
    """An offer in the words of a flow: mss, scale, sack, timestamps, and the two of them as the wire has them."""
    scale = NO_SCALE if offer.scale is None else min(offer.scale, MOST_SCALE)
    times = [int.from_bytes((time or 0).to_bytes(4, "big"), "little") for time in (offer.tsval, offer.tsecr)]
    return [offer.mss or 0, scale, int(offer.sack), int(offer.tsval is not None), *times]


def test_options_of_any_syn_are_read_as_the_twin_reads_them(reading: Part) -> None:
    @given(generated_options() | st.binary(max_size=40).map(lambda data: data[: len(data) // 4 * 4]), st.booleans())
    @settings(STEADY, max_examples=600)
    def each(given_options: bytes, six: bool) -> None:
        whole = frame(IPv6() if six else None, Tcp(flags=SYN, options=given_options))
        assert reading.words(whole, 6) == told(options.parse(given_options)), given_options.hex()

    each()


def test_timestamps_of_any_segment_are_read_as_the_twin_reads_them(reading: Part) -> None:
    @given(generated_options() | st.builds(usual, st.binary(min_size=8, max_size=8)))
    @settings(STEADY, max_examples=300)
    def each(given_options: bytes) -> None:
        whole = frame(tcp=Tcp(flags=ACK, options=given_options, payload=b"GET /"))
        found = reading.words(whole, 6)[3:]
        assert found == told(options.parse(given_options))[3:], given_options.hex()

    each()


def usual(times: bytes) -> bytes:
    """The options of nearly every segment of a connection with timestamps: NOP NOP TS."""
    return b"\x01\x01\x08\x0a" + times


@pytest.mark.parametrize("mine", [0, 3])
@pytest.mark.parametrize("theirs", [0, 1, 2, 3])
def test_a_newer_cookie_is_known_by_its_clock_whatever_mss_it_says(judging: Part, mine: int, theirs: int) -> None:
    """The host's own clock, in ms, is behind two bits of the timestamp that say something else (cookie.md), and goes on."""
    for echoed, made, is_newer in [
        (0x100, 0x200, True),
        (0x200, 0x200, False),
        (0x2FF, 0x200, False),  # within the same quarter of a second
        (0x300, 0x200, False),
        (0x3FFFFFFF, 0x100, True),  # it goes round
        (0x100, 0x3FFFFF00, False),
    ]:
        echo, stamp = theirs << 30 | echoed, mine << 30 | made
        carried = b"\x01\x01\x08\x0a\0\0\0\1" + stamp.to_bytes(4, "big")
        whole = frame(tcp=Tcp(seq=0, flags=ACK, options=carried))
        assert judging.says(echo.to_bytes(4, "little") + whole[4:], 0) == is_newer, (hex(echo), hex(stamp))


def test_what_one_frame_offered_is_forgotten_by_the_next(reading: Part) -> None:
    everything = bytes.fromhex("0303070402080a0102030405060708020405b401")  # no known layout: it is walked
    walked_to_nothing = bytes.fromhex("01010100")
    assert reading.words(frame(tcp=Tcp(options=everything)), 6) == [1460, 7, 1, 1, 0x04030201, 0x08070605]
    for nothing in (b"", walked_to_nothing):
        assert reading.words(frame(tcp=Tcp(options=nothing)), 6) == [0, NO_SCALE, 0, 0, 0, 0]
