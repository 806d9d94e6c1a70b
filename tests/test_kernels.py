"""What `make kernels` computes without a virtual machine: which packages and modules, what is expected, what is told."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from hardtack.lab.machines import archive, expected, kernels, machine, modules, outcomes, packages, readme, record, run
from hardtack.lab.machines.archive import Package
from hardtack.lab.machines.cards import CARDS, ends
from hardtack.lab.machines.kernels import KERNELS, Kernel
from hardtack.lab.machines.machine import command
from hardtack.lab.machines.outcomes import Outcome, Result
from hardtack.lab.machines.record import Seen
from hardtack.lab.machines.table import cell
from hardtack.lab.machines.tools import Tools
from hardtack.lab.namespaces import LabError

NEW = Kernel("6.12", "trixie", "linux-image-amd64")
OLD = Kernel("6.1", "bookworm", "linux-image-amd64", agent=False)

SIMULATED = """\
NOTE: This is only a simulation!
Inst linux-base (4.12.1 Debian:13.8/stable [all])
Inst linux-image-6.12.117+deb13-rt-amd64 (6.12.117-1 Debian:13.8/stable [amd64])
Inst libc6 [2.36-8] (2.36-9+deb12u14 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [arm64]) []
Inst tar (1:1.34+dfsg-1.2 Debian Backports:stable-backports [amd64])
Conf linux-base (4.12.1 Debian:13.8/stable [all])
"""


def test_packages_are_read_to_the_version() -> None:
    assert archive.installs(SIMULATED) == [
        Package("linux-base", "4.12.1", "all"),
        Package("linux-image-6.12.117+deb13-rt-amd64", "6.12.117-1", "amd64"),
        Package("libc6", "2.36-9+deb12u14", "arm64"),
        Package("tar", "1:1.34+dfsg-1.2", "amd64"),
    ]
    assert str(Package("tar", "1:1.34", "amd64")) == "tar:amd64=1:1.34"


def test_modules_come_behind_what_they_need() -> None:
    told = "fs/ext4.ko: fs/jbd2.ko fs/mbcache.ko\nfs/jbd2.ko:\nfs/mbcache.ko:\na/virtio-pci.ko: a/virtio.ko\na/virtio.ko:\n"
    needs = modules.dependencies(told)
    assert modules.ordered(needs, ("virtio_pci", "built_in", "ext4")) == [
        *("a/virtio.ko", "a/virtio-pci.ko"),
        *("fs/jbd2.ko", "fs/mbcache.ko", "fs/ext4.ko"),
    ]


def test_the_guest_gets_what_the_front_needs_and_not_what_compiles_it() -> None:
    told = packages.wanted()
    names = set(packages.blocks(told))
    assert {"llvmlite", "numpy", "pydantic", "pydantic-core", "pyroute2", "rich", "typer"} <= names  # llvmlite: for rules
    assert not names & {"numba", "matplotlib", "pytest", "mypy"}
    assert told.count("numpy==") == (packages.HERE / "requirements.txt").read_text().count("numpy==")


def test_kernels_are_chosen_by_name() -> None:
    assert [kernel.name for kernel in kernels.chosen([])] == [*kernels.DEFAULT]
    assert kernels.chosen(["all"]) == [*KERNELS]
    assert [kernel.name for kernel in kernels.chosen(["arm64", "6.1", "arm64"])] == ["arm64", "6.1"]
    with pytest.raises(LabError, match=r"no kernel '2\.4'; there are: all 6\.1 "):
        kernels.chosen(["2.4"])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_guest_has_all_cards_and_no_way_out(kernel: Kernel) -> None:
    disks = Path("root"), Path("modules"), Path("project")
    line = command(Tools(Path("tools"), "amd64"), kernel.arch, Path("vmlinuz"), Path("initrd"), disks, Path("console"))
    networks = [line[at + 1] for at, word in enumerate(line) if word == "-netdev"]
    assert len(networks) == len(CARDS) and all(one.startswith("hubport,") for one in networks)
    assert not {"-nic", "-net"} & {*line}
    assert sum(word.endswith("snapshot=on") for word in line) == len(disks)


def test_each_cable_has_two_ends() -> None:
    assert all(len({card.mac for card in ends(cable)}) == 2 for cable in {card.cable for card in CARDS})


def test_what_a_guest_reports_is_taken_down() -> None:
    seen = Seen(NEW)
    for line in (
        '{"release": "6.12.1", "up": 9.1}',
        '{"began": "veth"}',
        Result("veth", Outcome.good, "answered 6").line(),
        '{"ended": "veth", "seconds": 8.2}',
        "something else",
    ):
        assert run.heard(line, seen)
    assert (seen.release, seen.ended, seen.results) == ("6.12.1", 1, [Result("veth", Outcome.good, "answered 6")])
    assert outcomes.read('{"name": "veth", "outcome": "splendid", "seen": ""}') is None


def test_only_surprises_are_told() -> None:
    fine = Seen(NEW, results=[Result("veth", Outcome.good), Result("doctor", Outcome.good)])
    assert fine.surprises() == []
    [told] = Seen(NEW, results=[Result("veth", Outcome.bad, "IPv4: reset")]).surprises()
    assert told == "6.12: veth: bad, not good: IPv4: reset"
    [told] = Seen(OLD, results=[Result("doctor", Outcome.good, "")]).surprises()
    assert told.startswith("6.1: doctor: good, not answered (no agent before Linux 6.9)")
    assert Seen(NEW, trouble="it did not come up").surprises() == ["6.12: it did not come up"]


def test_the_table_marks_what_is_otherwise() -> None:
    seen = Seen(NEW, results=[Result("veth", Outcome.good), Result("bridge", Outcome.bad)])
    assert [cell(seen, name).plain for name in ("veth", "bridge", "unheard of")] == ["good", "bad !", ""]


@pytest.mark.parametrize("one", expected.EXEMPTIONS, ids=str)
def test_exemptions_are_of_kernels_that_there_are_and_say_why(one: expected.Exemption) -> None:
    assert one.why and {*one.kernels} <= {kernel.name for kernel in KERNELS}
    assert one.outcome is not Outcome.good or one.kernels


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    every = [Seen(OLD, "6.1.0", "2026-11-27", 9, "", 1, [Result("veth", Outcome.refused, "why")]), Seen(NEW)]
    record.write(tmp_path / "kernels.json", every)
    assert record.read(tmp_path / "kernels.json") == every
    again = Seen(NEW, "6.12.1")
    assert record.merged(every, [again]) == [every[0], again]


def test_the_readme_shows_what_was_last_seen() -> None:
    [shown] = readme.PLACE.findall(readme.README.read_text())
    assert shown == readme.rows(record.read(readme.RECORD))


def test_a_guest_goes_with_its_block(tmp_path: Path) -> None:
    """Whatever runs in QEMU's place: it is listened to, and ended by its pid."""
    tools = Tools(tmp_path, "amd64")
    linker = Path(tools.command("any")[0])
    linker.parent.mkdir(parents=True)
    linker.write_text("#!/bin/sh\necho first; echo second; exec sleep 600\n")
    linker.chmod(0o755)
    disks = Path("root"), Path("modules"), Path("project")
    with machine.guest(tools, "amd64", Path("vmlinuz"), Path("initrd"), disks, tmp_path / "said") as guest:
        heard = guest.lines(60)
        assert [next(heard), next(heard)] == ["first", "second"]
        assert guest.process.poll() is None
        with pytest.raises(LabError, match=r"^silent for 0 s; its console ends with:\n\(nothing\)"):
            next(guest.lines(0.1))
    assert guest.process.returncode == -signal.SIGKILL


def test_a_guest_that_cannot_run_is_trouble(tmp_path: Path) -> None:
    tools = Tools(tmp_path, "amd64")
    disks = Path("root"), Path("modules"), Path("project")
    with (
        pytest.raises(LabError, match=r"^QEMU ended with status \d+"),
        machine.guest(tools, "amd64", Path("vmlinuz"), Path("initrd"), disks, tmp_path / "said") as guest,
    ):
        list(guest.lines(60))
