"""CPUs for workers: the NIC's NUMA node first, a thread of each core first. On machines that are made of files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hardtack.engines.cpu_choice import Topology, choose, node_of, running_on, topology

# Cores by node, each with its hardware threads
FLAT = {0: [[0], [1], [2], [3]]}
THREADED = {0: [[0, 4], [1, 5], [2, 6], [3, 7]]}
PAIRED = {0: [[0, 1], [2, 3]], 1: [[4, 5], [6, 7]]}  # as in virtual machines
SPREAD = {0: [[0, 8], [2, 10], [4, 12]], 1: [[1, 9], [3, 11], [5, 13]]}  # as some servers number them
Machine = Mapping[int, Sequence[Sequence[int]]]


def made(root: Path, machine: Machine, nics: Mapping[str, str]) -> Path:
    """Its sysfs; `nics`: what their `numa_node` says."""
    for node, cores in machine.items():
        folder = root / f"devices/system/node/node{node}"
        folder.mkdir(parents=True)
        folder.joinpath("cpulist").write_text(",".join(str(cpu) for core in cores for cpu in core) + "\n")
        for core in cores:
            for cpu in core:
                folder = root / f"devices/system/cpu/cpu{cpu}/topology"
                folder.mkdir(parents=True)
                folder.joinpath("thread_siblings_list").write_text(",".join(map(str, core)) + "\n")
    for name, node_text in nics.items():
        folder = root / f"class/net/{name}/device"
        folder.mkdir(parents=True)
        folder.joinpath("numa_node").write_text(node_text)
    return root


def every(machine: Machine) -> list[int]:
    """All its CPUs."""
    return [cpu for cores in machine.values() for core in cores for cpu in core]


@pytest.mark.parametrize(
    ("machine", "near", "most", "chosen"),
    [
        (FLAT, "0", 4, (0, 1, 2, 3)),
        (FLAT, "-1", 2, (0, 1)),
        (FLAT, "0", 8, (0, 1, 2, 3)),
        (THREADED, "0", 4, (0, 1, 2, 3)),
        (THREADED, "0", 6, (0, 1, 2, 3, 4, 5)),
        (PAIRED, "0", 2, (0, 2)),
        (PAIRED, "1", 2, (4, 6)),
        (PAIRED, "1", 3, (4, 6, 5)),
        (PAIRED, "1", 6, (4, 6, 5, 7, 0, 2)),
        (PAIRED, "-1", 4, (0, 2, 4, 6)),
        (PAIRED, "7", 2, (0, 2)),  # a node without CPUs: memory alone
        (SPREAD, "1", 3, (1, 3, 5)),
        (SPREAD, "1", 5, (1, 3, 5, 9, 11)),
        (SPREAD, "0", 4, (0, 2, 4, 8)),
    ],
)
def test_the_order_of_cpus(tmp_path: Path, machine: Machine, near: str, most: int, chosen: tuple[int, ...]) -> None:
    root = made(tmp_path, machine, {"up": near + "\n"})
    node = node_of("up", root)
    assert choose(topology(root, every(machine)), [] if node is None else [node], most) == chosen


def test_only_those_that_this_process_may_run_on(tmp_path: Path) -> None:
    """A core of which it has the second thread alone counts like any other."""
    found = topology(made(tmp_path, PAIRED, {}), [1, 2, 3, 5])
    assert choose(found, [0], 4) == (1, 2, 3, 5)
    assert choose(found, [1], 2) == (5, 1)
    assert choose(found, [0, 1], 3) == (1, 2, 5)


@pytest.mark.parametrize(("allowed", "most"), [([0], 1), ([0, 1], 2), ([0, 1, 2, 3], 1), ([0, 1], 8)])
def test_nobody_is_pinned_where_it_would_be_in_the_kernels_way(tmp_path: Path, allowed: list[int], most: int) -> None:
    assert choose(topology(made(tmp_path, FLAT, {}), allowed), [0], most) == ()


def test_a_kernel_that_tells_nothing(tmp_path: Path) -> None:
    """Without NUMA, without SMT, without /sys: all are alike."""
    assert topology(tmp_path, [3, 1, 2]) == Topology(frozenset({1, 2, 3}), {}, {})
    assert choose(topology(tmp_path, [3, 1, 2]), [0], 2) == (1, 2)
    assert node_of("up", tmp_path) is None
    assert node_of("up", made(tmp_path, FLAT, {"up": "none\n"})) is None


def test_ranges_as_the_kernel_writes_them(tmp_path: Path) -> None:
    folder = tmp_path / "devices/system/node/node3"
    folder.mkdir(parents=True)
    folder.joinpath("cpulist").write_text("0-2,8,10-11\n")
    assert topology(tmp_path, [0]).nodes == dict.fromkeys([0, 1, 2, 8, 10, 11], 3)
    folder.joinpath("cpulist").write_text("\n")
    assert topology(tmp_path, [0]).nodes == {}


def test_this_machine() -> None:
    """Whatever it is: CPUs that a thread may really run on."""
    found = topology()
    assert found.allowed == os.sched_getaffinity(0)
    chosen = choose(found, [], len(found.allowed))
    with running_on(chosen):
        assert os.sched_getaffinity(0) == ({*chosen} or found.allowed)
    assert os.sched_getaffinity(0) == found.allowed
