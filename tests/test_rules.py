"""Rules: what may be written, where they are laid, what limits let through, and that a full table of sources bounds all."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from engines_under_test import Native, Twin
from naive import world
from naive.frames import IPv4, IPv6
from naive.world import NOW, RULED, RULED6
from rows.ruled import tcp, udp

from hardtack.control import rule_loads, rules
from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import loaded, read
from hardtack.control.configuration.rules import parse
from hardtack.control.crew import Crew
from hardtack.control.publish import settle
from hardtack.control.rule_mistakes import named
from hardtack.control.rule_texts import ENTRY, entry, known
from hardtack.control.rule_texts import Written as Text
from hardtack.control.rules import Laid, Line, Ruling, laid, ruled
from hardtack.kernel import grace
from hardtack.packet.reasons import Reason
from hardtack.packet.rule_tables import ANY_PORT, BASE_SHIFT, DRY_RUN, HAS_RULES, SLOT_BITS, SOURCE_BUCKETS, SOURCE_WAYS

FRONT = '[front]\ninterface = "eth0"\nkey_file = "key"\nrules = {rules}\n'
HOST = '[[host]]\nname = "{name}"\naddresses = ["192.0.2.{number}"]\nhandshake = "agent"\nvia = "kernel"\n{more}\n'


def written(common: str = "[]", **hosts: str) -> str:
    """A configuration; `hosts`: more lines of each."""
    return FRONT.format(rules=common) + "".join(
        HOST.format(name=name, number=number, more=more) for number, (name, more) in enumerate(hosts.items(), 1)
    )


def placed(common: str = "[]", earlier: Laid = rules.NO_RULES, **hosts: str) -> Laid:
    """Where its rules are."""
    return laid(ruled(read(written(common, **hosts), Path("front.toml"))), earlier)


WRONG = {
    '"drip udp"': 'which begins with "drip" instead of an action: pass, drop, limit, count or protect',
    '"drop"': 'which has no expression; for all frames, write "drop ip or ip6"',
    '"dry pass udp"': "which has dry before pass: dry goes only before drop and limit",
    '"dry"': "which has no action: pass, drop, limit, count or protect",
    '"limit 5k udp"': 'which has "5k" after limit; write a rate such as 5k/s',
    '"limit"': "which has no rate after limit; write a rate such as 5k/s",
    '"limit 0/s udp"': 'whose rate is "0/s"; write one from 1/s to 1G/s',
    '"limit 2M/s per source udp"': 'whose rate is "2M/s"; write one from 1/s to 1M/s',
    '"drop host foo.bar"': "`foo.bar` (character 6) is a name, and names are not resolved: write its address",
    '"drop tcp or"': "syntax error (libpcap)",
    "3": "which is not in quotes",
}


@pytest.mark.parametrize(("rule", "complaint"), WRONG.items())
def test_what_a_rule_cannot_be(rule: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(written(web=f'rules = ["pass icmp",\n{rule}]'), Path("front.toml"))
    (problem,) = error.value.problems
    assert f'front.toml:11: [[host]] "web" rules: found {rule}, ' in str(problem) and complaint in str(problem)
    assert "write rules = [" in str(problem)


MANY = [f'"drop udp port {port}"' for port in range(257)]
TOGETHER = {
    'ports = [80]\nprotect = "tcp dst port 80"': "with ports = [80]; write one of the two",
    'protect = "tcp dst prt 80"': 'whose expression "tcp dst prt 80" is wrong: ',
    'protect = " "': "which is an empty expression",
    'rules = ["pass udp", "drop icmp", "pass  udp"]': 'in which rule 3, "pass  udp", repeats rule 1 and never matches',
    f"rules = [{', '.join(MANY)}]": "which are 257 rules; the limit is 256",
    "dry_run = 1": "write dry_run = true or dry_run = false",
}


@pytest.mark.parametrize(("lines", "complaint"), TOGETHER.items(), ids=[text[:40] for text in TOGETHER])
def test_what_does_not_go_together(lines: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(written(web=lines), Path("front.toml"))
    assert complaint in str(error.value)


def test_too_many_for_one_host() -> None:
    some = ", ".join(MANY[:200])
    match = r"found rule number 401 for this host, including those of \[front\] and `protect`"
    with pytest.raises(ConfigError, match=match):
        read(written(f"[{some}]", web=f'rules = [{some}]\nprotect = "tcp"'), Path("front.toml"))


COMMON = 'rules = [\n"drop udp",\n"drop icmp"]'
LIMITS = {
    "MOST_LISTS": (
        {"one": 'rules = ["drop udp"]', "two": COMMON, "three": 'protect = "tcp dst port 80"'},
        'front.toml:24: [[host]] "three" protect: found "tcp dst port 80", list number 3 of different expressions; '
        "the limit is 2:",
    ),
    "MOST_NUMBERED": (
        {"one": "", "two": COMMON},
        'front.toml:18: [[host]] "two" rules: found "drop icmp", rule number 2 of all hosts; the limit is 1:',
    ),
    "MOST_RULE_RECORDS": (
        {"one": 'rules = ["drop udp"]', "two": COMMON},
        'front.toml:16: [[host]] "two" rules: found 2 rules, which make more than 3 for all hosts, '
        "the limit:",
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_more_than_there_is_room_for(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits that are reached sooner."""
    hosts, told = LIMITS[limit]
    monkeypatch.setattr(rules, limit, 3 if limit == "MOST_RULE_RECORDS" else 2)
    found = loaded(Path("front.toml"), written(**hosts))
    with pytest.raises(ConfigError) as error, named(found):
        rule_loads.check(found.config)
    assert str(error.value) == f"{told} move rules that several hosts share to [front]"


