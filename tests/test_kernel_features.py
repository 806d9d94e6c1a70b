"""What the machine can do, asked of the machine; and what is said when it cannot."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_ground import image, needs_root, veth_pair

import hardtack
from hardtack.compiler import objects
from hardtack.image import Line, Table
from hardtack.kernel import bpf, features, interfaces, lineinfo, links, programs, trials
from hardtack.kernel.assembly import CALL, LOAD_BYTE, op, returning
from hardtack.kernel.features import Feature
from hardtack.kernel.interfaces import InterfaceError
from hardtack.packet.programs import SHIPPED

DOCTOR = [sys.executable, "-c", "import typer; from hardtack.cli.doctor import doctor; typer.run(doctor)"]
# Everything that root may do, given up for this process and those it starts.
POWERLESS = (
    "import ctypes, os, sys; libc = ctypes.CDLL(None);"
    "[libc.prctl(24, n, 0, 0, 0) for n in range(64)];"  # PR_CAPBSET_DROP
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def by_name(found: list[Feature]) -> dict[str, Feature]:
    return {feature.name: feature for feature in found}


@needs_root
def test_this_kernel() -> None:
    found = by_name(features.probe())
    for name in ("privileges", "XDP programs", "JIT compiler", "coarse clock", "XDP frame calls", "XDP links"):
        assert found[name].present is True, str(found[name])
    assert all(isinstance(feature.present, bool) for feature in found.values())
    assert features.enough(found.values(), "front")
    assert all(feature.needed_for and feature.remedy and "\n" not in str(feature) for feature in found.values())


@needs_root
def test_a_kernel_without_the_kfunc(tmp_path: Path) -> None:
    blob, _ = lineinfo.encode(image(returning(2), lines=(Line(0, "a.py", 1, 1, "x"),)))
    (tmp_path / "btf").write_bytes(blob)
    found = features.probe(vmlinux=tmp_path / "btf")
    assert features.enough(found, "front")
    assert not features.enough(found, "agent")
    (lack,) = features.missing(found, "agent")
    assert str(lack).startswith(
        "bpf_sk_assign_tcp_reqsk: no; needed for creating sockets from cookies; Linux 6.9 or newer"
    )


@needs_root
def test_a_kernel_without_btf(tmp_path: Path) -> None:
    found = features.probe(vmlinux=tmp_path / "nothing")
    assert [lack.name for lack in features.missing(found, "agent")] == ["BTF", "bpf_sk_assign_tcp_reqsk"]
    assert "CONFIG_DEBUG_INFO_BTF" in str(by_name(found)["BTF"])


@needs_root
def test_what_a_kernel_does_not_take_is_a_no() -> None:
    """A helper, a flag and a kernel function that no kernel has: asked for in the way that real ones are."""
    assert not trials.takes(op(CALL, value=9999) + returning(2))
    assert not trials.takes(returning(2), flags=1 << 31)
    assert not trials.takes(op(CALL, value=trials.XDP_GET_BUFF_LEN) + returning(0), "tcx")
    with trials.load(returning(2)) as program:
        assert trials.refused(program, trials.NOWHERE, 4711, 0) == errno.EINVAL  # an attach type of the far future


@needs_root
def test_a_program_is_tried_whole_with_small_tables() -> None:
    """The verifier's last words are told in a line; a table as large as this would take more memory than there is."""
    large = (Table("large", "array", 4, 1 << 20, 1 << 20),)
    assert trials.objection(image(returning(2), tables=large)) == ""
    careless = image(op(LOAD_BYTE, 0, 1) + returning(2), tables=large, lines=(Line(0, "a.py", 7, 1, "load8(frame, 0)"),))
    said = trials.objection(careless)
    assert said.startswith("a.py:7: invalid bpf_context access")
    assert "\n" not in said
    refused = Feature("program front", False, "answering SYNs", "use a newer kernel", ("front", "lab"), said)
    assert str(refused) == f"program front: no ({said}); needed for answering SYNs; use a newer kernel"
    assert not features.enough([refused], "front")


