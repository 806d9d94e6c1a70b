"""Names under bpffs, and locks: what is found again, what takes whose place, what is removed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kernel_ground import image, needs_root, pin_directory, veth_pair
from lab_ground import eventually

from hardtack.image import MMAPABLE, Table
from hardtack.kernel import bpffs, links, maps, pins, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.interfaces import find
from hardtack.kernel.links import Hook
from hardtack.kernel.lock import Busy, Lock
from hardtack.kernel.pins import Folder, PinError
from hardtack.mistake import Mistake

pytestmark = needs_root
WORDS = Table("words", "array", 4, 8, 4, MMAPABLE, "a word")
ONE = (1).to_bytes(4, sys.byteorder)
PASS = 2
STRANGER = 65534  # a user without rights


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bpffs of our own."""
    with pin_directory(tmp_path_factory.mktemp("pins")) as directory:
        yield directory / "hardtack"


@pytest.fixture
def folder(root: Path) -> Iterator[Folder]:
    made = pins.folder("front", "eth0.100", root)
    made.make()
    yield made
    made.remove()


def test_a_folder_is_named_and_found(root: Path, folder: Folder) -> None:
    inode = os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116 - see pins.this_namespace
    assert folder.path.name == f"front-{inode}-eth0:100"
    assert [path.stat().st_mode & 0o777 for path in (root, folder.path)] == [0o700, 0o700]
    other = Folder("agent", "eth0", 1, root)
    other.make()
    assert set(pins.folders(root)) == {folder, other}
    assert pins.here("front", root) == [folder]
    assert pins.here("agent", root) == []
    assert other.remove() == []
    assert pins.folders(root) == [folder]
    with veth_pair():
        assert pins.here("front", root) == []


def test_a_front_on_several_interfaces_is_found_by_any_of_them(folder: Folder, root: Path) -> None:
    with veth_pair(), programs.load(image(returning(PASS)), {}) as program:
        made = pins.folder("front", "left", root)
        made.make()
        for name in ("left", "right"):
            with links.attach_xdp(program, find(name).index) as link:
                made.pin_link(pins.link_name("front", name), link)
        assert made.interfaces == ("left", "right")
        assert pins.on(["right"], "front", root) == pins.on(["eth9", "left"], "front", root) == [made]
        assert pins.on(["right"], "agent", root) == pins.on(["eth0.100"], "front", root) == []
        other = made.renamed("right")
        assert (other.interfaces, pins.here("front", root)) == (("right", "left"), [other])
        other.remove()


def test_tables_are_told_apart_by_layout_and_not_by_size(folder: Folder) -> None:
    larger, other = replace(WORDS, entries=9), replace(WORDS, layout="half a word, twice")
    with maps.create(larger) as table:
        table.update(ONE, b"largest!")
        folder.pin_tables([table])
    with folder.open(WORDS) or pytest.fail("not found") as found:
        assert found.table == larger
        assert found.lookup(ONE) == b"largest!"
    assert folder.open(other) is None
    assert folder.open(WORDS, "agent-") is None
    assert folder.tables() == {"words": [folder.table_path(WORDS)]}


def test_a_table_takes_the_place_of_another(folder: Folder) -> None:
    for entries in (4, 7):
        with maps.create(replace(WORDS, entries=entries)) as table:
            folder.pin_tables([table])
    with folder.open(WORDS) or pytest.fail("not found") as found:
        assert found.table.entries == 7
    assert [path.name for path in folder.path.iterdir()] == [folder.table_path(WORDS).name]


def test_what_is_not_kept_goes_and_programs_come_off_at_once(folder: Folder) -> None:
    with (
        veth_pair() as pair,
        programs.load(image(returning(PASS)), {}) as program,
        maps.create(WORDS) as table,
    ):
        for name, index in (("front", pair[0]), ("inside-eth1.7", pair[1])):
            with links.attach_xdp(program, index) as link:
                folder.pin_link(name, link)
        folder.pin_tables([table])
        folder.pin_tables([table], "agent-")
        assert list(folder.links()) == ["front", "inside-eth1.7"]
        assert folder.keep([folder.table_path(WORDS)], ["front"]) == ["inside-eth1.7"]
        assert (find("left").attached, find("right").attached) == ("driver", "")
        assert list(folder.tables()) == ["words"]
        assert living(folder, "front", pair[0], "xdp")
        assert not living(folder, "front", pair[1], "xdp")
        assert not living(folder, "front", pair[0], "ingress")
        assert not living(folder, "inside-eth1.7", pair[1], "xdp")
        assert folder.remove() == ["link-front", folder.table_path(WORDS).name]
        assert find("left").attached == ""
        assert not folder.path.exists()
        assert folder.remove() == []


