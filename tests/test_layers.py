"""The shape of the source: imports go down only, each library has its place, and files stay small."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
LONGEST_FILE = 350  # lines

# From the top: a module may import from its own package and from lower rows.
LAYERS = (
    ("hardtack.__main__",),
    ("hardtack.cli",),
    ("hardtack.lab",),
    ("hardtack.control",),
    ("hardtack.engines", "hardtack.agent", "hardtack.captures"),
    ("hardtack.packet.worker",),
    ("hardtack.packet.burst",),
    (
        "hardtack.packet.front",
        "hardtack.packet.inside",
        "hardtack.packet.agent",
        "hardtack.packet.sweep",
        "hardtack.packet.seed",
        "hardtack.packet.steer",
        "hardtack.packet.relay",
    ),
    ("hardtack.packet.decide",),
    ("hardtack.packet.judge", "hardtack.packet.out"),
    ("hardtack.packet.state", "hardtack.packet.host"),
    ("hardtack.packet.cookie",),
    ("hardtack.packet.frame",),
    ("hardtack.packet", "hardtack.pcap", "hardtack.diagnosis"),
    ("hardtack.compiler",),
    ("hardtack.kernel",),
    ("hardtack.keys", "hardtack.prebuilt", "hardtack.journal"),
    ("hardtack.image",),
    ("hardtack.notify", "hardtack.quota", "hardtack.mistake", "hardtack.printable", "hardtack.secret_file", "hardtack"),
)
RANKS = {name: rank for rank, row in enumerate(LAYERS) for name in row}

# Library -> who may import it. Whatever is not named here is nobody's.
LIBRARIES = {
    "elftools": ("hardtack.compiler",),
    "llvmlite": ("hardtack.compiler", "hardtack.pcap"),
    "httpx": ("hardtack.control.events", "hardtack.control.metrics"),
    "matplotlib": ("hardtack.lab",),
    "numba": ("hardtack.compiler", "hardtack.packet"),
    "numpy": (
        *("hardtack.captures", "hardtack.compiler", "hardtack.packet", "hardtack.control", "hardtack.lab"),
        "hardtack.engines.worker_memory",
    ),
    "prometheus_client": ("hardtack.control.metrics",),
    "pydantic": ("hardtack.control.configuration",),
    "pyroute2": ("hardtack.lab",),
    "rich": ("hardtack.cli", "hardtack.lab"),
    "textual": ("hardtack.cli.live",),
    "typer": ("hardtack.cli",),
    "watchfiles": ("hardtack.control.helper",),
}
# Needs nothing but Python, whatever the table above says.
BARE = (
    "hardtack.agent",
    "hardtack.diagnosis",
    "hardtack.image",
    "hardtack.journal",
    "hardtack.keys",
    "hardtack.mistake",
    "hardtack.notify",
    "hardtack.packet.entries",
    "hardtack.packet.reasons",
    "hardtack.packet.host.round_lo",
    "hardtack.prebuilt",
    "hardtack.printable",
    "hardtack.quota",
    "hardtack.secret_file",
)


def modules(source: Path = SOURCE) -> dict[str, Path]:
    """Every module under `source` and its file."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, lazy: bool = True) -> Iterator[tuple[int, str]]:
    """Line and full name of each import in a module; with `lazy` also those that run later or for type checkers."""
    nodes = ast.walk(ast.parse(path.read_text())) if lazy else eager(ast.parse(path.read_text()))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            package = name if path.stem == "__init__" else name.rpartition(".")[0]
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:  # `from package import module` imports package.module, if there is one
                yield node.lineno, f"{base}.{alias.name}" if f"{base}.{alias.name}" in KNOWN else base


def eager(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from eager(child)


def inside(name: str, packages: tuple[str, ...]) -> bool:
    """Whether `name` is one of `packages` or in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def layer(name: str) -> str:
    """The innermost entry of LAYERS that `name` belongs to."""
    while name not in RANKS:
        name = name.rpartition(".")[0]
    return name


def wrong(name: str, imported: str) -> str:
    """Why module `name` may not import `imported`; empty if it may."""
    top = imported.partition(".")[0]
    if top == "hardtack":
        ours, theirs = layer(name), layer(imported)
        if theirs == "hardtack" and imported != "hardtack":
            return "a module that no layer has"
        return "" if ours == theirs or RANKS[theirs] > RANKS[ours] else f"{theirs} is not below {ours}"
    if top in sys.stdlib_module_names:
        return ""
    if inside(name, BARE) or not inside(name, LIBRARIES.get(top, ())):
        return f"{top} has no place here"
    return ""


KNOWN = modules()


@pytest.mark.parametrize("name", KNOWN)
def test_imports_go_down_only(name: str) -> None:
    complaints = [
        f"{KNOWN[name]}:{line}: imports {imported}: {complaint}"
        for line, imported in imports(name, KNOWN[name])
        if (complaint := wrong(name, imported))
    ]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("name", "imported", "allowed"),
    [
        ("hardtack.cli.front", "hardtack.control.run", True),
        ("hardtack.control.run", "hardtack.cli.front", False),
        ("hardtack.agent.run", "hardtack.keys", True),
        ("hardtack.agent.run", "hardtack.control.configuration", False),
        ("hardtack.agent.run", "hardtack.engines.xdp", False),
        ("hardtack.engines.worker_memory", "numpy", True),
        ("hardtack.engines.xdp", "numpy", False),
        ("hardtack.kernel.bpf", "numpy", False),
        ("hardtack.kernel.netlink", "pyroute2", False),
        ("hardtack.captures.reading", "hardtack.packet.front", True),
        ("hardtack.captures.reading", "hardtack.control.plan", False),
        ("hardtack.packet.decide", "numba", True),
        ("hardtack.packet.decide", "llvmlite", False),
        ("hardtack.pcap.emit", "llvmlite", True),
        ("hardtack.pcap.emit", "numba", False),
        ("hardtack.packet.reasons", "numpy", False),
        ("hardtack.keys", "pydantic", False),
        ("hardtack.image", "hardtack.kernel.bpf", False),
        ("hardtack.image", "json", True),
        ("hardtack.kernel.bpf", "hardtack.misteak", False),
    ],
)
def test_the_rules_themselves(name: str, imported: str, allowed: bool) -> None:
    assert (wrong(name, imported) == "") == allowed


def test_relative_and_lazy_imports_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "front.py"
    file.write_text("from . import tables\nfrom ..cli import main\ndef f():\n    import numba\n")
    assert [*imports("hardtack.control.front", file)] == [
        (1, "hardtack.control.tables"),
        (2, "hardtack.cli"),
        (4, "numba"),
    ]
    assert (4, "numba") not in [*imports("hardtack.control.front", file, lazy=False)]


def test_nothing_in_agent_needs_a_compiler() -> None:
    """Importing the agent runs, packages' own files included, only the standard library and this project."""
    waiting = [name for name in KNOWN if inside(name, ("hardtack.agent",))]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in KNOWN:
            continue
        seen.add(name)
        waiting.append(name.rpartition(".")[0])
        for line, imported in imports(name, KNOWN[name], lazy=False):
            top = imported.partition(".")[0]
            assert top == "hardtack" or top in sys.stdlib_module_names, f"{KNOWN[name]}:{line}: {imported}"
            assert not inside(imported, ("hardtack.compiler",)), f"{KNOWN[name]}:{line}: {imported}"
            waiting.append(imported)


@pytest.mark.parametrize("path", KNOWN.values(), ids=str)
def test_no_file_outgrows_one_idea(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST_FILE, f"{path}: {lines} lines; is there more than one idea in it?"
