"""Several programs at one tcx hook: ours is first, and alone of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from chain_ground import STRANGER, ours
from kernel_ground import needs_root, pin_directory, veth_pair
from pyroute2 import IPRoute

from hardtack.kernel import links, pins, programs
from hardtack.kernel.chain import chain
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.links import Link
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Doubled, Place, Standing

pytestmark = needs_root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bpffs of our own."""
    with pin_directory(tmp_path_factory.mktemp("pins")) as directory:
        yield directory / "hardtack"


@pytest.fixture
def folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """The agent's of "right", in a namespace of its own."""
    monkeypatch.setattr(pins.here, "__defaults__", (root,))
    with veth_pair():
        made = pins.folder("agent", "right", root)
        yield made
        made.remove()


def place(interface: str = "right") -> Place:
    return Place("agent", "agent", interface, "ingress")


def stranger(ifindex: int, name: str = "stranger", flags: int = 0) -> Link:
    """Somebody's program that lets nobody run behind it."""
    with programs.load(replace(STRANGER, name=name), {}) as program:
        return links.attach(program, ifindex, links.DIRECTIONS["ingress"], flags, name)


def order(ifindex: int) -> list[str]:
    """Names, first first."""
    return [str(member).split('"')[1] for member in chain(ifindex, "ingress").members]


def index(name: str) -> int:
    with IPRoute() as kernel:
        return int(kernel.link_lookup(ifname=name)[0])


def test_ours_is_first_whoever_was_there(folder: Folder) -> None:
    right = index("right")
    with stranger(right), Standing(folder, [ours("agent")]) as standing:
        standing.attach([place()])
        standing.keep()
        with folder.living("agent", right, "ingress") or pytest.fail("not pinned") as link:
            assert order(right) == ["agent", "stranger"]
            assert not chain(right, "ingress").before(link.id)
            with stranger(right, "early", links.FIRST):
                (early,) = chain(right, "ingress").before(link.id)
                assert str(early).startswith('program "early" (id ') and " by link " in str(early)


def test_the_next_start_gets_before_who_has_come_before(folder: Folder) -> None:
    """Without a moment in which none is attached, and with one in the end."""
    right = index("right")
    with Standing(folder, [ours("agent")]) as first:
        first.attach([place()])
        first.keep()
    with stranger(right, flags=links.FIRST):
        assert order(right) == ["stranger", "agent"]
        with Standing(folder, [ours("agent")]) as second:
            second.attach([place()])
            assert order(right) == ["agent", "stranger", "agent"]
            second.keep()
            assert order(right) == ["agent", "stranger"]
            assert chain(right, "ingress").members[0].program == second.programs["agent"].id
        with Standing(folder, [ours("agent")]) as third:  # nobody is before it: in the place of the one there
            link = chain(right, "ingress").members[0].link
            third.attach([place()])
            third.keep()
            assert chain(right, "ingress").members[0].link == link
    assert order(right) == ["agent"]


def test_programs_of_ours_stay_in_their_order(folder: Folder) -> None:
    """As on a tunnel, where front and agent are at one hook."""
    right = index("right")
    with (
        Standing(folder, [ours("agent")]) as first,
        Datapath(ours("front")) as front,
        ExitStack() as parts,
    ):
        first.attach([place()])
        first.keep()
        parts.enter_context(links.attach_tcx(front.program, right))
        with Standing(folder, [ours("agent")]) as second:
            second.attach([place()])
            second.keep()
        assert order(right) == ["front", "agent"]


@pytest.mark.parametrize("role", ["agent", "front"])
def test_a_second_of_ours_is_refused(folder: Folder, role: pins.Role) -> None:
    """After a renaming; and where a front's process has the agent, or is to have it. Who has it is named."""
    with Standing(replace(folder, role=role), [ours("agent")]) as first:
        first.attach([place()])
        first.keep()
    with IPRoute() as kernel:
        kernel.link("set", index=index("right"), ifname="renamed")
    other = replace(folder, interface="renamed")
    with pytest.raises(Doubled) as refused, Standing(other, [ours("agent")]) as second:
        second.attach([place("renamed")])
    remedy = "hardtack detach --interface right" if role == "front" else "hardtack agent --detach --interface right"
    assert str(refused.value).startswith('hardtack\'s agent is already on renamed (ingress), program "agent" (id ')
    assert f": the {role} of right attached it" in str(refused.value) and str(refused.value).endswith(remedy)
    assert order(index("renamed")) == ["agent"] and not other.path.exists()
    assert replace(folder, role=role).remove()


def test_one_that_nobody_has_pinned_is_refused_too(folder: Folder) -> None:
    with Standing(folder, [ours("agent")]) as first:
        first.attach([place()])
        match = r"it is not pinned here; .* `bpftool link detach id \d+`"
        other = replace(folder, interface="left")
        with pytest.raises(Doubled, match=match), Standing(other, [ours("agent")]) as second:
            second.attach([place()])


def test_somebody_elses_program_of_that_name_is_not_ours(folder: Folder) -> None:
    right = index("right")
    with stranger(right, "agent"), Standing(folder, [ours("agent")]) as standing:
        standing.attach([place()])
        assert order(right) == ["agent", "agent"]
