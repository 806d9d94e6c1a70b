"""Hosts that are protected only under attack, by tables in the kernel: what is counted, decided, switched, told and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from journal_ground import journal
from kernel_ground import needs_root
from pinned_ground import pinned_root

from hardtack.control.attacks import watching
from hardtack.control.attacks.asked import answered
from hardtack.control.attacks.counting import REFUSED, STRAY
from hardtack.control.attacks.detector import QUIET
from hardtack.control.attacks.entry import ATTACKS, Override
from hardtack.control.attacks.watching import Attacks, NotAtTimes
from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.handshakes import Handshakes
from hardtack.control.pinned import key_of
from hardtack.kernel.maps import possible_cpus
from hardtack.kernel.pins import Folder, this_namespace
from hardtack.kernel.standing import Standing
from hardtack.packet.layout import CHALLENGE, COUNTERS, HOSTS, PASSING, Host
from hardtack.packet.reasons import Reason

pytestmark = needs_root

FRONT = '[front]\ninterface = "lo"\nkey_file = "key"\n'
HOST = '[[host]]\nname = "{}"\naddresses = ["192.0.2.{}"]\nhandshake = "challenge"\nvia = "kernel"\n{}\n'
UNDER = 'protect_when = "under-attack"'


def configured(**hosts: str) -> Config:
    """Hosts, by name: what their tables have besides."""
    made = (HOST.format(name, number, more) for number, (name, more) in enumerate(hosts.items(), 1))
    return read(FRONT + "".join(made), Path("/etc/hardtack.toml"))


class Front:
    """The tables of one, without programs: the same as they are at work."""

    def __init__(self, root: Path, config: Config, entries: int = 64, fresh: bool = False) -> None:
        folder = Folder("front", "lo", this_namespace(), root)
        sizes = {"attacks": entries, "counters": entries}
        self.standing = Standing(folder, [], lasting=[(ATTACKS.name,)], sizes=sizes, also=[ATTACKS, COUNTERS, HOSTS])
        self.words = np.frombuffer(self.standing.tables["hosts"].memory(), Host)["handshake"]
        self.handshakes = Handshakes(self.standing.tables["hosts"].memory())
        self.attacks = Attacks(self.standing, self.handshakes)
        self.now = time.monotonic()
        self.numbers: dict[str, int] = {}
        self.have(config, fresh)
        self.standing.keep()

    def have(self, config: Config, fresh: bool = False) -> None:
        """As a start or a reload does."""
        new = [host.name for host in config.hosts if host.name not in self.numbers]
        self.numbers |= {name: len(self.numbers) + place for place, name in enumerate(new, 1)}
        self.attacks.configure(config, self.numbers, [self.numbers[name] for name in new] if fresh or self.holding else [])
        self.handshakes.configure(config, self.numbers, self.attacks.protected())

    @property
    def holding(self) -> bool:
        """Whether it has had hosts before."""
        return bool(self.attacks.all())

    def holds(self, name: str) -> int:
        """What a frame for this host finds."""
        return int(self.words[self.numbers[name]]) & 3

    def count(self, name: str, **frames: int) -> None:
        """More of these reasons, on the last CPU."""
        counters, key = self.standing.tables["counters"], key_of(self.numbers[name])
        each = [np.frombuffer(bytearray(value), np.uint64) for value in counters.lookup_all(key)]
        for reason, many in frames.items():
            each[-1][2 * Reason[reason]] += many
        counters.update_all(key, [value.tobytes() for value in each])

    def second(self, name: str = "", **frames: int) -> None:
        """A second goes by."""
        if name:
            self.count(name, **frames)
        self.now += 1
        self.attacks.look(self.now)


@dataclass
class Ground:
    """Where fronts are pinned, one after the other."""

    root: Path
    at_work: Front | None = None

    def start(self, config: Config, entries: int = 64, fresh: bool = False) -> Front:
        """A front in the place of the one before."""
        before = self.at_work
        self.at_work = Front(self.root, config, entries, fresh)
        if before:
            before.standing.close()
        return self.at_work


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with pinned_root(tmp_path) as root:
        made = Ground(root)
        yield made
        if made.at_work:
            made.at_work.standing.close()
            made.at_work.standing.folder.remove()


def test_a_flood_on_one_host_of_several(ground: Ground) -> None:
    """What was counted before the front began is no flood."""
    front = ground.start(configured(always="", web=UNDER, mail=UNDER))
    front.count("web", opened=1_000_000)
    with journal() as told:
        for _ in range(5):
            front.second("web", opened=10, established=10)
        assert told == [] and (front.holds("always"), front.holds("web")) == (CHALLENGE, PASSING)
        for _ in range(2):
            front.second("web", opened=10_000, newcomer_limit=5_000, established=10)
        line = "under-attack host=web handshake=challenge why=unfinished syns=15000/s unfinished=14990/s strays=0/s"
        assert told == [f"WARNING {line}"]
        assert (front.holds("web"), front.holds("mail")) == (CHALLENGE, PASSING)
        for _ in range(10):
            front.second("web", challenged=30_000, host_limit=10_000, proof=10, opened=10, established=10)
        told.clear()
        for _ in range(int(QUIET) - 1):
            front.second("web", challenged=10, proof=10, opened=10, established=10)
        assert told == [] and front.holds("web") == CHALLENGE
        front.second()
        assert front.holds("web") == PASSING
        peak = "why=unfinished peak_syns=40010/s peak_unfinished=39990/s peak_strays=0/s"
        assert told == [f"INFO attack-over host=web handshake=challenge seconds=0 {peak}"]


def test_attacks_on_hosts_that_are_always_protected_are_told_of(ground: Ground) -> None:
    """They begin and end; nothing is switched, and nobody can."""
    front = ground.start(configured(always="", web=UNDER))
    with journal() as told:
        for _ in range(3):
            front.second("always", challenged=10_000)
        assert [line.split()[:4] for line in told] == [["WARNING", "under-attack", "host=always", "handshake=challenge"]]
        for _ in range(int(QUIET)):
            front.second()
        assert told[1].startswith("INFO attack-over host=always handshake=challenge ") and len(told) == 2
    assert (front.holds("always"), front.holds("web")) == (CHALLENGE, PASSING)
    assert [*front.attacks.all()] == ["web"]


@pytest.mark.parametrize("reason", STRAY, ids=lambda reason: reason.name)
def test_every_stray_counts(ground: Ground, reason: Reason) -> None:
    front = ground.start(configured(web=UNDER))
    for _ in range(3):
        front.second("web", **{reason.name: 5_000})
    assert front.holds("web") == CHALLENGE and front.attacks.all()["web"].why == ["strays"]


HANDSHAKES = (
    {"opened": 5_000, "established": 4_900},
    {"opened": 5_000, "outbound_refused": 4_900},
    {"answered": 5_000, "remembered": 4_900},
    {"challenged": 5_000, "proof": 4_900, "opened": 4_900, "established": 4_800},
    {"challenged": 100, "proof": 100, "opened": 5_000, "established": 4_900},
)


@pytest.mark.parametrize("frames", HANDSHAKES, ids=" ".join)
def test_handshakes_that_end_are_no_attack(ground: Ground, frames: dict[str, int]) -> None:
    front = ground.start(configured(web=UNDER))
    for _ in range(30):
        front.second("web", **frames)
    assert front.holds("web") == PASSING
    for _ in range(2):
        front.second("web", **{next(iter(frames)): 5_000})
    assert front.holds("web") == CHALLENGE


@pytest.mark.parametrize("reason", REFUSED, ids=lambda reason: reason.name)
def test_syns_that_are_refused_are_some(ground: Ground, reason: Reason) -> None:
    front = ground.start(configured(web=UNDER))
    for _ in range(3):
        front.second("web", **{reason.name: 5_000})
    assert front.holds("web") == CHALLENGE


AGAIN = [("opened", "proof"), ("challenged", "proof"), ("opened", "remembered"), ("challenged", "outbound_refused")]


def test_syns_for_what_is_half_open_are_some_if_they_are_too_many(ground: Ground) -> None:
    """As when a host answers nobody, each client tries again and again; and as somebody repeats what he has begun slowly."""
    front = ground.start(configured(web=UNDER))
    for _ in range(30):
        front.second("web", opened=100, established=98, reopened=600)
    assert front.holds("web") == PASSING
    for _ in range(2):
        front.second("web", opened=100, established=98, reopened=20_000)
    assert front.holds("web") == CHALLENGE


@pytest.mark.parametrize(("begun", "again"), AGAIN, ids="-".join)
def test_what_can_be_sent_again_hides_no_flood(ground: Ground, begun: str, again: str) -> None:
    """One good cookie, brought back ten thousand times a second."""
    front = ground.start(configured(web=UNDER))
    for _ in range(3):
        front.second("web", **{begun: 10_000, again: 10_000, "established": 10})
    assert front.holds("web") == CHALLENGE


def test_thresholds_hold(ground: Ground) -> None:
    front = ground.start(configured(web=f"{UNDER}\nattack_syns = 500", mail=f'{UNDER}\nattack_strays = "3k/s"'))
    front.second()
    front.second("web", opened=500, established=500)
    assert (front.holds("web"), front.holds("mail")) == (CHALLENGE, PASSING)
    front.second("mail", stray_ack=3_000)
    assert front.holds("mail") == CHALLENGE
    front.have(configured(web=UNDER, mail=UNDER))
    front.second("web", opened=500, established=500)
    assert front.holds("web") == CHALLENGE, "another threshold ends no attack"


@pytest.mark.parametrize("entries", [64, 128])
def test_the_next_front_goes_on(ground: Ground, entries: int) -> None:
    """Also if it has room for more hosts."""
    config = configured(web=UNDER, mail=UNDER, shop=UNDER)
    front = ground.start(config)
    for _ in range(3):
        front.second("web", opened=10_000)
    front.attacks.override("mail", "on")
    before = front.attacks.all()
    again = ground.start(config, entries)
    assert again.attacks.all() == before
    assert [again.holds(name) for name in ("web", "mail", "shop")] == [CHALLENGE, CHALLENGE, PASSING]
    for _ in range(int(QUIET)):
        assert again.holds("web") == CHALLENGE
        again.second()
    again.second()
    assert [again.holds(name) for name in ("web", "mail", "shop")] == [PASSING, CHALLENGE, PASSING]


def test_a_new_host_begins_calm_whoever_had_its_number(ground: Ground) -> None:
    front = ground.start(configured(web=UNDER))
    front.attacks.override("web", "on")
    again = ground.start(configured(other=UNDER), fresh=True)
    (attack,) = again.attacks.all().values()
    assert (attack.override, attack.protected, again.holds("other")) == ("auto", False, PASSING)


def test_a_reload_changes_what_it_says_and_nothing_else(ground: Ground) -> None:
    """An attack goes on; who is protected always is so, and whatever was said of it before is forgotten."""
    front = ground.start(configured(web=UNDER, mail=UNDER))
    for _ in range(3):
        front.second("web", opened=10_000)
    front.attacks.override("mail", "on")
    front.have(configured(web=UNDER, mail="", shop=UNDER))
    assert [front.holds(name) for name in ("web", "mail", "shop")] == [CHALLENGE, CHALLENGE, PASSING]
    front.have(configured(web="", mail=UNDER, shop=UNDER))
    assert [front.holds(name) for name in ("web", "mail", "shop")] == [CHALLENGE, PASSING, PASSING]
    assert front.attacks.all()["mail"].override == "auto"
    front.second()
    front.have(configured(web=UNDER, mail=UNDER, shop=UNDER))
    assert front.holds("web") == CHALLENGE  # its attack was seen all the time


def test_counters_that_begin_anew_are_no_flood(ground: Ground) -> None:
    front = ground.start(configured(web=UNDER))
    for _ in range(5):
        front.second("web", opened=1_000, established=1_000)
    front.standing.tables["counters"].update(key_of(1), bytes(COUNTERS.value_size))
    for _ in range(5):
        front.second("web", opened=1_000, established=1_000)
    assert front.holds("web") == PASSING


def test_many_hosts_take_turns(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those of one part are attacked at once; not all of them have a line."""
    monkeypatch.setattr(watching, "MOST_READ", 32 * COUNTERS.value_size * possible_cpus())
    front = ground.start(configured(**{f"h{number}": UNDER for number in range(1, 60)}))
    with journal() as told:
        for _ in range(8):
            for number in range(1, 60):
                front.count(f"h{number}", opened=10_000)
            front.second()
    assert all(one.protected for one in front.attacks.all().values())
    assert len(told) == 2 * (watching.MOST_TOLD + 1) and 'hosts="11 more: see hardtack status"' in told[watching.MOST_TOLD]


