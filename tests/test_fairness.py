"""Who is answered when not all can be: over many windows and CPUs, in native code; that the twin agrees, others test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from engines_under_test import Native
from naive import world
from naive.frames import IPv4, IPv6, Tcp, frame, packed
from naive.moment import WINDOW
from naive.state import WAYS
from naive.world import HEARD, NOW, ROUTED, WEB
from rows.row import first_ack
from tables_under_test import BUCKETS

from hardtack.packet.reasons import Reason

BOOTED = 4_000_000_000 // WINDOW * WINDOW  # ms
Syn = tuple[str, int, str]  # source, its port, the host
ANSWERED = Reason.answered


@pytest.fixture(scope="module")
def engine() -> Native:
    return Native()


class Town:
    """An engine under some limits, and a clock that goes from window to window."""

    def __init__(self, engine: Native, **limits: int) -> None:
        self._engine, self.window = engine, 0
        engine.forget()
        engine.set_policy(world.state(**limits))

    def hears(self, syns: Iterable[Syn], cpus: int = 1) -> Counter[Reason]:
        """What becomes of a window's SYNs, each CPU having its turn."""
        self.window += 1
        ms = BOOTED + self.window * WINDOW
        return Counter(self.run(syn(*said), ms, number % cpus) for number, said in enumerate(syns))

    def run(self, given: bytes, ms: int, cpu: int = 0) -> Reason:
        """One frame."""
        return self._engine.run(given, NOW, cpu=cpu, ms=ms).reason


def syn(source: str, port: int, host: str) -> bytes:
    """As short as it can be."""
    ip: IPv4 | IPv6 = IPv6(source, host) if ":" in source else IPv4(source, host)
    return frame(ip, Tcp(port, 80))


def from_anywhere(count: int, host: str = WEB, first: int = 0) -> list[Syn]:
    """Forged: each in the name of another /24."""
    return [(f"11.{number >> 8}.{number & 255}.9", 1000, host) for number in range(first, first + count)]


def from_networks(count: int, each: int, host: str = WEB) -> list[Syn]:
    """Honest: so many /24s, so often each, in turn."""
    return [(f"198.18.{network}.1", 1000 + number, host) for number in range(each) for network in range(count)]


