"""A clean Debian as debootstrap makes it, kept between runs, and copies of it to install packages into."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import run

ROOT = Path(__file__).parents[2]
CACHE = Path.home() / ".cache/hardtack-test"
SOURCES = Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")
TOOLS = ("debootstrap", "lintian", "dpkg-deb")  # what tests of packages need
LIBPCAP = ("libpcap0.8", "libdbus-1-3")  # what a front needs beside Python, and what that needs: not in the agent's root
PATIENCE = 600  # s
# The kernel's file systems are the machine's own, so that what is pinned stays; everything else is the root's
ENTER = """
mount --make-rprivate /
for place in proc sys dev; do mount --rbind /$place {root}/$place; done
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb {variables} chroot {root} {command}
"""


def archive() -> tuple[str, str]:
    """Debian's mirror and suite, as apt has them here."""
    for path in SOURCES:
        text = path.read_text() if path.exists() else ""
        if (uri := re.search(r"^URIs: *(\S+)", text, re.M)) and (suite := re.search(r"^Suites: *(\S+)", text, re.M)):
            return uri[1], suite[1]
        if line := re.search(r"^deb (?:\[[^]]*\] )?(\S+) (\S+)", text, re.M):
            return line[1], line[2]
    raise AssertionError("no Debian archive in apt's sources")


def base() -> Path:
    """The clean one: Python and what is essential. Half a minute's work the first time, and whatever the network takes."""
    mirror, suite = archive()
    made, draft = CACHE / f"root-{suite}", CACHE / f"draft-{os.getpid()}"
    if not made.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        line = ["debootstrap", "--variant=minbase", "--include=python3", suite, str(draft), mirror]
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        draft.rename(made)
    return made


@dataclass(frozen=True)
class Clean:
    """A copy of it."""

    path: Path

    def command(self, *words: str, **variables: str) -> list[str]:
        """What runs a command in it."""
        told = shlex.join(f"{name}={value}" for name, value in variables.items())
        text = ENTER.format(root=shlex.quote(str(self.path)), variables=told, command=shlex.join(words))
        return ["unshare", "--mount", "sh", "-ec", text]

    def run(self, *words: str, net: Namespace | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run one to its end."""
        return run(self.command(*words), net, timeout=PATIENCE)

    def does(self, *words: str, net: Namespace | None = None) -> str:
        """The same; it must succeed. What it prints."""
        done = self.run(*words, net=net)
        assert done.returncode == 0, f"{words}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode()

    def install(self, *packages: Path, net: Namespace | None = None) -> str:
        """By dpkg alone: there is nothing but these files."""
        for package in packages:
            shutil.copy(package, self.path / "tmp")
        return self.does("dpkg", "--install", *(f"/tmp/{one.name}" for one in packages), net=net)


@contextmanager
def clean(folder: Path) -> Iterator[Clean]:
    """One of them, which goes with the block."""
    path = folder / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", base(), path], check=True)
    try:
        yield Clean(path)
    finally:
        shutil.rmtree(path)


def libpcap() -> list[Path]:
    """Debian's packages of it, fetched once."""
    folder = CACHE / "debs"
    folder.mkdir(parents=True, exist_ok=True)
    found = [[*folder.glob(f"{name}_*.deb")] for name in LIBPCAP]
    if not all(found):
        line = ["apt-get", "download", "-q", *LIBPCAP]
        subprocess.run(line, cwd=folder, check=True, capture_output=True, timeout=PATIENCE)
        found = [[*folder.glob(f"{name}_*.deb")] for name in LIBPCAP]
    return [sorted(one)[-1] for one in found]


def built() -> Path:
    """A folder with this checkout's packages, and the same as 0.1.1 in `next`; built anew when their sources are others."""
    folder, draft = CACHE / f"packages-{state()}", CACHE / f"draft-{os.getpid()}"
    if not folder.exists():
        for old in (*CACHE.glob("packages-*"), draft):
            shutil.rmtree(old, ignore_errors=True)
        variables = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        line = [sys.executable, str(ROOT / "packages/deb.py"), str(draft), "--fast"]
        done = subprocess.run(line, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        for package in [*draft.glob("*.deb")]:
            raised(package, draft)
        draft.rename(folder)
    return folder


def of(folder: Path, name: str) -> Path:
    """The package of a name."""
    (found,) = folder.glob(f"{name}_*.deb")
    return found


def raised(package: Path, folder: Path) -> None:
    """The same package as version 0.1.1: it says so, and nothing else in it is another."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("0.1.0", "0.1.1"))
    for path in tree.glob("usr/lib/hardtack/hardtack/__init__.py"):
        path.write_text(path.read_text().replace("0.1.0", "0.1.1"))
    (folder / "next").mkdir(exist_ok=True)
    line = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(folder / "next")]
    subprocess.run(line, check=True, capture_output=True)
    shutil.rmtree(tree)


def state() -> str:
    """A hash of all that packages are made of."""
    digest = hashlib.sha256()
    files = [ROOT / name for name in ("pyproject.toml", "requirements.txt", "hatch_build.py", "LICENSE", "scripts/locked")]
    files.append(ROOT / "docs/configuration.md")
    for folder in ("src", "etc", "packages"):
        files += [path for path in sorted((ROOT / folder).rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    for path in files:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
