"""`hardtack detach`: all of it goes, or nothing; and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_ground import image, needs_root, pin_directory, veth_pair
from typer.testing import CliRunner

from hardtack.agent import hold, record
from hardtack.agent.detach import NotDetached, detach
from hardtack.agent.hold import AtWork, Hold, held
from hardtack.cli.app import app
from hardtack.image import Table
from hardtack.kernel import bpf, links, lock, maps, pins, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.interfaces import find
from hardtack.kernel.pins import Folder, Role

pytestmark = needs_root


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A namespace with left and right, a bpffs and a /run of our own."""
    monkeypatch.setattr(lock, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(record.place, "__defaults__", (tmp_path / "run",))
    with pin_directory(tmp_path) as directory, veth_pair():
        yield directory / "hardtack"


def leave(root: Path, role: Role, interface: str, *others: str) -> Folder:
    """What a process leaves that has ended: programs, a table, a record, a lock that nobody holds."""
    folder = pins.folder(role, interface, root)
    folder.make()
    kind, hook = ("xdp", links.attach_xdp) if role == "front" else ("tcx", links.attach_tcx)
    with (
        programs.load(image(returning(2 if role == "front" else -1), kind), {}) as program,  # type: ignore[arg-type]
        maps.create(Table("counters", "array", 4, 8, 1)) as table,
        Hold(role, [interface, *others], root),
    ):
        for name in (interface, *others):
            with hook(program, find(name).index) as link:
                folder.pin_link(pins.link_name(role, name), link)
        folder.pin_tables([table])
        record.write(record.place(role, folder.namespace, interface), [interface])
    return folder


def files() -> list[str]:
    """What is under our /run."""
    return sorted(path.name for path in lock.FOLDER.iterdir())


def test_everything_goes(root: Path) -> None:
    front, agent = leave(root, "front", "left"), leave(root, "agent", "right")
    assert len(files()) == 4
    assert detach(root=root) == [
        "left: front detached; programs: front-left; tables: 1",
        "right: agent detached; programs: agent-right; tables: 1",
    ]
    assert not front.path.exists() and not agent.path.exists()
    assert find("left").attached == ""
    assert files() == []
    assert detach(root=root) == []


def test_only_what_is_asked_for(root: Path) -> None:
    for interface in ("left", "right"):
        leave(root, "front", interface)
    leave(root, "agent", "left")
    assert detach(["left"], ["agent"], root) == ["left: agent detached; programs: agent-left; tables: 1"]
    assert detach(["left"], root=root) == ["left: front detached; programs: front-left; tables: 1"]
    assert [folder.interface for folder in pins.folders(root)] == ["right"]
    with pytest.raises(NotDetached, match=r"^hardtack is not attached to left, only to right$"):
        detach(["right", "left"], root=root)
    assert len(pins.folders(root)) == 1
    assert len(detach(["right"], root=root)) == 1
    with pytest.raises(NotDetached, match="nor to any other interface in this network namespace"):
        detach(["right"], root=root)


def test_nothing_goes_while_one_of_them_is_at_work(root: Path) -> None:
    leave(root, "front", "left")
    at_work = leave(root, "agent", "right")
    with held(at_work), pytest.raises(AtWork, match=r"^an agent is running on right, process \d+; stop it first: kill \d+$"):
        detach(root=root)
    assert len(pins.folders(root)) == 2
    assert find("left").attached == "driver"


def test_a_front_on_several_interfaces_goes_as_a_whole(root: Path) -> None:
    """By whichever of them it is called; and while somebody holds one of them, it stays as a whole."""
    folder = leave(root, "front", "left", "right")
    with Hold("front", ["right"], root), pytest.raises(AtWork, match=r"^a front is running on right, process"):
        detach(["left"], root=root)
    assert (find("left").attached, find("right").attached) == ("driver", "driver")
    assert detach(["right"], root=root) == ["left, right: front detached; programs: front-left, front-right; tables: 1"]
    assert (find("left").attached, find("right").attached) == ("", "")
    assert (folder.path.exists(), files()) == (False, [])


def test_a_file_stays_as_long_as_something_is_pinned_there(root: Path) -> None:
    folder = leave(root, "front", "left", "right")
    name = f"front-{folder.namespace}"
    assert files() == [f"{name}-left.json", f"{name}-left.lock", f"{name}-right.lock"]
    with Hold("front", ["left", "right", "up"], root) as hold:
        hold.let_go(["right"])
        assert f"{name}-right.lock" in files()
        folder.remove_link(folder.link_path("front-right"))
        with Hold("front", ["right"], root):
            pass
    assert files() == [f"{name}-left.json", f"{name}-left.lock"]
    detach(root=root)
    assert files() == []


def test_those_of_another_namespace_are_not_seen(root: Path) -> None:
    leave(root, "front", "left")
    with veth_pair():
        assert detach(root=root) == []
        with pytest.raises(NotDetached):
            detach(["left"], root=root)
    assert len(pins.folders(root)) == 1


def test_who_starts_and_fails_leaves_no_file(root: Path) -> None:
    folder = pins.folder("front", "left", root)
    with held(folder):
        assert files() == [hold.lock_path(folder).name]
    assert files() == []


def test_without_rights_it_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpf, "privileged", lambda: False)
    with pytest.raises(NotDetached, match="run as root"):
        detach(root=root)


def test_the_commands(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detach, "__defaults__", ((), ("front", "agent"), root, True))
    leave(root, "front", "left")
    leave(root, "agent", "right")
    said = CliRunner().invoke(app, ["agent", "--interface", "right", "--detach"])
    assert (said.exit_code, said.stdout) == (0, "right: agent detached; programs: agent-right; tables: 1\n")
    said = CliRunner().invoke(app, ["detach", "-i", "left"])
    assert (said.exit_code, said.stdout) == (0, "left: front detached; programs: front-left; tables: 1\n")
    said = CliRunner().invoke(app, ["detach"])
    assert (said.exit_code, said.stdout) == (0, "nothing is attached in this network namespace\n")
    for wrong in (["agent", "-i", "left"], ["agent", "-i", "left", "--detach", "--key", "key"]):
        said = CliRunner().invoke(app, wrong)
        assert said.exit_code == 2
        assert "write either --key FILE or" in said.output