def test_one_syn_on_each_of_128_cpus_in_a_window(engine: Native) -> None:
    """A limit of 5 million a second, taken in parts of which there is one for each of them."""
    town = Town(engine, replies=5_000_000 * WINDOW // 1000)
    for _ in range(2):
        assert town.hears(from_anywhere(128), cpus=128) == {ANSWERED: 128}


@pytest.mark.parametrize("cpus", [1, 3])
def test_a_small_limit_is_used_up_by_however_many_cpus(engine: Native, cpus: int) -> None:
    """But for the eighth that is for others. Drawn in parts, nothing is left over where somebody else wants it."""
    town = Town(engine, replies=80)
    assert town.hears(from_anywhere(400), cpus) == {ANSWERED: 70, Reason.total_limit: 330}


def test_cpus_are_counted_by_who_has_syns(engine: Native) -> None:
    """And not by queues that nobody uses: the shares of a prefix and of a host are of those that do."""
    town = Town(engine, replies=800)
    for _ in range(3):
        answered = town.hears(from_networks(5, 300), cpus=2)[ANSWERED]
    assert answered == 5 * 2 * 66, "of 800, each of five and of one that may come may have a sixth, half of it on each CPU"


def test_after_a_spike_all_is_as_it_was(engine: Native) -> None:
    """200 ms; then a busy /24 with 11 % of the limit is never refused again, however long it goes on."""
    town = Town(engine, replies=100)
    busy = from_networks(1, 11)
    assert town.hears(busy) == {ANSWERED: 11}
    for _ in range(2):
        assert town.hears([*from_anywhere(600), *busy])[ANSWERED] <= 88
    town.hears(busy)
    for _ in range(40):
        assert town.hears(busy) == {ANSWERED: 11}


def test_a_flood_that_goes_on_stays_limited(engine: Native) -> None:
    """The limit bites for as long as more is wanted, though the flooded get no further than their share."""
    town = Town(engine, replies=100)
    busy = from_networks(5, 10)
    for _ in range(20):
        heard = town.hears([*[("203.0.111.9", port, WEB) for port in range(400)], *busy])
    assert heard[ANSWERED] == 14 + 50, "a seventh for each of six, and one is for who comes anew"


def test_a_flood_on_one_host_leaves_the_other_its_own(engine: Native) -> None:
    """400 of 400, from the second window on, whoever's name the flood comes in."""
    town = Town(engine, replies=1200)
    wanted = from_networks(40, 10, ROUTED)
    for window in range(6):
        flood = from_anywhere(3000, WEB, first=window * 3000)
        mixed = [said for at in range(400) for said in (*flood[at * 7 : at * 7 + 7], wanted[at])]
        town.window += 1
        ms = BOOTED + town.window * WINDOW
        answered = Counter(host for source, port, host in mixed if town.run(syn(source, port, host), ms) == ANSWERED)
        assert window < 2 or answered[ROUTED] == 400, window
        assert answered[WEB] >= 600 or window == 0


def test_prefixes_that_brought_good_cookies_keep_their_reserve(engine: Native) -> None:
    """An eighth of what there is, under a flood from everywhere."""
    town = Town(engine, replies=800)
    regulars = from_networks(20, 5)
    for source, _, host in regulars[:20]:
        assert town.run(first_ack(IPv4(source, host), Tcp(999, 80)), BOOTED + WINDOW) == Reason.remembered
    for window in range(4):
        answered = town.hears([*from_anywhere(4000, first=window * 4000), *regulars])[ANSWERED]
        assert window == 0 or answered == 800, "700 strangers, and all of the hundred"


def test_a_48_is_one_however_many_64s_it_has(engine: Native) -> None:
    """65,000 of them, each in its own name, have no more than one prefix has."""
    town = Town(engine, replies=800)
    honest = [(f"2001:db8:{number:x}::1", 1000, world.WEB6) for number in range(1, 11)]
    for window in range(4):
        flood = [(f"2001:db8:bad:{window * 4000 + number:x}::1", 1000, world.WEB6) for number in range(4000)]
        town.window += 1
        ms = BOOTED + town.window * WINDOW
        refused = [said for said in [*flood, *honest] if town.run(syn(*said), ms) != ANSWERED]
        assert window < 2 or not {*honest} & {*refused}


def test_a_prefix_is_capped_long_before_any_limit_bites(engine: Native) -> None:
    """No victim is sent more than that, in the name of whichever of its /24's addresses; nor a /48."""
    town = Town(engine, prefix_replies=1000)
    assert town.hears((f"198.18.0.{number % 256}", 1000 + number, WEB) for number in range(3000)) == {
        ANSWERED: 1000,
        Reason.prefix_cap: 2000,
    }
    town = Town(engine, prefix_replies=10)
    wide = ((f"2001:db8:0:{number:x}::1", 1000, world.WEB6) for number in range(500))
    assert town.hears(wide) == {ANSWERED: 160, Reason.prefix_cap: 340}


def test_8192_frames_at_once_and_then_no_more_than_its_host_allows() -> None:
    """Of a connection that its host has confirmed; half an hour's silence is worth no more."""
    engine = Native(world.state())
    opens = frame(IPv4(HEARD, "198.18.0.1"), Tcp(80, 1000, 7, 8, 0x10))
    data = frame(IPv4("198.18.0.1", HEARD), Tcp(1000, 80, 8, 7, 0x10))
    assert engine.run(opens, NOW, "inside", ms=BOOTED).reason == Reason.taught
    for moment in (BOOTED, BOOTED + 1_800_000):
        said = Counter(engine.run(data, NOW, ms=moment).reason for _ in range(8200))
        assert said == {Reason.connection: 8192, Reason.frame_limit: 8}


def test_one_address_makes_nobody_be_forgotten_but_its_own() -> None:
    """Ten times as many handshakes as the table is for, idle honest connections of all networks in it."""
    engine, buckets = Native(world.state()), 64
    size, clients = buckets * WAYS * 2 // 3, [f"198.18.{number}.1" for number in range(150)]
    engine.set_buckets(buckets)
    for source in clients:
        assert engine.run(first_ack(IPv4(source), Tcp(1000)), NOW, ms=BOOTED).reason == Reason.remembered
    for number in range(10 * size):
        given = first_ack(IPv4("203.0.111.9"), Tcp(1000 + number))
        assert engine.run(given, NOW, ms=BOOTED + 1000 + number).reason == Reason.remembered
    known = {name.client[12:] for name in engine.known()}
    assert known >= {packed(source) for source in clients}


def test_nor_do_many_of_one_network_with_more_than_its_places(engine: Native) -> None:
    """Where it has nobody of its own to displace, a prefix takes the place of a few in a second, and then of nobody."""
    town = Town(engine, prefix_connections=32)
    engine.set_buckets(8)
    for network in range(64 * 3):
        town.run(first_ack(IPv4(f"198.{18 + network // 128}.{network % 128}.1", WEB), Tcp(1000, 80)), BOOTED)
    full = {*engine.known()}
    assert len(full) == 8 * WAYS
    said = Counter(town.run(first_ack(IPv4("203.0.111.9", WEB), Tcp(number, 80)), BOOTED + 500) for number in range(1, 33))
    assert said[Reason.remembered] + said[Reason.newcomer_limit] == 32 and said[Reason.newcomer_limit] > 0
    assert len(full - {*engine.known()}) <= 2
    engine.set_buckets(BUCKETS)
