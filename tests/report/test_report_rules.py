"""Rules for floods in which one thing is planted: the best rule names it, and its shares are the truth's."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardtack.control.report.features import COARSE, PLACES, features
from hardtack.control.report.headers import headers, untagged
from hardtack.control.report.judging import Judge
from hardtack.control.report.rules import MOST_ORDINARY, MOST_RULES, Finder, Proposal
from hardtack.pcap.libpcap import compile
from hardtack.pcap.native import Batch, Matcher
from report.made import ACK, LINUX, SYN, Frame, Planted, anywhere, flood, ordinary

MANY, CALM = 500, 400
NEAR = 0.05
STRANGE = bytes.fromhex("0303070402020405b4010101")  # WS, SACK permitted, MSS: an order that no system has


def stamped(random: Random) -> bytes:
    """Linux's options."""
    return LINUX[:8] + random.randbytes(4) + LINUX[12:]


CASES: dict[str, tuple[str, Frame, Planted]] = {
    "TTL": ("ip[8] = 243", Frame(), {"ttl": 243}),
    "length": ("ip[2:2] = 97", Frame(), {"payload": lambda r: r.randbytes(37), "options": stamped}),
    "source port": ("src port 1337", Frame(), {"port": 1337}),
    "source port of UDP": ("udp src port 123", Frame(flags=None), {"port": 123}),
    "window": ("tcp[14:2] = 1025", Frame(), {"window": 1025}),
    "option order": ("tcp[20:2] = 771", Frame(), {"options": STRANGE}),
    "MSS": ("tcp[20:4] = 0x02040218", Frame(), {"options": bytes.fromhex("02040218") + LINUX[4:]}),
    "prefix": ("src net 203.0.113.0/24", Frame(), {"source": lambda r: f"203.0.113.{r.randrange(256)}"}),
    "sequence number": ("tcp[4:4] = 0x00c0ffee", Frame(), {"sequence": 0xC0FFEE}),
    "IP identification": ("ip[4:2] = 54321", Frame(), {"identification": 54321}),
    "payload": ("0x47455420", Frame(flags=ACK), {"payload": b"GET / HTTP/1.0\r\n\r\n"}),
    "TCP flags": ("tcp[13] = 0x29", Frame(), {"flags": 0x29, "options": b""}),
    "hop limit": ("ip6[7] = 243", Frame(6), {"ttl": 243}),
    "window of IPv6": ("ip6[54:2] = 1025", Frame(6), {"window": 1025}),
    "option order of IPv6": ("ip6[60:2] = 771", Frame(6), {"options": STRANGE}),
    "prefix of IPv6": ("2001:db8:bad::/", Frame(6), {"source": lambda r: f"2001:db8:bad::{r.randrange(1 << 16):x}"}),
}


def truth(expression: str, frames: list[bytes]) -> float:
    """The share that matches, as machine code says: what a rule in use is compiled with."""
    answers = Batch(frames).run(Matcher([compile(expression)]))
    return sum(map(bool, answers)) / len(frames)


def found(attack: list[bytes], calm: list[bytes]) -> list[Proposal]:
    return [*Finder(attack, calm).rules()]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("share", [1.0, 0.7])
