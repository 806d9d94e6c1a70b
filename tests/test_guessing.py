"""What a guesser gets: the odds of docs/cookie.md, tried out on a cookie of few bits.

The real one has too many to wait for. So this guesser is told all bits of each cookie but the last few, and draws those.
Unix time stands still, so that cookies stay good; monotonic time goes on as the budget of guesses wants it.
"""

from __future__ import annotations

from collections import Counter
from math import sqrt
from random import Random

import pytest
from engines_under_test import Native
from naive import challenge, cookie, world
from naive.cookie import EPOCH, Flow
from naive.frames import ACK, RST, IPv4, Tcp, frame, packed
from naive.world import CHALLENGED, EPOCH_NOW, KEYS, NOW, WEB
from test_docs import ROOT

from hardtack.packet.reasons import Reason

SECOND = 1024  # ms
BOOTED = 4_000_000 * SECOND
GUESSES, MOST_GUESSES, TRIES, GUESSED_SHIFT = 128, 1024, 4, 3  # docs/cookie.md
SOURCE = "198.18.7.9"


@pytest.fixture(scope="module")
def native() -> Native:
    return Native()


MSS_BITS = 0xC0000000  # of the timestamp: the 24 bits are over them, too


class Guesser:
    """Somebody who knows all of each cookie but `bits` of the 24, and with timestamps none of the 7."""

    host = WEB

    def __init__(self, native: Native, bits: int, timestamps: bool = False, **limits: int) -> None:
        self._native, self._bits, self._timestamps = native, bits, timestamps
        self._rng, self._port = Random(1), 0
        native.forget()
        native.set_policy(world.state(**limits))

    def tries(self, ms: int, port: int | None = None) -> Reason:
        """One guess, of a connection of its own or of one that it has asked for."""
        self._port = self._port % 60_000 + 1
        tcp = self._guess(self._port if port is None else port)
        return self._native.run(frame(IPv4(SOURCE, self.host), tcp), NOW, ms=ms).reason

    def asks(self, ms: int, port: int) -> Reason:
        """A SYN."""
        return self._native.run(frame(IPv4(SOURCE, self.host), Tcp(port, 443, 7)), NOW, ms=ms).reason

    def _guess(self, port: int) -> Tcp:
        flow = Flow(packed(SOURCE), packed(WEB), port, 443)
        isn, o = self._rng.getrandbits(32) if port <= 60_000 else 7, 0x0F
        ours = cookie.make(KEYS[EPOCH_NOW], flow, isn, o, NOW, timestamps=self._timestamps, ecn=False)
        guessed = ours.isn ^ self._rng.getrandbits(self._bits) << 8
        carried = b""
        if self._timestamps:
            echoed = self._rng.getrandbits(32) & ~MSS_BITS
            carried = b"\x01\x01\x08\x0a" + bytes(4) + echoed.to_bytes(4, "big")
        return Tcp(port, 443, (isn + 1) % (1 << 32), (guessed + 1) % (1 << 32), ACK, options=carried)


class Forger(Guesser):
    """Somebody who knows all of each challenge but `bits` of the 30, and sends RSTs."""

    host = CHALLENGED

    def _guess(self, port: int) -> Tcp:
        flow = Flow(packed(SOURCE), packed(CHALLENGED), port, 443)
        ours = challenge.make(KEYS[EPOCH_NOW], flow, 7, NOW)
        return Tcp(port, 443, ours.acknowledgment ^ self._rng.getrandbits(self._bits) << 8, 0, RST)

    def knowing(self) -> Forger:
        """The same, but he knows all of them."""
        self._bits = 0
        return self


def likely(found: int, tries: int, bits: int) -> bool:
    """Whether so many of the tries were right as 1 in 2^bits says: within 6 standard deviations, a chance of 10^-9."""
    expected = tries / (1 << bits)
    return abs(found - expected) <= 6 * sqrt(expected)


