"""What `hardtack top` is made of: rates between two sights, history, tables, pages; and what a sight reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kernel_ground import needs_root
from pinned_ground import SIZE, Ground, front, pinned_root
from test_hitters import framed, ipv4

from hardtack.cli.live.app import Page, Top
from hardtack.cli.live.keys import Chosen, pressed
from hardtack.cli.live.numbers import short, span
from hardtack.cli.live.page import page
from hardtack.cli.live.tables import Column, Table, arranged, fitted, widths
from hardtack.cli.live.views import VIEWS, Known, table_of
from hardtack.control.attacks.entry import ATTACKS, entries_of
from hardtack.control.hitters.sample import Sample
from hardtack.control.hitters.tally import Hitters
from hardtack.control.live.history import BLOCKS, History, sparkline
from hardtack.control.live.rates import VERDICTS, between
from hardtack.control.live.sight import FRAMES, NO_HOST, Sight, look
from hardtack.control.live.start import watch
from hardtack.control.live.watch import Histories, Picture, Watch
from hardtack.control.pinned import NothingHere
from hardtack.control.search import SearchError
from hardtack.image import ONLY
from hardtack.kernel import maps
from hardtack.kernel.maps import possible_cpus
from hardtack.kernel.pins import Folder, this_namespace
from hardtack.packet.entries import clock_entry
from hardtack.packet.layout import AGENT_COUNTERS
from hardtack.packet.reasons import REASONS, Reason, Verdict

CPUS = possible_cpus()
SPACIOUS = (200, 60)


def sight(at: float, **frames: dict[Reason, int]) -> Sight:
    """Made by hand: of each host its frames, by reason, all on one CPU, of 100 bytes each."""
    counts = np.zeros((len(frames), REASONS, 2), np.uint64)
    for row, counted in enumerate(frames.values()):
        for reason, number in counted.items():
            counts[row, reason] = (number, number * 100)
    rows = tuple(("eth0", name) for name in frames)
    return Sight(at, 1.7e9 + at, (), rows, counts, counts.sum(0, dtype=np.uint64)[None], (), None)


def test_rates_are_of_what_came_between() -> None:
    before = sight(10, web={Reason.stray_ack: 100}, mail={Reason.answered: 50})
    now = sight(12, web={Reason.stray_ack: 300}, mail={Reason.answered: 50, Reason.connection: 10})
    rates = between(before, now)
    assert rates.seconds == 2
    assert rates.rows[:, :, FRAMES].sum(1).tolist() == [100, 5]
    assert rates.reasons[Reason.stray_ack].tolist() == [100, 10_000]
    assert dict(zip(VERDICTS, rates.verdicts[:, FRAMES].tolist(), strict=True)) == {
        Verdict.PASS: 0,
        Verdict.DROP: 100,
        Verdict.REPLY: 0,
        Verdict.FORWARD: 5,
    }
    assert rates.cpus[:, :, FRAMES].sum() == 105


def test_hosts_that_come_or_begin_anew_have_no_rate_yet() -> None:
    before = sight(1, gone={Reason.stray_ack: 5}, web={Reason.stray_ack: 500}, mail={Reason.answered: 1})
    now = sight(2, new={Reason.stray_ack: 900}, mail={Reason.answered: 4}, web={Reason.stray_ack: 7})
    assert between(before, now).rows[:, :, FRAMES].sum(1).tolist() == [0, 3, 0]


def test_history_follows_keys_that_come_and_go() -> None:
    history = History(4)
    history.add(["a", "b"], [1, 10])
    history.add(["b", "c"], [20, 200])
    assert (history.series("a"), history.series("b"), history.series("c")) == ([], [10, 20], [0, 200])
    for number in range(30, 80, 10):
        history.add(["b", "c"], [number, 0])
    assert history.series("b") == [40, 50, 60, 70] and history.series("b", 2) == [60, 70]


def test_sparklines() -> None:
    assert sparkline([0, 1, 50, 100], 6) == "  ▁▂▅█"
    assert sparkline([0, 0], 3) == " ▁▁" and sparkline([], 3) == "   " and sparkline([1], 0) == ""
    assert len(sparkline(range(200), 50)) == 50
    assert BLOCKS[0] not in sparkline([1, 1000], 2)[1:], "what is little is not nothing"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (0.44, "0.4"), (12, "12"), (9_876, "9,876"), (12_345, "12.3k"), (99_990, "100k"), (4e12, "4.0T")],
)
def test_numbers_are_short(number: float, shown: str) -> None:
    assert short(number) == shown and len(shown) <= 6


def test_spans() -> None:
    told = [span(seconds) for seconds in (-1, 42.4, 90, 3600 * 3.2, 86_400 * 5)]
    assert told == ["0 s", "42 s", "1 min", "3 h 12 min", "5 days"]


def test_rows_are_sorted_and_filtered() -> None:
    table = Table("t", (Column("name", 5), Column("n", 5, right=True)), [("web", 1), ("Mail", 3), ("db", 2)], 1)

    def names(sort: int, reverse: bool = False, wanted: str = "") -> list[str]:
        return [cells[0] for cells, _ in arranged(table, sort, reverse, wanted)]

    assert (names(1), names(1, reverse=True)) == (["Mail", "db", "web"], ["web", "db", "Mail"])
    assert (names(0), names(0, reverse=True)) == (["Mail", "db", "web"], ["web", "db", "Mail"])
    assert (names(1, wanted="MA"), names(1, wanted="3")) == (["Mail"], []), "text alone is looked through"


def test_columns_give_way_from_the_right() -> None:
    columns = (Column("a", 10), Column("b", 10, spare=True), Column("c", 10, grows=True), Column("d", 10, spare=True))
    assert widths(columns, 50) == [10, 10, 17, 10]
    assert widths(columns, 40) == [10, 10, 18, 0]
    assert widths(columns, 25) == [10, 0, 14, 0]


def test_a_cell_is_as_wide_as_its_column_whatever_is_in_it() -> None:
    assert fitted("ab", 4) == "ab  " and fitted("ab", 4, right=True) == "  ab" and fitted("abcdef", 4) == "abc~"
    assert fitted("\x1b[2J", 8) == "\\x1b[2J " and fitted("日本語", 4) == "日 ~"


def test_keys_choose() -> None:
    table = Table("t", (Column("a", 1), Column("b", 1, drawn=True), Column("c", 1)), [])

    def after(*keys: str) -> Chosen:
        chosen = Chosen()
        for key in keys:
            chosen = pressed(key, key if len(key) == 1 else None, chosen, table)
        return chosen

    assert after("2").view == after("tab").view == VIEWS[1] and after("shift+tab").view == VIEWS[-1]
    assert after("s").sorts == {VIEWS[0]: 2} and after("s", "s").sorts == {VIEWS[0]: 0}
    assert after("/", "q", "s", "backspace", "enter").wanted == "q" and not after("/", "q").ended
    assert after("/", "q", "escape").wanted == after("/", "q", "enter", "escape").wanted == ""
    assert after("h").help and not after("h", "q").help and not after("h", "q").ended
    assert after("p").paused and not after("p", "space").paused
    assert after("down", "down", "up").first == 1 and after("end", "home").first == 0
    assert after("q").ended and after("ctrl+c").ended and after("/", "ctrl+c").ended


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pinned_root(tmp_path_factory.mktemp("live")) as path:
        yield path


@pytest.fixture
def ground(root: Path) -> Iterator[Ground]:
    with front(root) as made:
        yield made


def known(picture: Picture | None, hitters: Hitters | None = None) -> Known:
    """What pages are made of."""
    assert picture
    return Known(picture, Histories(), BLOCKS, hitters)


def shown(picture: Picture | None, *, size: tuple[int, int] = SPACIOUS, **chosen: object) -> list[str]:
    """A page."""
    lines = page(known(picture), replace(Chosen(), **chosen), size, 1.0)  # type: ignore[arg-type]
    assert len(lines) == size[1] and all(len(text) == size[0] for text, _ in lines)
    return [text.rstrip() for text, _ in lines]


@needs_root
def test_a_sight_has_all_that_is_counted_by_host_and_by_cpu(ground: Ground, root: Path) -> None:
    ground.count(0, Reason.not_ours, 5)
    ground.count(1, Reason.connection, 20)
    ground.count(2, Reason.answered, 3)
    ground.add(AGENT_COUNTERS, "agent-")
    ground.count(0, Reason.admitted, 4, "agent-")
    seen = look(root=root)
    assert seen and seen.rows == (("lo", "web"), ("lo", "mail"), ("lo", NO_HOST), ("lo", "agent"))
    assert seen.counts[:, :, FRAMES].sum(1).tolist() == [20 * CPUS, 3 * CPUS, 5 * CPUS, 4 * CPUS]
    assert seen.counts[0, Reason.connection].tolist() == [20 * CPUS, 20 * CPUS * SIZE]
    assert seen.by_cpu[:, :, FRAMES].sum(1).tolist() == [32] * CPUS
    assert look(["eth9"], root) is None


@needs_root
def test_a_watch_goes_on_whatever_goes_away(root: Path) -> None:
    with pytest.raises(NothingHere):
        watch(root=root)
    with front(root) as made:
        with pytest.raises(SearchError, match="no host nosuch here; there are: web, mail"):
            watch(host="nosuch", root=root)
        seen = watch(root=root)
        first = seen.step()
        made.count(1, Reason.stray_ack, 1000)
        second = seen.step()
        assert first and first.rates is None and second and second.rates
        assert second.rates.reasons[Reason.stray_ack, FRAMES] > 0
        made.folder.table_path(made.tables["tags"].table).unlink()
        half = Watch(root=root).step()
        assert half is None, "nothing was ever seen whole"
    gone = seen.step()
    assert gone and gone.problem.startswith("nothing is attached any more") and gone.sight is second.sight
    with front(root) as made:
        made.count(1, Reason.stray_ack, 5)
        back = seen.step()
        assert back and not back.problem and back.rates is None
        assert back.sight.counts[0, Reason.stray_ack, FRAMES] == 5 * CPUS


@needs_root
def test_pages(ground: Ground, root: Path) -> None:
    ground.count(1, Reason.stray_ack, 1000)
    ground.count(2, Reason.answered, 7)
    found = entries_of(ground.add(replace(ATTACKS, entries=4)))
    found["at_times"][2], found["since"][2], found["why"][2] = 1, time.time() - 90, 1
    found["peak"][2] = (20_000, 0, 0)
    picture = watch(root=root).step()
    lines = shown(picture)
    assert lines[0].startswith("hardtack top  front lo ") and lines[1].startswith("process none  keys none  grace over")
    assert "UNDER ATTACK: mail, for 1 min: peak 20.0k/s SYNs" in lines
    assert "no process is running for front lo; its programs stay in place" in lines
    row = next(line for line in lines if line.startswith("stray_ack"))
    assert f"{1000 * CPUS:,}" in row and Reason.stray_ack.text in row
    for view in VIEWS:
        for size in ((80, 24), (40, 10), (20, 5), (300, 90)):
            shown(picture, size=size, view=view)
            shown(picture, size=size, view=view, help=True)
        assert table_of(view, known(picture)).columns
    assert watch(host="mail", root=root).number == 2 and watch(root=root).number == 0
    assert any("sampling is not available" in line for line in shown(picture, view="sources"))
    problem = replace(picture, problem="it is gone") if picture else None
    assert "it is gone" in shown(problem)


@needs_root
def test_many_hosts_are_scrolled(root: Path) -> None:
    with front(root, hosts=[f"h{number}" for number in range(10)]) as made:
        for number in range(1, 11):
            made.count(number, Reason.stray_ack, number)
        picture = watch(root=root).step()
        tops = [
            [line.split()[0] for line in shown(picture, size=(80, 15), view="hosts", first=first) if line.startswith("h")]
            for first in (0, 2, 1 << 30)
        ]
        assert tops[0][:1] == ["hardtack"]
        names = [[name for name in one if name not in ("hardtack", "hostv", "host")] for one in tops]
        assert names[0][0] == "h0" and names[1][0] == "h2" and len({*names[0]}) == len(names[0]) < 10
        assert "h9" in names[2]


class Tape:
    """A sampler that has its samples already, and notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def start(self) -> None:
        self.asked.append("start")

    def samples(self) -> list[Sample]:
        self.asked.append("samples")
        return [Sample(framed(ipv4("203.0.113.7")), Reason.stray_ack, 1, 60, 10.0)]

    def stop(self) -> None:
        self.asked.append("stop")