def test_the_best_rule_names_what_is_planted(name: str, share: float) -> None:
    text, base, planted = CASES[name]
    random = Random(name)
    attack, calm = flood(random, MANY, share, base, dict(planted)), ordinary(random, CALM, base.version)
    calm += flood(random, CALM // 4, 0, Frame(flags=None), {})  # HTTP/3
    best, *rest = found(attack, calm)
    assert text in best.expression, best
    assert abs(best.attack - share) <= NEAR and best.ordinary is not None and best.ordinary <= MOST_ORDINARY
    fresh = flood(Random(f"{name} again"), MANY, share, base, dict(planted))
    for one in (best, *rest[:1]):
        assert one.attack == pytest.approx(truth(one.expression, attack))
        assert one.ordinary == pytest.approx(truth(one.expression, calm))
        assert abs(one.attack - truth(one.expression, fresh)) <= NEAR


def test_two_together_where_each_alone_hits_clients() -> None:
    """Half of all clients have this window and a tenth this TTL: together they are the flood's."""
    random = Random(1)
    attack = flood(random, MANY, 1, Frame(), {"window": 64240, "options": stamped, "ttl": 128})
    near = [Frame(ttl=128, source=anywhere(random, 4), window=8192).bytes for _ in range(CALM // 10)]
    calm = ordinary(random, CALM) + near
    best, *_ = found(attack, calm)
    assert best.attack > 0.95 and best.ordinary == 0.0 and " and " in best.expression


def test_several_floods_at_once_get_a_rule_each() -> None:
    random = Random(2)
    parts = [
        flood(random, MANY // 2, 1, Frame(), {"ttl": 243}),
        flood(random, MANY // 3, 1, Frame(flags=None), {"port": 53}),
        flood(random, MANY // 4, 1, Frame(6), {"window": 1025}),
    ]
    rules = found([frame for part in parts for frame in part], ordinary(random, CALM) + ordinary(random, CALM // 4, 6))
    text = " | ".join(one.expression for one in rules)
    assert "ip[8] = 243" in text and "udp src port 53" in text and "ip6[54:2] = 1025" in text
    assert sum(one.more for one in rules) > 0.95 and len(rules) <= MOST_RULES


def test_what_hits_clients_is_not_proposed() -> None:
    """Frames as clients send them: nothing tells them apart."""
    random = Random(3)
    assert found(ordinary(random, MANY), ordinary(random, CALM)) == []


def test_what_all_syns_have_is_no_rule_while_none_are_known() -> None:
    """Few ordinary frames are SYNs, so that "drop every SYN" would look harmless."""
    random = Random(4)
    attack = [Frame(source=anywhere(random, 4), ttl=random.randint(40, 128), sequence=random.getrandbits(32),
                    identification=random.randrange(1 << 16), port=random.randrange(1024, 65536),
                    window=random.randrange(1 << 16)).bytes for _ in range(MANY)]  # fmt: skip
    calm = [frame for frame in ordinary(random, CALM) if frame[47] != SYN]
    for one in found(attack, calm):
        assert {name for name, _ in one.because} - COARSE, one
    alone = found(attack, [])
    assert all(one.ordinary is None and one.ordinary_syns is None for one in alone)


def test_what_all_of_few_known_syns_have_is_no_rule() -> None:
    """Three of 1,203 ordinary frames: too few for a share, but enough to see that SYNs have this window."""
    random = Random(8)
    attack = flood(random, MANY, 1, Frame(flags=ACK), {"window": 64240, "payload": b""})
    others = [frame for frame in ordinary(random, 6 * CALM) if frame[47] != SYN][: 3 * CALM]
    syns = [Frame(source=anywhere(random, 4), window=64240, options=LINUX).bytes for _ in range(3)]
    assert found(attack, others)[0].expression == "tcp[14:2] = 64240"
    best, *_ = found(attack, others + syns)
    assert best.attack == 1 and best.ordinary_syns is None and truth(best.expression, syns) == 0, best


def test_tags_are_no_features() -> None:
    plain = Frame(ttl=243)
    tagged = Frame(ttl=243, tags=(7, 9))
    assert untagged(tagged.bytes).rstrip(b"\0") == plain.bytes.rstrip(b"\0")
    assert untagged(plain.bytes[14:], begin=0)[12:] == plain.bytes[12:]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=128), st.sampled_from([b"\x08\x00", b"\x86\xdd", b"\x81\x00"]), st.booleans())
def test_no_frame_is_too_strange(data: bytes, kind: bytes, likely: bool) -> None:
    """Nothing raises, and each feature has a place."""
    ip = b"\x45\x00\x00\x70" + data[:5] + b"\x06" + data[5:] if likely else data
    for feature in features(headers(untagged(bytes(12) + kind + ip))):
        assert feature.field in PLACES


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([*CASES.values()]))
def test_each_feature_is_found_again_by_its_expression(seed: int, case: tuple[str, Frame, Planted]) -> None:
    """Whatever a frame has, libpcap sees, too."""
    _, base, planted = case
    (frame,) = flood(Random(seed), 1, seed % 2, base, dict(planted))
    judge = Judge([frame[:128]])
    for feature in features(headers(frame[:128])):
        assert judge.hits(" and ".join(feature.terms)).all(), feature


def test_a_flood_of_nothing_but_chance_ends_without_a_rule() -> None:
    """As many different values as there is room for."""
    random = Random(5)
    begins = bytes(12) + b"\x08\x00\x45", bytes(12) + b"\x86\xdd\x60"
    frames = [begins[number % 2] + random.randbytes(113) for number in range(4096)]
    rules = found(frames, ordinary(random, CALM) + ordinary(random, CALM, 6))
    assert all(one.attack <= 1 for one in rules)
    random = Random(6)
    assert found(flood(random, 4096, 0, Frame(), {}), ordinary(random, CALM)) == []


def test_the_same_frames_give_the_same_rules() -> None:
    random = Random(7)
    attack, calm = flood(random, MANY, 0.5, Frame(), {"ttl": 243, "window": 1025}), ordinary(random, CALM)
    assert found(attack, calm) == found(attack, calm)