def test_bpffs_is_looked_for_where_it_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text("proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n")
    assert by_name(features.probe(mounts=tmp_path / "mounts"))["bpffs"].present is True
    (tmp_path / "mounts").write_text("proc /proc proc rw 0 0\nbpf /elsewhere bpf rw 0 0\n")
    assert by_name(features.probe(mounts=tmp_path / "mounts"))["bpffs"].present is False


def doctor(*arguments: str, powerless: bool = False) -> subprocess.CompletedProcess[str]:
    prefix = [sys.executable, "-c", POWERLESS] if powerless else []
    return run([*prefix, *DOCTOR, *arguments])


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(hardtack.__file__).parents[1]), "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)


@pytest.fixture(scope="module")
def compiled() -> None:
    """The programs are in the cache: it is not the compiler that doctor's patience is tried by."""
    for source in SHIPPED:
        objects.compiled(source)


@needs_root
@pytest.mark.usefixtures("compiled")
def test_doctor_is_content_here() -> None:
    said = doctor()
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Supports a front: yes" in said.stdout
    assert "\x1b" not in said.stdout  # no colour: this is no terminal


@needs_root
@pytest.mark.usefixtures("compiled")
def test_doctor_speaks_json() -> None:
    with veth_pair():
        said = doctor("--json", "--interface", "left")
    report = json.loads(said.stdout)
    assert report["enough_for"]["front"] is True
    taken = {feature["name"] for feature in report["features"] if feature["present"]}
    assert taken >= {f"program {name}" for name in ("front", "inside", "sweeper", "leaving", "agent")}
    assert [(found["name"], found["driver"]) for found in report["interfaces"]] == [("left", "veth")]


def test_doctor_without_privileges() -> None:
    said = doctor(powerless=True)
    assert said.returncode == 1
    assert "run as root, or with CAP_BPF" in said.stdout
    assert "Traceback" not in said.stderr
    report = json.loads(doctor("--json", powerless=True).stdout)
    answers = {feature["name"]: feature["present"] for feature in report["features"]}
    assert answers["privileges"] is False
    assert answers["XDP links"] is None  # not a no: nobody could try
    assert answers["program front"] is None


@pytest.mark.usefixtures("compiled")
def test_doctor_and_a_missing_interface() -> None:
    said = doctor("-i", "nosuch0")
    assert said.returncode == 1
    assert "no interface nosuch0 here; there are: " in said.stdout


def test_without_privileges_one_line_says_so() -> None:
    script = (
        "from hardtack.image import Image, Table; from hardtack.kernel import maps, programs\n"
        "from hardtack.kernel.assembly import returning; from hardtack.kernel.bpf import BpfError\n"
        "for attempt in (lambda: maps.create(Table('t', 'array', 4, 4, 1)),"
        " lambda: programs.load(Image('p', 'xdp', returning(2), (), (), (), ''), {})):\n"
        "    try: attempt()\n"
        "    except BpfError as error: print(error)\n"
    )
    command = [sys.executable, "-c", POWERLESS, sys.executable, "-c", script]
    said = run(command).stdout.splitlines()
    if bpf.privileged() or Path("/proc/sys/kernel/unprivileged_bpf_disabled").read_text().strip() != "0":
        assert len(said) == 2, said
        assert all(line.endswith("run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON") for line in said)


@needs_root
def test_interfaces_of_a_namespace() -> None:
    with veth_pair() as (left, _):
        assert interfaces.names() == ["right", "left"] or interfaces.names() == ["left", "right"]
        found = interfaces.find("left")
        assert (found.name, found.index, found.driver, found.mtu) == ("left", left, "veth", 1500)
        assert found.driver_mode in (True, None)
        assert (found.attached, found.program) == ("", 0)
        assert interfaces.find("lo").driver_mode in (False, None)
        with programs.load(image(returning(2)), {}) as program, links.attach_xdp(program, left, "generic"):
            assert (interfaces.find("left").attached, interfaces.find("left").program) == ("generic", program.id)
        with pytest.raises(InterfaceError, match=r"^no interface eth7 here; there are: "):
            interfaces.find("eth7")
