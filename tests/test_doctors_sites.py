"""Where `hardtack doctor` looks: at what is at work, or where something may come to be; not each container's interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_ground import STRANGER, ours
from kernel_ground import needs_root, pin_directory, veth_pair
from pyroute2 import IPRoute

from hardtack.cli.checkup import diagnose
from hardtack.cli.sites import sites
from hardtack.diagnosis.finding import Finding, Site
from hardtack.kernel import links, pins, programs
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.interfaces import Interface, find, names
from hardtack.kernel.pins import Folder

pytestmark = needs_root


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A namespace with left and right, where left has an address, and a bpffs of our own."""
    with pin_directory(tmp_path) as directory, veth_pair() as (left, _), IPRoute() as kernel:
        kernel.addr("add", index=left, address="192.0.2.1", prefixlen=24)
        monkeypatch.setattr(pins.here, "__defaults__", (directory / "hardtack",))
        yield directory / "hardtack"


def seen() -> list[Interface]:
    return [find(name) for name in names()]


def test_before_anything_is_at_work_where_it_may_come_to_be(root: Path) -> None:
    supposed = [Site("front", "left", supposed=True), Site("agent", "left", supposed=True)]
    assert sites(seen(), named=False) == supposed
    assert sites([find("right")], named=True) == [Site("front", "right"), Site("agent", "right")]


def test_what_is_at_work(root: Path) -> None:
    front, agent = Folder("front", "left", pins.this_namespace(), root), pins.folder("agent", "right", root)
    with Datapath(ours("agent")) as made:
        for folder, interface in ((front, "left"), (agent, "right")):
            folder.make()
            with links.attach_tcx(made.program, find(interface).index) as link:
                folder.pin_link(pins.link_name("agent", interface), link)
    assert sites(seen(), named=False) == [Site("agent", "left"), Site("agent", "right")]
    assert sites([find("right")], named=False) == [Site("agent", "right")]
    for folder in (front, agent):
        folder.remove()


def told() -> list[Finding]:
    """Of who stands before ours on right."""
    return [finding for finding in diagnose([find("right")], named=True) if finding.name == "before"]


@pytest.mark.parametrize(("name", "direction"), [("agent", "ingress"), ("leaving", "egress")])
def test_who_stands_before_ours_is_named(root: Path, name: str, direction: links.Direction) -> None:
    right = find("right").index
    with (
        Datapath(ours(name)) as made,
        programs.load(STRANGER, {}) as program,
        links.attach_tcx(made.program, right, direction),
    ):
        place = links.DIRECTIONS[direction]
        with links.attach(program, right, place, 0, "behind"):
            assert told() == []
        with links.attach_tcx(program, right, direction) as link:
            who = f'program "stranger" (id {program.id}) by link {link.id}'
            (finding,) = told()
    assert not finding.fatal
    assert str(finding) == (
        f"{who} runs before hardtack's {name} on right, and may hide frames from it: restart hardtack there to put it "
        "first, or have that program return TCX_NEXT"
    )