@pytest.mark.parametrize(("bits", "timestamps", "all_bits"), [(6, False, 6), (0, True, 7), (2, True, 9)])
def test_a_guess_is_right_with_the_probability_that_its_bits_say(
    native: Native, bits: int, timestamps: bool, all_bits: int
) -> None:
    """Without the budget: never more than 100 in a second."""
    guesser, tries = Guesser(native, bits, timestamps), 10_000
    reasons = Counter(guesser.tries(BOOTED + number // 100 * SECOND) for number in range(tries))
    assert reasons.keys() == {Reason.remembered, Reason.stray_ack}
    assert likely(reasons[Reason.remembered], tries, all_bits), reasons


def test_with_the_budget_there_are_128_wrong_guesses_in_a_second(native: Native) -> None:
    """However many there are: and so many are right as there may be among so many tries."""
    bits, seconds, all_tries, right = 3, 40, 0, 0
    guesser = Guesser(native, bits)
    for second in range(seconds):
        reasons = Counter(guesser.tries(BOOTED + second * SECOND) for _ in range(300))
        assert reasons[Reason.stray_ack] == GUESSES and reasons[Reason.guess_limit] > 0, reasons
        all_tries += 300 - reasons[Reason.guess_limit]
        right += reasons[Reason.remembered]
    assert likely(right, all_tries, bits), right


def test_and_four_more_for_each_syn_that_is_answered_which_an_eighth_is(native: Native) -> None:
    """By their own numbers: 300 SYNs, of which a prefix has 10 answered, and ten guesses at each connection."""
    replies = 80
    guesser = Guesser(native, 24, prefix_replies=replies)
    for second in range(10):
        ms = BOOTED + second * SECOND
        tried = Counter(guesser.tries(ms) for _ in range(GUESSES))
        assert tried == {Reason.stray_ack: GUESSES}
        asked = [port for port in range(60_001, 60_301) if guesser.asks(ms, port) == Reason.answered]
        assert len(asked) == replies >> GUESSED_SHIFT
        more = Counter(guesser.tries(ms, port) for port in asked for _ in range(10))
        assert more == {Reason.stray_ack: TRIES * len(asked), Reason.guess_limit: 6 * len(asked)}


def test_nor_more_than_1024_in_all(native: Native) -> None:
    """However many SYNs are answered."""
    guesser = Guesser(native, 24, prefix_replies=1 << 20)
    tried = Counter(guesser.tries(BOOTED) for _ in range(GUESSES))
    for port in range(60_001, 60_401):
        assert guesser.asks(BOOTED, port) == Reason.answered
        tried.update(guesser.tries(BOOTED, port) for _ in range(TRIES))
    assert tried[Reason.stray_ack] == MOST_GUESSES, tried


def test_a_forged_proof_is_right_with_the_probability_that_its_bits_say(native: Native) -> None:
    forger, tries, bits = Forger(native, 6), 10_000, 6
    reasons = Counter(forger.tries(BOOTED + number // 100 * SECOND) for number in range(tries))
    assert reasons.keys() == {Reason.proof, Reason.stray_rst}
    assert likely(reasons[Reason.proof], tries, bits), reasons


def test_with_the_budget_128_wrong_proofs_are_looked_at_in_a_second(native: Native) -> None:
    bits, seconds, right = 3, 40, 0
    forger = Forger(native, bits)
    for second in range(seconds):
        reasons = Counter(forger.tries(BOOTED + second * SECOND) for _ in range(300))
        tried = GUESSES + reasons[Reason.proof]  # the others are dropped unseen
        assert reasons[Reason.stray_rst] == 300 - reasons[Reason.proof] and tried < 300
        right += reasons[Reason.proof]
    assert likely(right, seconds * GUESSES * (1 << bits) // ((1 << bits) - 1), bits), right


def test_and_four_more_for_each_challenge_of_which_there_are_an_eighth(native: Native) -> None:
    """The right ones, after all tries are used up: only of those who were asked just now, and each four times."""
    replies = 80
    forger = Forger(native, 24, prefix_replies=replies)
    assert Counter(forger.tries(BOOTED) for _ in range(GUESSES)) == {Reason.stray_rst: GUESSES}
    asked = [port for port in range(60_001, 60_301) if forger.asks(BOOTED, port) == Reason.challenged]
    assert len(asked) == replies >> GUESSED_SHIFT
    knower = forger.knowing()
    for port in asked:
        assert [knower.tries(BOOTED, port) for _ in range(TRIES + 1)] == [Reason.proof] * TRIES + [Reason.stray_rst]
    assert knower.tries(BOOTED, 60_301) == Reason.stray_rst


def test_the_odds_are_as_the_document_says() -> None:
    """The numbers in docs/cookie.md, from those of the program and of the default configuration."""
    text = " ".join((ROOT / "docs/cookie.md").read_text(encoding="utf-8").split())
    replies = 1000
    tries = GUESSES + TRIES * (replies >> GUESSED_SHIFT)
    epoch = EPOCH // 1000
    assert f"{tries} tries a second" in text
    assert f"1 in {round(2**24 / (tries * epoch)):,}" in text and f"1 in {round(2**31 / (tries * epoch)):,}" in text
    assert f"{2**24 / tries / 3600:.1f} hours" in text and f"{2**31 / tries / 86400:.0f} days" in text
    assert f"{MOST_GUESSES:,} wrong tries" in text and f"right in {2**24 / MOST_GUESSES / 3600:.1f} hours" in text
    assert f"{2**24 / 1.2e6:.0f} s" in text
    assert f"1 in {round(2**30 / (tries * epoch)):,}" in text and f"{2**30 / tries / 86400:.0f} days" in text
    assert f"{2**30 / 1.2e6 / 60:.0f} minutes" in text