def test_what_is_an_expression_for_ethernet_only() -> None:
    """Where a front is at tcx, as on a tunnel: only who knows the interface can tell."""
    found = loaded(Path("front.toml"), written('["drop ether src 02:00:00:00:00:01"]', web=""))
    made = laid(ruled(found.config))
    assert rule_loads.lists_of(made, made.slots, "ethernet")
    with pytest.raises(ConfigError) as error, named(found):
        rule_loads.lists_of(made, made.slots, "ip")
    told, end = str(error.value), "; leave the rule out"
    assert told.startswith(
        'front.toml:4: [front] rules: found "drop ether src 02:00:00:00:00:01", whose expression does not fit frames that '
        "begin with IP, as on a tunnel: "
    )
    assert told.endswith(end)


def test_ten_thousand_hosts_with_rules_of_their_own_are_laid_in_no_time_that_shows() -> None:
    """Each step is one of as many as there are rules, or gaps: 10,000 lists, then every other one anew, in the gaps."""
    some = [Ruling((Line(parse("drop udp"), (f"host{n}", "drop udp")),)) for n in range(10_000)]
    before = rules.placed(dict.fromkeys(some, ""), {})
    more = {Ruling(one.lines * (1 + n % 3)): "" for n, one in enumerate(some) if n % 2}
    after = rules.placed({**dict.fromkeys(some[::2], ""), **more}, {one: before[one] for one in some[::2]})
    taken = sorted((base, base + one.records) for one, base in after.items())
    assert all(end <= begin for (_, end), (begin, _) in pairwise(taken))
    assert all(after[one] == before[one] for one in some[::2])


def test_equal_lists_share_a_program_and_equal_rules_their_records() -> None:
    made = placed('["drop udp"]', one="", two="", three='rules = ["drop icmp"]', four='rules = ["pass icmp"]')
    assert made.words["one"] == made.words["two"]
    assert made.words["three"] & SLOT_BITS == made.words["four"] & SLOT_BITS != made.words["one"] & SLOT_BITS
    assert made.words["three"] >> BASE_SHIFT != made.words["four"] >> BASE_SHIFT
    assert len(made.slots) == 2 and len(made.bases) == 3 and len(made.numbers) == 3


def test_words_say_what_programs_must_know() -> None:
    made = placed(
        none="", dry="dry_run = true", count='rules = ["count udp"]', any='rules = ["protect tcp"]', named='protect = "tcp"'
    )
    assert "none" not in made.words
    assert made.words["dry"] == HAS_RULES | DRY_RUN
    assert not made.words["count"] & (ANY_PORT | DRY_RUN)
    assert made.words["any"] & ANY_PORT and made.words["named"] & ANY_PORT


def test_another_action_or_rate_changes_nothing_but_records() -> None:
    before = placed(web='rules = ["drop udp", "limit 5/s icmp"]', mail='rules = ["count tcp"]')
    after = placed(web='rules = ["pass udp", "limit 7/s icmp"]', mail='rules = ["count tcp"]', earlier=before)
    assert after.slots == before.slots
    assert after.words["mail"] == before.words["mail"]
    assert after.words["web"] & SLOT_BITS == before.words["web"] & SLOT_BITS
    assert not set(after.bases.values()) & {before.bases[one] for one in before.bases if one not in after.bases}


def test_numbers_are_kept_and_not_given_to_others() -> None:
    before = placed(web='rules = ["drop udp", "drop icmp"]')
    after = placed(web='rules = ["pass tcp", "drop icmp"]', earlier=before)
    assert after.numbers["web", "drop icmp"] == before.numbers["web", "drop icmp"]
    assert after.numbers["web", "pass tcp"] not in before.numbers.values()


def test_gaps_are_filled() -> None:
    before = placed(one='rules = ["drop udp"]', two='rules = ["drop icmp", "drop tcp"]', three='rules = ["pass tcp"]')
    without = placed(one='rules = ["drop udp"]', three='rules = ["pass tcp"]', earlier=before)
    again = placed(one='rules = ["drop udp"]', four='rules = ["pass udp"]', three='rules = ["pass tcp"]', earlier=without)
    taken = sorted((base, base + ruling.records) for ruling, base in again.bases.items())
    assert all(end <= begin for (_, end), (begin, _) in pairwise(taken))
    assert max(end for _, end in taken) <= max(base + ruling.records for ruling, base in before.bases.items())