@needs_root
def test_sampling_goes_on_only_while_somebody_looks(ground: Ground, root: Path) -> None:
    """And is off at the end, however it ends."""
    tape = Tape()

    async def look_at_it() -> str:
        app = Top(watch(root=root), 0.2, BLOCKS, tape)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause(0.5)
            assert tape.asked == []
            await pilot.press("6")
            await pilot.pause(0.5)
            seen = str(app.query_one(Page).render())
            await pilot.press("1")
            assert tape.asked[0] == "start" and "samples" in tape.asked and tape.asked[-1] == "stop"
            await pilot.press("6")
            await pilot.press("q")
        return seen

    seen = asyncio.run(look_at_it())
    assert tape.asked.count("start") == tape.asked.count("stop") == 2 and tape.asked[-1] == "stop"
    for key in ("203.0.113.7", "203.0.113.0/24", "40000", "443", "100.0%"):
        assert key in seen


@needs_root
def test_a_clock_that_is_off_is_told(ground: Ground, root: Path) -> None:
    ground.tables["clock"].update(ONLY, clock_entry(time.time_ns() - time.monotonic_ns() - 30_000_000_000))
    picture = watch(root=root).step()
    assert picture and picture.sight.clock_off == pytest.approx(-30, abs=0.5)
    assert "clock off by -30 s" in shown(picture)[1]


@needs_root
def test_an_agents_machine(root: Path) -> None:
    """It has a view, too: what the agent has counted."""
    folder = Folder("agent", "lo", this_namespace(), root)
    folder.make()
    with maps.create(replace(AGENT_COUNTERS, entries=1)) as table:
        folder.pin_tables([table])
        entry = np.zeros(AGENT_COUNTERS.value_size // 8, np.uint64)
        entry[2 * Reason.admitted] = 7
        table.update(ONLY, entry.tobytes())
        lines = shown(watch(root=root).step())
        assert lines[0].startswith("hardtack top  agent lo")
        assert any(line.split()[:2] == ["admitted", "PASS"] and f" {7 * CPUS} " in line for line in lines)
        for view in VIEWS:
            shown(watch(root=root).step(), view=view)
    folder.remove()
