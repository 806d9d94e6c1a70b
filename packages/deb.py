"""Builds the Debian packages: `deb.py FOLDER`. Reproducible: the same sources, the same bytes.

    hardtack-agent   what runs on a host: /usr/lib/hardtack, as far as Python alone is enough
    hardtack         the front and all commands: the rest of /usr/lib/hardtack, and in /usr/lib/hardtack/site the Python
                     packages of requirements.txt at the versions that the tests ran with; Debian 12's are older

Made of the wheel, by dpkg-deb. To be run by .venv-build (scripts/setup --build).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.utils import formatdate
from pathlib import Path

import man

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packages"
LIBRARY, SITE = Path("usr/lib/hardtack"), Path("usr/lib/hardtack/site")
# Of the wheel's package `hardtack`, what the front alone has. The packet programs' sources are the agent's: it compares
# their hash with that of the program that came along.
FRONTS = ("captures", "cli", "control", "engines", "examples", "lab", "pcap")
MAINTAINER = "Hardtack developers <hardtack@localhost>"
CONTROL = """\
Package: {name}
Version: {version}
Section: net
Priority: optional
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: {depends}
Description: {description}
"""
AGENT_TEXT = """SYN-flood protection: the part on a protected host
 Turns the cookies that clients return from a hardtack front into
 connections, in the kernel (Linux 6.9 or newer). Needs only Python."""
FRONT_TEXT = """SYN-flood protection: the front that faces the internet
 Answers every SYN for the hosts that it protects with a cookie that costs
 no memory, in the network driver, and forwards only clients that return
 it. Also the commands that show and check what it does."""
FRONT_SCRIPT = """#!/usr/bin/python3 -I
import sys

sys.path[:0] = ["/usr/lib/hardtack", "/usr/lib/hardtack/site"]

from hardtack.cli import main

main()
"""
DEFAULTS = """# Options of every agent here, as --window-scale=9: see hardtack-agent(8)
HARDTACK_AGENT=
"""
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: hardtack's authors
License: Expat
"""
AGENT_SCRIPT = """#!/usr/bin/python3 -I
import signal
import sys

signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the agent heeds it
sys.path.insert(0, "/usr/lib/hardtack")

from hardtack.agent.__main__ import main

sys.exit(main())
"""


class Tree:
    """The files of one package, in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.path = name, folder / name
        self.path.mkdir(parents=True)

    def write(self, place: Path | str, content: str | bytes, mode: int = 0o644) -> None:
        """A file."""
        path = self.path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def compress(self, place: str, content: str) -> None:
        """A file of text that policy wants compressed."""
        self.write(place, gzip.compress(content.encode(), 9, mtime=0))

    def unit(self, name: str, program: str) -> None:
        """A unit, by the path of the program that the package has."""
        text = (ROOT / "etc/systemd" / name).read_text(encoding="utf-8")
        text = re.sub(r"(--ignore-signal=HUP) (python3 -P -m hardtack\.agent|hardtack)", rf"\1 {program}", text)
        self.write(f"usr/lib/systemd/system/{name}", text.replace("/usr/bin/env hardtack", program))


def agent_tree(wheel: Path, folder: Path, version: str) -> Tree:
    """`hardtack-agent`."""
    tree = Tree("hardtack-agent", folder)
    unpack(wheel, tree, fronts=False)
    tree.write("usr/sbin/hardtack-agent", AGENT_SCRIPT, 0o755)
    tree.unit("hardtack-agent@.service", "/usr/sbin/hardtack-agent")
    tree.unit("hardtack.target", "")
    for place in ("sysusers.d", "tmpfiles.d"):
        tree.write(f"usr/lib/{place}/hardtack.conf", (ROOT / "etc" / place / "hardtack.conf").read_bytes())
    tree.write("etc/default/hardtack-agent", DEFAULTS)
    tree.compress("usr/share/man/man8/hardtack-agent.8.gz", man.agent_page())
    finish(tree, version, "agent", ["/etc/default/hardtack-agent"])
    return tree


def front_tree(wheel: Path, folder: Path, version: str) -> Tree:
    """`hardtack`."""
    tree = Tree("hardtack", folder)
    unpack(wheel, tree, fronts=True)
    bundle(tree.path / SITE)
    tree.write("usr/sbin/hardtack", FRONT_SCRIPT, 0o755)
    tree.unit("hardtack-front.service", "/usr/sbin/hardtack")
    tree.write("etc/hardtack/hardtack.toml.example", (ROOT / "etc/hardtack.toml").read_bytes())
    for name, text in man.pages().items():
        tree.compress(f"usr/share/man/man{name[-1]}/{name}.gz", text)
    for place, shell in COMPLETIONS.items():
        tree.write(place, completion(shell))
    finish(tree, version, "front", ["/etc/hardtack/hardtack.toml.example"])
    return tree


COMPLETIONS = {
    "usr/share/bash-completion/completions/hardtack": "bash",
    "usr/share/zsh/vendor-completions/_hardtack": "zsh",
    "usr/share/fish/vendor_completions.d/hardtack.fish": "fish",
}


def completion(shell: str) -> str:
    """For a shell: it asks `hardtack`."""
    from typer._completion_shared import get_completion_script

    return get_completion_script(prog_name="hardtack", complete_var="_HARDTACK_COMPLETE", shell=shell) + "\n"


def unpack(wheel: Path, tree: Tree, fronts: bool) -> None:
    """Of the wheel, what is the front's, or what is not."""
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            package, *rest = name.split("/")
            is_fronts = rest[0] in FRONTS or rest == ["__main__.py"] or (rest[0] == "prebuilt" and rest[1] != "agent.json")
            if package == "hardtack" and is_fronts == fronts:
                tree.write(LIBRARY / name, files.read(name))