@pytest.mark.parametrize("to", ["on", "off"])
def test_whoever_says_so_is_heeded_and_told(ground: Ground, to: Override) -> None:
    front = ground.start(configured(web=UNDER, mail=UNDER))
    with journal() as told:
        answer = answered(front.attacks, {"verb": "protect", "host": "web", "set": to})
    assert answer["outcome"] == "changed" and answer["hosts"]["web"]["override"] == to and answer["problems"] == []
    assert told == [f"INFO protect host=web set={to} protected={str(to == 'on').lower()}"]
    assert front.holds("web") == (CHALLENGE if to == "on" else PASSING) and front.holds("mail") == PASSING
    assert answered(front.attacks, {"host": "web", "set": to})["outcome"] == "unchanged"
    with journal() as told:
        for _ in range(3):
            front.second("web", opened=10_000)
    assert len(told) == 1 and told[0].endswith(f" set={to}")
    assert front.holds("web") == (CHALLENGE if to == "on" else PASSING)
    answered(front.attacks, {"host": "web", "set": "auto"})
    assert front.holds("web") == CHALLENGE, "it is under attack"


@pytest.mark.parametrize("request_", [{"host": "web"}, {"set": "on"}, {"host": "web", "set": "up"}, {"host": 3, "set": []}])
def test_what_is_no_request_changes_nothing(ground: Ground, request_: dict[str, object]) -> None:
    front = ground.start(configured(web=UNDER))
    answer = answered(front.attacks, request_)
    assert answer["outcome"] == "refused" and len(answer["problems"]) == 1 and answer["hosts"] == {}
    assert front.holds("web") == PASSING


def test_who_cannot_be_switched_is_told_why(ground: Ground) -> None:
    config = configured(web=UNDER, always="", passing="")
    passing = config.hosts[2].model_copy(update={"handshake": "pass"})
    front = ground.start(config.model_copy(update={"hosts": (*config.hosts[:2], passing)}))
    mistakes = {"always": 'write protect_when = "under-attack"', "passing": "no protection to switch", "nobody": "no host"}
    for name, why in mistakes.items():
        with pytest.raises(NotAtTimes, match=why):
            front.attacks.override(name, "on")


def test_the_table_has_room_for_all_that_is_said() -> None:
    assert replace(ATTACKS, entries=1).value_size == 72