def test_a_link_whose_interface_has_gone_is_dead_and_removed(folder: Folder) -> None:
    with (
        veth_pair() as (left, _),
        programs.load(image(returning(-1), "tcx"), {}) as program,
        links.attach_tcx(program, left) as link,
    ):
        folder.pin_link("leaving", link)
        assert living(folder, "leaving", left, "ingress")
        assert not living(folder, "leaving", left, "egress")
    with (
        veth_pair() as (left, _),  # the number is the same, the interface is another
        programs.load(image(returning(-1), "tcx"), {}) as program,
        links.attach_tcx(program, left) as link,
    ):
        assert eventually(lambda: not links.adopt(folder.link_path("leaving")).ifindex)  # the kernel takes its time
        assert not living(folder, "leaving", left, "ingress")
        folder.pin_link("leaving", link)
        assert living(folder, "leaving", left, "ingress")
        assert folder.remove() == ["link-leaving"]


def living(folder: Folder, name: str, ifindex: int, hook: Hook) -> bool:
    """Whether the pinned link of this name holds a program there."""
    link = folder.living(name, ifindex, hook)
    if link:
        link.close()
    return link is not None


def test_where_nothing_can_be_pinned_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(PinError, match="mount -t bpf bpf") as told:
        Folder("front", "eth0", 1, tmp_path / "nowhere" / "hardtack").make()
    assert "\n" not in str(told.value)


def test_a_bpffs_is_mounted_once(tmp_path: Path) -> None:
    Folder("front", "eth0", 1, tmp_path / "hardtack").make()
    try:
        Folder("front", "eth1", 1, tmp_path / "hardtack").make()
        assert len(pins.folders(tmp_path / "hardtack")) == 2
        assert sum(line.split()[1] == str(tmp_path) for line in bpffs.MOUNTS.read_text().splitlines()) == 1
    finally:
        bpffs.unmount(tmp_path)
    assert not (tmp_path / "hardtack").exists()


# Takes the lock, or locks the file as anybody could who may open it, as another user: then says so, and waits
HOLD = """
import fcntl, os, pathlib, sys
from hardtack.kernel.lock import Lock
path = pathlib.Path(sys.argv[1])
if len(sys.argv) > 2:
    os.setresuid(*[int(sys.argv[2])] * 3)
    lock = path.open()
    fcntl.flock(lock, fcntl.LOCK_EX)
else:
    lock = Lock(path)
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def another_holds(path: Path, *user: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has locked this file, or has ended because it could not."""
    command = [sys.executable, "-c", HOLD, str(path), *map(str, user)]
    environment = os.environ | {"PYTHONPATH": str(Path(pins.__file__).parents[2])}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment) as holder:
        assert holder.stdout
        holder.stdout.readline()
        yield holder
        holder.kill()


def test_a_lock_names_its_holder_and_goes_with_him(tmp_path: Path) -> None:
    path = tmp_path / "run" / "eth0.lock"
    with another_holds(path) as holder, pytest.raises(Busy, match=f"locked by process {holder.pid}$") as refused:
        Lock(path)
    assert refused.value.pid == holder.pid
    with Lock(path):
        with pytest.raises(Busy, match=f"process {os.getpid()}$"):
            Lock(path)
        path.unlink()  # as it is when nothing is at work any more
        with Lock(path):
            assert path.exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where everybody gets in; pytest's own are closed."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_nobody_else_can_take_a_lock(open_folder: Path) -> None:
    """A folder that an earlier version made is closed; somebody who had got in by then is named, not who wrote the file."""
    path = open_folder / "run" / "eth0.lock"
    path.parent.mkdir(mode=0o755)
    path.write_text("1234567\n")
    with another_holds(path, STRANGER) as holder, pytest.raises(Busy, match=f"locked by process {holder.pid}$"):
        Lock(path)
    assert [one.stat().st_mode & 0o777 for one in (path.parent, path)] == [0o700, 0o600]
    path.chmod(0o666)
    with another_holds(path, STRANGER) as holder:
        assert holder.wait(60) != 0
        Lock(path).close()


def test_a_folder_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    theirs, link = tmp_path / "theirs", tmp_path / "link"
    theirs.mkdir()
    os.chown(theirs, STRANGER, STRANGER)
    link.symlink_to(theirs)
    for folder in (theirs, link):
        with pytest.raises(Mistake, match=rf"^{folder}: must be a folder of the user .* rm -r {folder}$"):
            Lock(folder / "eth0.lock")
    own = tmp_path / "own"
    own.mkdir()
    (own / "eth0.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Mistake, match=r"a symbolic link instead of a regular file"):
        Lock(own / "eth0.lock")
    assert not (tmp_path / "elsewhere").exists()


def test_values_of_a_table_as_memory() -> None:
    with maps.create(replace(WORDS, value_size=12, entries=600)) as table:  # 12: the kernel makes 16 of it
        memory = table.memory()
        assert len(memory) == 600 * 16
        memory[16:28] = b"twelve bytes"
        assert table.lookup(ONE) == b"twelve bytes"
        table.update((599).to_bytes(4, sys.byteorder), b"other twelve")
        assert bytes(memory[599 * 16 :][:12]) == b"other twelve"
        part = memory[16:28]
    assert bytes(part) == b"twelve bytes"  # whoever still looks at it may
    with maps.create(Table("plain", "array", 4, 8, 4)) as table, pytest.raises(TypeError, match="use lookup"):
        table.memory()