def bundle(place: Path) -> None:
    """The Python packages that a front needs, at the locked versions and with their hashes."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(subprocess.run([ROOT / "scripts/locked", "runtime"], check=True, capture_output=True, text=True).stdout)
        wanted.flush()
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--target", str(place)]
        how = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile", "-r", wanted.name]
        subprocess.run([*pip, *how], check=True)
    shutil.rmtree(place / "bin", ignore_errors=True)
    for path in [*place.rglob("*")]:
        if path.name in ("tests", "include", "__pycache__") and path.is_dir():  # nothing that a front runs
            shutil.rmtree(path)
        elif path.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json") and path.parent.suffix == ".dist-info":
            path.unlink()  # pip's, which manages nothing here
    for path in place.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def finish(tree: Tree, version: str, kind: str, conffiles: list[str]) -> None:
    """Documents, and what dpkg reads."""
    name, doc = tree.name, f"usr/share/doc/{tree.name}"
    copyright_text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    licence = "\n".join(f" {line}" if line else " ." for line in copyright_text.splitlines())
    tree.write(f"{doc}/copyright", f"{COPYRIGHT}{licence}\n")
    date = formatdate(float(epoch()), localtime=False)
    entry = f"hardtack ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {MAINTAINER}  {date}\n"
    tree.compress(f"{doc}/changelog.gz", entry)
    overrides = HERE / f"{name}.lintian"
    if overrides.is_file():
        tree.write(f"usr/share/lintian/overrides/{name}", overrides.read_bytes())
    for path in sorted(tree.path.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    sums = [f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(tree.path)}" for p in files_of(tree)]
    size = sum(p.stat().st_size for p in files_of(tree)) // 1024 + 1
    architecture, depends, text = about(kind, version)
    facts = {"name": name, "version": version, "architecture": architecture, "maintainer": MAINTAINER, "size": size}
    tree.write("DEBIAN/control", CONTROL.format(**facts, depends=depends, description=text))
    tree.write("DEBIAN/conffiles", "".join(f"{one}\n" for one in conffiles))
    tree.write("DEBIAN/md5sums", "".join(f"{line}\n" for line in sums if "  etc/" not in line))
    for script in ("postinst", "prerm"):
        tree.write(f"DEBIAN/{script}", (HERE / f"scripts/{kind}.{script}").read_bytes(), 0o755)
    tree.write("DEBIAN/postrm", (HERE / "scripts/postrm").read_bytes(), 0o755)


def about(kind: str, version: str) -> tuple[str, str, str]:
    """Architecture, what it depends on, and the description."""
    if kind == "agent":
        return "all", "python3 (>= 3.11)", AGENT_TEXT
    machine = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    this, after = sys.version_info[1], sys.version_info[1] + 1  # compiled Python packages are for one version
    python = f"python3 (>= 3.{this}), python3 (<< 3.{after})"
    return machine, f"hardtack-agent (= {version}), {python}, libc6 (>= 2.34), libpcap0.8 (>= 1.10)", FRONT_TEXT


def files_of(tree: Tree) -> list[Path]:
    """All but dpkg's own."""
    return [path for path in sorted(tree.path.rglob("*")) if path.is_file() and "DEBIAN" not in path.parts]


def epoch() -> str:
    """When the sources were committed, unix time: reproducible-builds.org's SOURCE_DATE_EPOCH."""
    if found := os.environ.get("SOURCE_DATE_EPOCH"):
        return found
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0"


def main() -> None:
    """As the docstring says."""
    parser = argparse.ArgumentParser(description="Build the Debian packages of front and agent.")
    parser.add_argument("folder", type=Path, help="where to put them")
    parser.add_argument("--wheel", type=Path, help="a wheel that is there already; without: one is built")
    parser.add_argument("--fast", action="store_true", help="compress less: for tests")
    given = parser.parse_args()
    os.environ["SOURCE_DATE_EPOCH"] = epoch()
    os.umask(0o022)
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hardtack-deb-") as made:
        folder = Path(made)
        if not given.wheel:
            build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", made]
            subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        wheel = given.wheel or next(folder.glob("*.whl"))
        version = wheel.name.split("-")[1]
        for tree in (agent_tree(wheel, folder, version), front_tree(wheel, folder, version)):
            how = ["-Zgzip", "-z1"] if given.fast else ["-Zxz"]
            subprocess.run(["dpkg-deb", "--root-owner-group", *how, "--build", tree.path, given.folder], check=True)


if __name__ == "__main__":
    main()
