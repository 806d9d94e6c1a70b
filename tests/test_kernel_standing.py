"""Programs that go on without their process: adopted, replaced while frames flow, with tables that fit or do not."""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from kernel_ground import image, needs_root, pin_directory, veth_pair
from lab_ground import eventually

from hardtack.image import Image, Reference, Table
from hardtack.kernel import links, pins, programs
from hardtack.kernel.assembly import CALL, EXIT, MOV, op, op_map, returning
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.interfaces import find
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Place, Standing

pytestmark = needs_root
PASS, DROP, NEXT = 2, 1, -1
SEEN = Table("seen", "array", 4, 8, 1, 0, "frames")
NEW = Table("new", "array", 4, 8, 2, 0, "settings")
FRONT = Place("front", "front", "right", "xdp")
LEAVING = Place("leaving", "leaving", "right", "egress")
INSIDE = Place("inside-left", "inside", "left", "xdp")
ZERO = bytes(4)


def counting(name: str, verdict: int = PASS, kind: str = "xdp", step: int = 1, table: Table = NEW) -> Image:
    """A program that adds `step` to `seen`, and has another table."""
    code = op_map(1) + op(MOV, 2, value=step) + op(0xDB, 1, 2) + op_map(1) + returning(verdict)  # atomic add
    references = (Reference(0, "value", "seen"), Reference(4, "map", "new"))
    return image(code, kind, references, (SEEN, table), name=name)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bpffs of our own."""
    with pin_directory(tmp_path_factory.mktemp("pins")) as directory:
        yield directory / "hardtack"


@pytest.fixture
def folder(root: Path) -> Iterator[Folder]:
    """In a namespace with left and right, and nothing on the wire but what a test sends."""
    with veth_pair():
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1", encoding="ascii")
        made = pins.folder("front", "right", root)
        made.make()
        yield made
        made.remove()


def started(folder: Folder, *images: Image, sizes: dict[str, int] | None = None) -> Standing:
    return Standing(folder, images, lasting=[["seen"]], sizes=sizes)


def seen(table: Standing) -> int:
    return int(struct.unpack("=Q", table.tables["seen"].lookup(ZERO) or b"")[0])


def pinned_value(folder: Folder, table: Table) -> bytes | None:
    """Of the table that is pinned."""
    with folder.open(table) or pytest.fail("nothing is pinned") as found:
        return found.lookup(ZERO)


def flow(frames: int) -> None:
    """So many frames into left: they come out of right."""
    send = op(MOV, 1, value=find("left").index) + op(MOV, 2) + op(CALL, value=23) + op(EXIT)  # bpf_redirect
    with programs.load(image(send), {}) as sender:
        sender.run_live(b"\xff" * 12 + bytes(48), frames, 0)


def test_what_is_not_kept_goes_with_the_process(folder: Folder) -> None:
    with started(folder, counting("front"), counting("leaving", NEXT, "tcx")) as first:
        assert first.attach([LEAVING, FRONT]) == {}
        assert find("right").attached == "driver"
    assert find("right").attached == ""
    assert folder.remove() == []


def test_what_is_kept_goes_on_and_is_adopted(folder: Folder) -> None:
    with started(folder, counting("front"), counting("leaving", NEXT, "tcx")) as first:
        first.attach([LEAVING, FRONT])
        first.keep()
        old = {name: program.id for name, program in first.programs.items()}
        assert (first.adopted, first.old, first.dropped) == (set(), {}, {})
        assert first.pinned() == {path for paths in folder.tables().values() for path in paths}
    assert (find("right").attached, find("right").program) == ("driver", old["front"])
    flow(64)
    with started(folder, counting("front"), counting("leaving", NEXT, "tcx")) as second:
        assert second.adopted == {"seen"}
        assert seen(second) >= 64
        second.tables["new"].update(ZERO, b"configed")
        assert pinned_value(folder, NEW) == bytes(8)  # as the program that is at work has it
        second.attach([LEAVING, FRONT])
        assert find("right").program == second.programs["front"].id not in old.values()
        second.keep()
        assert pinned_value(folder, NEW) == b"configed"
        with links.adopt(folder.link_path("leaving")) as leaving:
            assert leaving.program_id == second.programs["leaving"].id
    assert folder.remove() == ["link-front", "link-leaving", *sorted(path.name for path in second.pinned())]
    assert find("right").attached == ""


def test_a_program_is_replaced_while_frames_flow(folder: Folder) -> None:
    """Not one of them is missed by both: each adds 1 or 1,000,000."""
    frames, million = 200_000, 1_000_000
    with started(folder, counting("front", DROP)) as first:
        first.attach([FRONT])
        first.keep()
    received = find_received()
    with ThreadPoolExecutor(1) as pool, started(folder, counting("front", DROP, step=million)) as second:
        flowing = pool.submit(flow, frames)
        assert eventually(lambda: seen(second) > 1000)
        second.attach([FRONT])
        second.keep()
        flowing.result()
    with started(folder, counting("front", DROP)) as third:
        by_first, by_second = seen(third) % million, seen(third) // million
        assert by_first > 0 and by_second > 0
        assert by_first + by_second == find_received() - received


def find_received() -> int:
    """Frames that came in by right since it was made, whatever XDP did with them."""
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
    return next(int(line.split(":")[1].split()[1]) for line in lines if line.strip().startswith("right:"))


def test_another_size_is_there_to_be_moved_and_another_layout_is_dropped(folder: Folder) -> None:
    with Standing(folder, [counting("front")], lasting=[["new"]]) as first:
        first.attach([FRONT])
        first.tables["new"].update(ZERO, b"settings")
        first.keep()
    with Standing(folder, [counting("front")], lasting=[["new"]], sizes={"new": 5}) as second:
        assert (second.adopted, list(second.old), second.dropped) == (set(), ["new"], {})
        assert second.old["new"].lookup(ZERO) == b"settings"
        assert second.tables["new"].table.entries == 5
        assert second.tables["new"].lookup(ZERO) == bytes(8)
        second.attach([FRONT])
        second.keep()
    other = replace(NEW, layout="bytes")
    with Standing(folder, [counting("front", table=other)], lasting=[["new"]]) as third:
        assert (third.adopted, third.old, third.dropped) == (set(), {}, {"new": "made by another version"})
        third.attach([FRONT])
        third.keep()
        assert len(folder.tables()["new"]) == 2
        folder.keep(third.pinned(), third.links())
        assert folder.tables()["new"] == [folder.table_path(other)]


def test_a_group_is_adopted_as_a_whole(folder: Folder) -> None:
    with Standing(folder, [counting("front")], lasting=[["seen", "new"]]) as first:
        first.keep()
    for sizes, adopted, old in (({}, {"seen", "new"}, set()), ({"new": 3}, set(), {"seen", "new"})):
        with Standing(folder, [counting("front")], lasting=[["seen", "new"]], sizes=sizes) as second:
            assert (second.adopted, set(second.old)) == (adopted, old)
    folder.table_path(NEW).unlink()
    with Standing(folder, [counting("front")], lasting=[["seen", "new"]]) as third:
        assert (third.adopted, third.old, third.dropped) == (set(), {}, {"seen": "without new, which was removed"})


def killed_while_it_keeps(folder: Folder, generation: int, line: int) -> bool:
    """A process that is killed before so many lines of kernel/pins.py have run in `keep`; False if there are not as many.

    Its two tables, which are one thing, are not those of whoever was before it, and have its number in them.
    """
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = line

    def killing(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename != pins.__file__:
            return None
        left -= event == "line"
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return killing

    try:
        with pair_of(folder, generation) as standing:
            for table in PAIR:
                standing.tables[table].update(ZERO, struct.pack("=Q", generation))
            standing.attach([FRONT])
            sys.settrace(killing)
            standing.keep()
            sys.settrace(None)
            folder.keep(standing.pinned(), standing.links())
    finally:
        os._exit(0)


PAIR = ("new", "seen")


def pair_of(folder: Folder, generation: int) -> Standing:
    """With two tables that go together."""
    return Standing(folder, [counting("front")], lasting=[PAIR], sizes={"new": generation})


def generations(folder: Folder) -> list[int]:
    """What is in the pinned ones of the pair, as a reader finds it, and the size of that which has another each time."""
    found = []
    for table in (SEEN, NEW):
        if opened := folder.open(table):
            with opened:
                found += [struct.unpack("=Q", opened.lookup(ZERO) or b"")[0]]
                found += [opened.table.entries] if table is NEW else []
    return found


def test_whoever_is_killed_while_pinning_leaves_all_of_it_or_nothing(folder: Folder) -> None:
    """Before each line. Nobody meets a table of this front and one of that; the next start goes on from either."""
    generation, line, last, outcomes = 2, 0, 0, set[str]()
    while True:
        generation, line = generation + 1, line + 1
        cut_short = killed_while_it_keeps(folder, generation, line)
        seen = generations(folder)
        assert seen in ([last] * 3 if last else [], [generation] * 3)
        outcomes.add("after" if generation in seen else "before")
        with pair_of(folder, 2) as following:
            assert (set(following.old), following.dropped) == (set(PAIR) if seen else set(), {})
            following.attach([FRONT])
        assert generations(folder) == seen
        last = seen[0] if seen else 0
        if not cut_short:
            break
        if line % 3 == 0:  # also where nothing was before
            folder.remove()
            assert not folder.path.exists()
            folder.make()
            last = 0
    assert line > 20 and outcomes == {"before", "after"}
    assert folder.tables().keys() == set(PAIR)
    assert not [path for path in folder.path.iterdir() if path.is_dir()]


def test_an_agents_tables_beside_the_fronts(folder: Folder) -> None:
    with started(folder, counting("front")) as front:
        agent = Standing(folder, [counting("agent", NEXT, "tcx")], shared={"new": front.tables["new"]}, owner="agent-")
        with agent:
            agent.attach([Place("agent", "agent", "right", "ingress")])
            front.attach([FRONT])
            for each in (agent, front):
                each.keep()
            assert set(folder.tables()) == {"seen", "new", "agent-seen"}
            folder.keep(agent.pinned() | front.pinned(), agent.links() | front.links())
    assert set(folder.tables()) == {"seen", "new", "agent-seen"}
    assert set(folder.links()) == {"agent", "front"}


def test_an_attachment_that_is_not_wanted_any_more_comes_off(folder: Folder) -> None:
    both = counting("front"), counting("inside")
    with started(folder, *both) as first:
        first.attach([INSIDE, FRONT])
        first.keep()
    assert find("left").attached == "driver"
    with started(folder, *both) as second:
        second.attach([FRONT])
        second.keep()
        assert folder.keep(second.pinned(), second.links()) == ["inside-left"]
    assert (find("left").attached, find("right").attached) == ("", "driver")


def test_one_that_fails_leaves_what_was_there(folder: Folder) -> None:
    """Somebody else's program is on left: the new link is not kept, the old program stays, and he is named."""
    with started(folder, counting("front")) as first:
        first.attach([FRONT])
        first.keep()
    with programs.load(image(returning(PASS), name="stranger"), {}) as program:
        stranger = links.attach_xdp(program, find("left").index)
        with (
            stranger,
            pytest.raises(BpfError, match=r'"stranger" .* is attached to left'),
            started(folder, counting("leaving", NEXT, "tcx"), counting("inside")) as second,
        ):
            second.attach([LEAVING, INSIDE])
    assert list(folder.links()) == ["front"]
    assert find("right").attached == "driver"


def test_a_fronts_program_is_named_by_its_front(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins.here, "__defaults__", (folder.root,))
    other = pins.folder("front", "left", folder.root)
    other.make()
    with started(folder, counting("front")) as first, started(other, counting("front")) as second:
        first.attach([FRONT])
        first.keep()
        with pytest.raises(BpfError, match="the front of right is attached: hardtack detach --interface right"):
            second.attach([FRONT])
    other.remove()


def test_a_dead_link_gives_way(folder: Folder) -> None:
    with started(folder, counting("front")) as first:
        first.attach([replace(FRONT, interface="left")])
        first.keep()
    with links.adopt(folder.link_path("front")) as link:
        link.detach()
        assert link.ifindex == 0
    with started(folder, counting("front")) as second:
        second.attach([FRONT])
        second.keep()
        second.attach([replace(FRONT, interface="left")])  # the name is another interface's now
        second.keep()
    assert (find("left").attached, find("right").attached) == ("driver", "")
