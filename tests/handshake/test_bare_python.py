"""The wheel that people get: an agent on a host where nothing else is installed; rules on a front without Numba."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from importlib.util import find_spec
from pathlib import Path

import llvmlite
import pytest
from fronts.datagrams import MANY, delivered
from fronts.running import Value, configuration
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from handshake.stage import ADDRESSES, PATIENCE, SPARE, TALK, front_command, write_configuration
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import download, server_socket
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology

ROOT = Path(__file__).parents[2]
OURS = ["llvmlite", "numba", "numpy", "pydantic", "pyroute2", "rich", "typer", "pip", "setuptools"]
MISSING = f"import importlib.util, json; print(json.dumps([n for n in {OURS!r} if importlib.util.find_spec(n)]))"
FEWER = "from importlib.util import find_spec; print([*filter(find_spec, ['numba', 'elftools', 'pyroute2', 'matplotlib'])])"
FOUND = "import hardtack.agent.daemon, json, sys; print(json.dumps([hardtack.__file__, sorted(sys.modules)]))"

RULES = """
import importlib.util, sys
sys.path.append(sys.argv[1])
from hardtack.image import ONLY, Table
from hardtack.kernel import maps, programs
from hardtack.pcap.libpcap import compile
from hardtack.pcap.programs import Onward, matcher, rule_program
rules, frame = [compile("udp"), compile("ip")], bytes(12) + bytes.fromhex("0800") + bytes(60)
record, onward = Table("record", "percpu_array", 4, 8, 1), Table("next", "prog_array", 4, 4, 1)
with maps.create(record) as one, maps.create(onward) as other:
    image = rule_program(rules, Onward(record, 0, onward, 0, 2))
    with programs.load(image, {"record": one, "next": other}) as program:
        print(program.test_run(frame).verdict, *(row[0] for row in one.lookup_all(ONLY) if row[0]))
    with programs.load(matcher(rules), {}) as program:
        print(program.test_run(frame).verdict, importlib.util.find_spec("numba"))
"""

pytestmark = [
    pytest.mark.skipif(not find_spec("hatchling"), reason="needs hatchling, to build the wheel"),
    pytest.mark.skipif(not find_spec("pip"), reason="needs pip, to install it"),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter whose environment holds our wheel and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    here([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder])
    [wheel] = folder.glob("*.whl")
    here([sys.executable, "-m", "venv", "--without-pip", folder / "venv"])
    bare = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", bare, "--disable-pip-version-check"]
    here([*pip, "install", "--quiet", "--no-index", "--no-deps", wheel])
    return bare


def here(command: list[object]) -> None:
    """Run a command that must work, in the project's folder."""
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def net() -> Iterator[Topology]:
    """Front and host are two machines, and there is a talker."""
    with topology.routed() as made, attach(made.near, PASS), talker(made.server, SERVER + SECOND, [TALK]):
        yield made


def test_nothing_else_can_be_imported(python: Path) -> None:
    assert json.loads(run([python, "-I", "-c", MISSING], None, timeout=PATIENCE).stdout) == []


def test_what_is_imported_is_pythons_own_or_ours(python: Path) -> None:
    file, modules = json.loads(run([python, "-I", "-c", FOUND], None, timeout=PATIENCE).stdout)
    assert Path(file).is_relative_to(python.parents[1])
    roots = {name.partition(".")[0] for name in modules} - {"__main__", "hardtack"}
    assert roots <= sys.stdlib_module_names | {"sitecustomize", "usercustomize"}
    assert not any(name.startswith("hardtack.compiler") for name in modules)


def test_rules_need_llvmlite_and_libpcap_alone(python: Path, tmp_path: Path) -> None:
    for folder in Path(llvmlite.__file__).parents[1].glob("llvmlite*"):
        (tmp_path / folder.name).symlink_to(folder)
    assert run([python, "-I", "-c", RULES, tmp_path], None, timeout=PATIENCE).stdout == b"2 2\n2 None\n"


@pytest.fixture(scope="module")
def hardtack(python: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The command, where beside the wheel is what `pip install hardtack` brings, and no more."""
    folder = tmp_path_factory.mktemp("required")
    (wheel,) = python.parents[1].glob("lib/python*/site-packages/hardtack-*.dist-info")
    for needed in required(Distribution.at(wheel)).values():
        for name in {file.parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
            (folder / name).symlink_to(Path(str(needed.locate_file(name))))
    begin = f"import sys; sys.path.append({str(folder)!r})"
    assert run([python, "-I", "-c", f"{begin}; {FEWER}"], None, timeout=PATIENCE).stdout == b"[]\n"
    return [python, "-I", "-c", f"{begin}; from hardtack.cli import main; main()"]


def required(package: Distribution) -> dict[str, Distribution]:
    """What a package needs, by name, without extras; and what that needs."""
    found: dict[str, Distribution] = {}
    wanted = [*(package.requires or ())]
    while wanted:
        needed = Requirement(wanted.pop())
        name = canonicalize_name(needed.name)
        if name not in found and (not needed.marker or needed.marker.evaluate({"extra": ""})):
            found[name] = distribution(name)
            wanted += found[name].requires or ()
    return found


def test_a_front_without_numba_has_rules(net: Topology, hardtack: list[object], tmp_path: Path) -> None:
    """They act, are counted, and come by reload, for which the helper makes a program."""

    def settings(*rules: str) -> Path:
        host: dict[str, Value] = {"name": "one", "addresses": SERVER, "via": "kernel", "ports": [TALK], "rules": rules}
        return configuration(tmp_path, net.outside, [host])

    def counted() -> dict[str, int]:
        (attached,) = json.loads(run([*hardtack, "status", "--json"], net.front, timeout=PATIENCE).stdout)["attached"]
        return {rule["rule"]: rule["frames"] for rule in attached["rules"]}

    drop, later = (f"drop udp and dst port {port}" for port in SPARE[:2])
    with Process([*hardtack, "front", settings(drop, "count udp")], net.front) as front:
        front.wait_for("ready", PATIENCE)
        for address in ADDRESSES.values():
            assert [delivered(net.client, net.server, address, port) for port in SPARE[:2]] == [0, MANY]
        assert counted() == {drop: 2 * MANY, "count udp": 2 * MANY}
        settings(drop, later, "count udp")
        front.wait_for("reloaded by=file", PATIENCE)
        assert [delivered(net.client, net.server, address, SPARE[1]) for address in ADDRESSES.values()] == [0, 0]
        assert counted()[later] == 2 * MANY
    assert run([*hardtack, "detach", "--interface", net.outside.name], net.front, timeout=PATIENCE).returncode == 0


def test_it_serves(net: Topology, python: Path, tmp_path: Path) -> None:
    configuration = write_configuration(net, tmp_path)
    command = [python, "-I", "-m", "hardtack.agent", "-i", net.far.name, "--key", tmp_path / "key"]
    with Process(command, net.server) as agent, Process(front_command(configuration), net.front) as front:
        agent.wait_for("ready", PATIENCE)
        front.wait_for("ready", PATIENCE)
        for address in ADDRESSES.values():
            facts = server_socket(net.client, address, TALK, timeout=PATIENCE)
            assert facts["timestamps"] and facts["sack"] and facts["window_scaling"]
            download(net.client, address, TALK, 5_000_000, timeout=PATIENCE)
        assert agent.stop() == 0
    assert "admitted=4 bad_cookie=0" in agent.lines[-1]
