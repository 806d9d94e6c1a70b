"""`hardtack status`: what the pinned tables say, as values, as JSON, and for people."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kernel_ground import image, needs_root, veth_pair
from pinned_ground import SOURCE_BUCKETS, Ground, front, pinned_root
from rich.console import Console

from hardtack.cli import panel
from hardtack.control import readout, reloads
from hardtack.control.attacks.entry import ATTACKS, Attack, entries_of
from hardtack.control.handovers.failures import FAILURES, Failure, entry_of
from hardtack.control.handshakes import Held
from hardtack.control.listing import Wanted
from hardtack.control.names import known_hosts
from hardtack.control.pinned import AnotherVersion, NothingHere, NotWhole, key_of, name_entry
from hardtack.control.readout import Handshake, Readout, Snapshot
from hardtack.control.search import search
from hardtack.image import ONLY
from hardtack.kernel import links, maps, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.pins import Folder, this_namespace
from hardtack.keys import EPOCH
from hardtack.packet.layout import (
    AGENT_COUNTERS,
    BY_GRACE,
    BY_HOST,
    CHALLENGE,
    CLIENT_FIN,
    EVICTED,
    HOST_FIN,
    HOST_SEEN,
    HOSTS,
    KEYS,
    PASSING,
    SEARCH,
    Host,
)
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Search

pytestmark = needs_root
CPUS = maps.possible_cpus()
KEY = bytes(16)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pinned_root(tmp_path_factory.mktemp("status")) as path:
        yield path


@pytest.fixture
def ground(root: Path) -> Iterator[Ground]:
    with front(root) as made:
        yield made


def read(root: Path) -> Readout:
    """The only front that there is."""
    (only,) = readout.everything(None, root).attached
    return only


def shown(now: Snapshot, before: Snapshot | None = None, width: int = 200, *, every: bool = True) -> str:
    """What people see of it, on a page without colours."""
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        panel.show(Console(file=page, width=width, highlight=False), now, before, every=every)
    return page.getvalue()


def test_frames_are_told_by_host_verdict_and_reason(ground: Ground, root: Path) -> None:
    ground.count(0, Reason.not_ours, 5)
    ground.count(1, Reason.connection, 20)
    ground.count(1, Reason.remembered, 3)
    ground.count(1, Reason.stray_ack, 7)
    ground.count(2, Reason.answered, 2)
    ground.count(3, Reason.answered, 9)
    seen = read(root)
    assert list(seen.hosts) == ["web", "mail"]  # no number that is nobody's, though it has had frames
    web = seen.hosts["web"]
    assert web.reasons == {"stray_ack": 7 * CPUS, "connection": 20 * CPUS, "remembered": 3 * CPUS}
    assert web.verdicts == {"PASS": 0, "DROP": 7 * CPUS, "REPLY": 0, "FORWARD": 23 * CPUS}
    assert seen.hosts["mail"].verdicts["REPLY"] == 2 * CPUS
    assert seen.no_host and seen.no_host.reasons == {"not_ours": 5 * CPUS}


def test_connections_are_counted(ground: Ground, root: Path) -> None:
    host = ("192.0.2.10", 80)
    ground.connect(0, ("198.51.100.1", 1024), host)
    ground.connect(13, ("198.51.100.1", 1025), host, state=CLIENT_FIN | HOST_SEEN)
    ground.connect(14, ("198.51.100.1", 1026), host, state=CLIENT_FIN | HOST_FIN | HOST_SEEN, origin=BY_HOST)
    ground.connect(95, ("2001:db8:1::2", 1024), ("2001:db8::10", 80), origin=BY_GRACE)
    held = read(root).connections
    assert held and held.count == 4
    assert held.origins == {"cookie": 2, "syn": 0, "host": 1, "grace": 1, "seed": 0}
    assert held.states == {"established": 2, "unconfirmed": 1, "asked": 0, "half-open": 0, "closing": 1}
    assert held.capacity == 64
    assert held.memory >= 96 * (64 + 1)
    assert held.memory_each == round(held.memory / 64, 1)


def test_sources_are_counted(ground: Ground, root: Path) -> None:
    assert read(root).sources is None
    ground.prove(0, "198.51.100.1", allowance=9)
    ground.prove(40, "2001:db8::1", lost=2)
    held = read(root).sources
    assert held and (held.count, held.waiting, held.capacity) == (2, 1, SOURCE_BUCKETS * 16 * 4 // 5)
    assert held.memory_each == round(held.memory / held.capacity, 1)
    assert "proven sources: 2 of 38 (5.3%), 1 blocked; memory" in shown(readout.everything(None, root))
    ground.folder.table_path(ground.tables["proven_tags"].table).unlink()
    with pytest.raises(NotWhole, match=r"^lo: the parts of the table of proven sources do not belong together: .*$"):
        read(root)


def test_what_holds_for_each_host_is_told(ground: Ground, root: Path) -> None:
    assert read(root).handshakes == {}
    words = np.frombuffer(ground.add(HOSTS).memory(), Host)["handshake"]
    words[1] = Held(CHALLENGE, protected=False).word
    assert read(root).handshakes == {"web": Handshake("challenge", "pass"), "mail": Handshake("agent", "agent")}
    assert "handshake: challenge, now pass (web); agent (mail)\n" in shown(readout.everything(None, root))
    words[1] = Held(CHALLENGE, protected=True, failing=True, unanswered=True).word
    words[2] = Held(PASSING, protected=True).word
    assert read(root).handshakes == {"web": Handshake("challenge", "pass"), "mail": Handshake("pass", "pass")}
    words[1] = Held(PASSING, protected=False).word
    assert "handshake: pass (web, mail)\n" in shown(readout.everything(None, root))


def test_keys_end_with_the_set_that_ends_first(ground: Ground, root: Path) -> None:
    assert read(root).keys_until is None  # zeroes are no keys
    ground.keys([(100, KEY), (101, KEY), (102, KEY)], [(99, KEY), (100, KEY)])
    assert read(root).keys_until == 101 * EPOCH


def test_sets_with_an_old_key_are_counted(ground: Ground, root: Path) -> None:
    assert (read(root).key_sets, read(root).old_keys) == (0, 0)
    ground.keys([(100, KEY), (101, KEY)], [(100, KEY)], old=[(100, KEY)])
    assert (read(root).key_sets, read(root).old_keys) == (2, 1)
    assert "; 1 of 2 key sets also accept an old key" in shown(readout.everything(None, root))


def test_grace_goes_by_the_programs_clock(ground: Ground, root: Path) -> None:
    assert read(root).grace_left == 0
    ground.grace(ground.now() + 1000)
    left = read(root).grace_left
    assert left is not None and 900 < left <= 1000


def test_programs_and_where_they_are(root: Path) -> None:
    """A link whose interface has gone is told, too."""
    with programs.load(image(returning(2)), {}) as program:
        with veth_pair() as (left, _), front(root, "left") as made:
            with links.attach_xdp(program, left) as link:
                made.folder.pin_link("front-left", link)
            seen = read(root)
            assert seen.programs == [readout.Attached("front", "left", program.id)]
            assert (seen.interfaces, seen.modes) == (["left"], {"left": "driver"})
            made.folder.remove_link(made.folder.link_path("front-left"))
        with front(root, "gone") as made:
            with veth_pair() as (left, _), links.attach_xdp(program, left) as link:
                made.folder.pin_link("front-gone", link)
            assert wait_for_gone(root) == [readout.Attached("front", "", program.id)]
            assert "front (its interface is gone)" in shown(readout.everything(None, root))


def wait_for_gone(root: Path) -> list[readout.Attached]:
    """The kernel removes an empty namespace by and by."""
    for _ in range(500):
        found = read(root).programs
        if not found[0].interface:
            break
        time.sleep(0.01)
    return found


def test_the_agent_in_the_fronts_process_has_counters_of_its_own(ground: Ground, root: Path) -> None:
    assert read(root).agent is None
    ground.add(AGENT_COUNTERS, "agent-")
    ground.count(0, Reason.admitted, 4, "agent-")
    agent = read(root).agent
    assert agent and agent.reasons == {"admitted": 4 * CPUS}


def test_nothing_here(root: Path) -> None:
    told = "no front and no agent is attached in this network namespace; start one with: hardtack front"
    with pytest.raises(NothingHere, match=told):
        readout.everything(None, root)
    with front(root, "lo"):
        with pytest.raises(NothingHere, match="no front and no agent is attached to eth9; there is one on lo"):
            readout.everything("eth9", root)
        with veth_pair(), pytest.raises(NothingHere, match="in this network namespace"):
            readout.everything(None, root)


def test_tables_of_another_version_are_not_misread(root: Path) -> None:
    with front(root, hosts=()) as made:
        counters = made.tables["counters"]
        made.folder.table_path(counters.table).unlink()
        made.add(replace(counters.table, layout="of the future"))
        with pytest.raises(AnotherVersion, match=r"^lo: the table counters was created by another version; .* restart"):
            readout.everything(None, root)


def test_a_table_in_parts_is_told_in_a_line(root: Path) -> None:
    """Parts of two fronts, and some that are missing: somebody has removed them, or a front is just starting."""
    for change in (lambda made: made.add(replace(made.tables["tags"].table, entries=24)), remove_tags):
        with front(root) as made:
            change(made)
            for ask in (lambda: readout.everything(None, root), lambda: search(Wanted(), root=root)):
                with pytest.raises(NotWhole, match=r"^lo: the parts of the connection table do not belong together: .*$"):
                    ask()


def remove_tags(made: Ground) -> None:
    """As with rm."""
    made.folder.table_path(made.tables["tags"].table).unlink()


def test_hosts_without_names_have_numbers(ground: Ground, root: Path) -> None:
    ground.count(2, Reason.answered, 1)
    names = ground.tables["names"].table
    ground.folder.table_path(names).unlink()
    assert read(root).hosts["host 2"].reasons == {"answered": CPUS}
    ground.add(replace(names, layout="of the future"))
    assert [*read(root).hosts] == ["host 2"]  # the table has room for more than there are


def test_json_has_all_of_it(ground: Ground, root: Path) -> None:
    told = json.loads(json.dumps(panel.report(readout.everything(None, root))))
    assert list(told) == ["time", "attached"]
    assert list(told["attached"][0]) == [
        *("role", "interface", "interfaces", "modes", "programs", "process", "started", "configuration"),
        *("keys_until", "key_sets", "old_keys", "grace_left", "hosts", "handshakes", "rules", "no_host"),
        *("connections", "sources", "agent", "reload", "attacks", "failures", "workers"),
    ]
    assert list(told["attached"][0]["connections"]) == [
        *("count", "origins", "states", "capacity", "memory", "memory_each", "evicted")
    ]


def test_hosts_whose_hand_overs_fail_are_told(ground: Ground, root: Path) -> None:
    table = ground.add(replace(FAILURES, entries=4))
    assert read(root).failures == {}
    failure = Failure("reset", time.time(), True, "no agent [there]\x1b[2J", "look" + "!" * 1000)
    table.update(key_of(2), entry_of(failure))
    table.update(key_of(1), b"\1" + entry_of(failure)[1:])  # half written
    now = Snapshot(time.time(), [read(root)])
    (name, seen), *others = now.attached[0].failures.items()
    assert (name, seen.kind, seen.passing, seen.cause, others) == ("mail", "reset", True, failure.cause, [])
    page = shown(now)
    assert "host mail: resets the connections that are handed over to it since" in page
    assert "itself until this is fixed" in page
    assert "no agent [there]\\x1b[2J; look!!!" in page


def test_what_became_of_reloads_is_told(ground: Ground, root: Path) -> None:
    assert read(root).reload is None
    table = ground.add(reloads.RELOADS)
    told = reloads.Reloads(time.time() - 100).success().failure("line one\x1b[2J\udcff\nline [two]" + "x" * 3000)
    table.update(ONLY, reloads.entry_of(told))
    now = readout.everything(None, root)
    seen = now.attached[0].reload
    assert seen and seen.succeeded == told.succeeded and seen.failed == told.failed and 0 <= seen.age < 90
    assert (seen.successes, seen.failures) == (1, 1)
    assert seen.why and seen.why.startswith("line one\x1b[2J\\udcff\nline [two]x")
    assert "reloaded once; not reloaded at" in shown(now) and "line one\\x1b[2J\\udcff, and more: see" in shown(now)
    table.update(ONLY, bytes(8) + reloads.entry_of(told)[8:])  # half written
    assert read(root).reload is None


def test_hosts_that_are_protected_only_under_attack_are_told(ground: Ground, root: Path) -> None:
    assert read(root).attacks == {} and "under attack" not in shown(readout.everything(None, root))
    found = entries_of(ground.add(replace(ATTACKS, entries=4)))
    found["at_times"][2], found["usual"][2] = 1, (12, 0.25, 3)
    calm = Attack(False, "auto", None, [], {}, {"syns": 12.0, "unfinished": 0.2, "strays": 3.0})
    assert read(root).attacks == {"mail": calm}
    assert "protected only under attack: 1 host, no attack" in shown(readout.everything(None, root))
    found["since"][2], found["why"][2], found["peak"][2] = time.time(), 0b110, (20_000, 19_000, 5_000)
    mail = read(root).attacks["mail"]
    assert mail.protected and mail.since and time.time() - mail.since < 60
    assert (mail.why, mail.peak) == (["unfinished", "strays"], {"syns": 20_000, "unfinished": 19_000, "strays": 5_000})
    text = shown(readout.everything(None, root))
    assert "mail: under attack since" in text
    assert "peak 19,000 unfinished handshakes, 5,000 stray segments a second; protected" in text
    found["override"][2] = 2
    assert "by hardtack protect mail off: not protected" in shown(readout.everything(None, root))


def test_a_host_that_is_no_more_is_not_shown(ground: Ground, root: Path) -> None:
    ground.count(2, Reason.answered, 5)
    ground.tables["names"].update(key_of(2), name_entry("mail", at_work=False))
    assert [*read(root).hosts] == ["web"]


def test_people_see_what_is_not_zero(ground: Ground, root: Path) -> None:
    ground.count(1, Reason.stray_ack, 1_000)
    ground.keys([(int(time.time() // EPOCH) + 1, KEY)])
    ground.grace(ground.now() + 20)
    text = shown(readout.everything(None, root))
    assert "front on lo" in text
    assert f"{1_000 * CPUS:,}  {Reason.stray_ack.text}" in text
    assert "implausible_rst" not in text
    assert "process: not running, the programs stay in place" in text
    assert "keys: expire at " in text
    assert "grace period: open, " in text
    assert "connections: 0 of 64 (0.0%); memory " in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_names_and_numbers_are_whole_on_a_narrow_page(ground: Ground, root: Path, width: int) -> None:
    ground.count(1, Reason.implausible_rst, 10**12)
    text = shown(readout.everything(None, root), width=width)
    row = next(line.split() for line in text.splitlines() if "implausible_rst" in line)
    assert row[:2] == ["implausible_rst", f"{10**12 * CPUS:,}"]
    assert (len(row) > 2) == (width > 70)


def test_rates_are_of_the_time_between(ground: Ground, root: Path) -> None:
    ground.count(1, Reason.stray_ack, 1_000)
    before = readout.everything(None, root)
    ground.count(1, Reason.stray_ack, 500)
    ground.count(2, Reason.answered, 10)
    now = replace(readout.everything(None, root), time=before.time + 2)
    rows = [line.split() for line in shown(now, before).splitlines()]
    assert ["stray_ack", f"{1_500 * CPUS:,}", f"{250 * CPUS:,}"] in [row[:3] for row in rows]
    assert ["answered", f"{10 * CPUS:,}", f"{5 * CPUS:,}"] in [row[:3] for row in rows]
    anew = [line.split() for line in shown(replace(before, time=now.time + 1), now).splitlines()]
    assert ["stray_ack", f"{1_000 * CPUS:,}", "ACK"] in [row[:3] for row in anew]  # fewer than before: they began anew


def test_of_many_hosts_it_fits_on_a_screen(root: Path) -> None:
    """The busiest are shown; the first lines must not scroll off where there are 24 lines of 80 characters."""
    with front(root, hosts=[f"host-{number}" for number in range(16)]) as made:
        for number in range(1, 17):
            made.count(number, Reason.answered, number)
        for name in ("stray_ack", "stray_rst", "martian", "null", "connection", "remembered"):
            made.count(16, Reason[name], 1000 + Reason[name])
        made.keys([(int(time.time() // EPOCH) + 1, KEY)])
        before = readout.everything(None, root)
        made.count(3, Reason.answered, 10_000)
        now = replace(readout.everything(None, root), time=before.time + 2)
        for earlier in (None, before):
            page = shown(now, earlier, 80, every=False)
            assert sum(-(-len(line) // 80) or 1 for line in page.splitlines()) <= 23
            assert time.strftime("%Y-%m-%d %H:%M:%S ", time.localtime(now.time)) in page.splitlines()[0]
            for text in ("stray_ack", "2 more reasons: ", "13 more, less active: hardtack status --all"):
                assert text in page
            assert ("host-2 " if earlier else "host-15 ") in page
        assert f"replied {(10_000 + 136) * CPUS:,} ({5_000 * CPUS:,}/s)" in page
        busiest = next(line.split() for line in page.splitlines() if line.startswith("host-2 "))
        assert busiest == ["host-2", "0", "0", f"{10_003 * CPUS:,}", "0", f"{5_000 * CPUS:,}"]
        assert shown(now, before, 80, every=True).count("  answered  ") == 16


def test_all_reasons_are_in_json(ground: Ground, root: Path) -> None:
    """Scripts ask for one by its name, whether there was any of it or not."""
    ground.count(1, Reason.stray_ack, 7)
    ground.add(AGENT_COUNTERS, "agent-")
    (told,) = panel.report(readout.everything(None, root))["attached"]
    fronts = [reason.name for reason in Reason if reason < 128]
    for frames in (told["hosts"]["web"], told["hosts"]["mail"], told["no_host"]):
        assert [*frames["reasons"]] == [*frames["bytes"]] == fronts
    assert told["hosts"]["web"]["reasons"] == dict.fromkeys(fronts, 0) | {"stray_ack": 7 * CPUS}
    assert told["agent"]["reasons"] == {reason.name: 0 for reason in Reason if reason >= 128}


def test_a_full_table_is_full(ground: Ground, root: Path) -> None:
    """It has room for half as many again as it is made for; of more than all nobody makes sense."""
    for place in range(90):
        ground.connect(place, ("198.51.100.1", 1024 + place), ("192.0.2.10", 80))
    assert "connections: 90 of 64 (full: the least recently used are evicted); memory" in shown(
        readout.everything(None, root)
    )


def test_evicted_connections(ground: Ground, root: Path) -> None:
    """By why, all CPUs together."""
    each, counts = np.zeros(1, Search), [0, 0, 0, 0, 2, 0, 0, 5]
    each["evicted"] = counts
    table = ground.add(SEARCH)
    assert "evicted" not in shown(readout.everything(None, root))
    table.update(ONLY, each.tobytes())
    assert f"  evicted: {7 * CPUS:,} (own_prefix {2 * CPUS}, over {5 * CPUS})" in shown(readout.everything(None, root))
    (told,) = panel.report(readout.everything(None, root))["attached"]
    assert told["connections"]["evicted"] == {why: count * CPUS for why, count in zip(EVICTED, counts, strict=True)}


def test_several_interfaces(root: Path) -> None:
    with veth_pair(), front(root, "left"), front(root, "right"), front(root, "lo"):
        some = readout.everything(["right", "left"], root)
        assert [one.interface for one in some.attached] == ["left", "right"]
        assert [found.interface for found in search(Wanted(), ["lo", "left"], root=root)] == ["left", "lo"]
        with pytest.raises(NothingHere, match=r"attached to eth9; there is one on left, lo, right"):
            readout.everything(["left", "eth9"], root)


def test_where_only_an_agent_is(root: Path) -> None:
    """It is told what the agent does; and who asks for a front, that there is none, but an agent."""
    folder = Folder("agent", "lo", this_namespace(), root)
    folder.make()
    with contextlib.ExitStack() as parts:
        for table in (AGENT_COUNTERS, KEYS):
            made = parts.enter_context(maps.create(replace(table, entries=max(1, table.entries))))
            folder.pin_tables([made])
        page = shown(readout.everything(None, root), every=False)
        assert "agent on lo" in page and "total: 0 frames" in page
        told = "no front is attached in this network namespace, only an agent on lo: see hardtack status"
        with pytest.raises(NothingHere, match=told):
            search(Wanted(), root=root)
    folder.remove()


def test_names_of_hosts_for_completion(root: Path, ground: Ground) -> None:
    ground.tables["names"].update(key_of(2), name_entry("mail", at_work=False))
    assert known_hosts(root) == ["web"]
    assert known_hosts(root / "nowhere") == []