def test_known_again_by_owner_and_text() -> None:
    long = "drop " + " or ".join(f"udp port {port}" for port in range(60))
    table = {}
    for number, (owner, text) in {1: (0, "drop udp"), 2: (2, long), 3: (1, "pass tcp")}.items():
        host, digest, shown = ENTRY.unpack(entry(owner, text))
        table[number] = Text(host, digest, shown.rstrip(b"\0").decode())
    assert table[2].shown.endswith("…") and table[1].shown == "drop udp"
    found = known(table, ["web", "mail"], [("", "drop udp"), ("mail", long)])
    assert (found["", "drop udp"], found["mail", long]) == (1, 2)
    assert 3 in found.values()  # of a rule that is no more: its number is not nobody's


@pytest.fixture(scope="module")
def native() -> Native:
    return Native()


def let_through(native: Native, make: object, per_second: int, seconds: int) -> int:
    """How many of so many frames in each second go on."""
    native.forget()
    gone = 0
    for step in range(per_second * seconds):
        ms = 1_000_000 + step * 1000 // per_second
        gone += native.run(make(step), NOW, ms=ms).reason == Reason.rule_within  # type: ignore[operator]
    return gone


@pytest.mark.parametrize(("port", "rate"), [(9, 3), (7, 1)])
def test_slow_rates_hold(native: Native, port: int, rate: int) -> None:
    gone = let_through(native, lambda _: udp(IPv4(destination=RULED), to=port), 100, 20)
    assert rate * 20 * 0.95 <= gone <= rate * 20 * 1.05


def test_a_fast_rate_holds_within_a_twentieth_over_ten_seconds(native: Native) -> None:
    """2,000 a second, of TCP: what is beyond is dropped, what is within is answered or stray."""
    native.forget()
    frame, beyond, sent, seconds = tcp(IPv4(destination=RULED), 25, 0x10), 0, 5_000, 10
    for step in range(sent * seconds):
        ms = 1_000_000 + step * 1000 // sent
        beyond += native.run(frame, NOW, ms=ms, cpu=step % 2).reason == Reason.rule_limit
    gone = sent * seconds - beyond
    assert 2_000 * seconds * 0.95 <= gone <= 2_000 * seconds * 1.05


def test_a_flood_from_very_many_sources_has_no_more_than_all_buckets_together(native: Native) -> None:
    """One a second for each source, of IPv6: 200,000 at once, each from a /64 of its own, and one honest one after."""
    native.forget()
    rng = np.random.default_rng(1)
    flood = bytearray(udp(IPv6(destination=RULED6), to=7))
    gone, buckets = 0, SOURCE_BUCKETS * SOURCE_WAYS
    for _ in range(200_000):
        flood[22:30] = b"\x20\x01" + rng.bytes(6)
        gone += native.run(bytes(flood), NOW, ms=1_000_000).reason == Reason.rule_within
    assert buckets * 0.8 < gone <= buckets  # well spread, and no more
    assert native.run(udp(IPv6(destination=RULED6), to=7), NOW, ms=1_002_000).reason == Reason.rule_within


def test_two_prefixes_do_not_share_as_long_as_there_is_room(native: Native) -> None:
    native.forget()
    frames = [udp(IPv4(f"100.{a}.{b}.1", RULED), to=7) for a in range(64, 74) for b in range(256)]
    assert all(native.run(frame, NOW, ms=1_000_000).reason == Reason.rule_within for frame in frames)
    assert all(native.run(frame, NOW, ms=1_000_001).reason == Reason.rule_source_limit for frame in frames)


def test_all_engines_count_alike(native: Native) -> None:
    native.forget()
    twin = Twin(world.state())
    for step in range(40):
        for port in (7, 9, 10, 53, 5000):
            frame = udp(IPv4(destination=RULED), to=port, by=port)
            one = native.run(frame, NOW, ms=1_000_000 + step * 100)
            assert str(one) == str(twin.run(frame, NOW, ms=1_000_000 + step * 100))
    counted = {number: (one.frames, one.bytes, one.over, one.over_bytes) for number, one in twin.state.ruled.tallies.items()}
    assert native.tallies() == counted and len(counted) == 5


def test_what_a_reload_has_left_is_not_used_again_while_frames_may_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that has read a host's word must find the program and the records of that word."""
    waited = list[int]()
    monkeypatch.setattr(grace, "wait_for_programs", lambda: waited.append(1))
    here: Any = SimpleNamespace(rules_changed=time.monotonic(), crew=Crew(None))
    settle(here)
    settle(here)
    assert waited == [1], "once a reload that has changed rules"
    here.rules_changed = time.monotonic() - grace.LONG
    settle(here)
    assert waited == [1], "nobody takes so long"
