"""Debian's packages: found and fetched by apt under a configuration of its own, unpacked, never installed.

apt knows nothing of what this machine has installed, so it names all that a package depends on; and it writes nowhere but
into a folder of ours. The mirror is the one that this machine's apt uses, or $DEBIAN.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardtack.lab.machines.kernels import SUITES, Arch
from hardtack.lab.namespaces import LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FRESH = 86_400.0  # s for which package lists are not fetched anew
MERGED = ("bin", "sbin", "lib", "lib64")  # links into /usr
INSTALL = re.compile(r"^Inst (?P<name>\S+) (?:\[\S+\] )?\((?P<version>\S+) [^[]*\[(?P<arch>\w+)\]\)", re.MULTILINE)

CONFIGURATION = """\
Dir "{folder}";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc "{folder}/etc";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""


@dataclass(frozen=True)
class Package:
    """One package, to the version."""

    name: str
    version: str
    arch: str

    def __str__(self) -> str:
        """As apt takes it."""
        return f"{self.name}:{self.arch}={self.version}"


def installs(told: str) -> list[Package]:
    """The packages that `apt-get --simulate install` would install."""
    return [Package(match["name"], match["version"], match["arch"]) for match in INSTALL.finditer(told)]


class Archive:
    """apt, its lists and what was unpacked, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._configuration = folder / "apt" / "apt.conf"
        self._refresh()

    def resolve(self, suite: str, names: Sequence[str], arch: Arch) -> list[Package]:
        """The packages and all that they depend on."""
        told = self._apt(f"-oAPT::Architecture={arch}", "--simulate", "-qq", "-t", suite, "install", *names)
        return installs(told)

    def unpacked(self, label: str, packages: Sequence[Package]) -> Path:
        """A folder with the packages' files, as they would lie under /. They are fetched if it is not there yet."""
        digest = hashlib.sha256("\n".join(sorted(map(str, packages))).encode()).hexdigest()[:12]
        tree = self.folder / "trees" / f"{label}-{digest}"
        if not tree.is_dir():
            with tempfile.TemporaryDirectory(dir=self.folder, prefix="fetching-") as scratch:
                self._apt("-qq", "download", *map(str, packages), cwd=scratch)
                made = Path(scratch, "tree")
                unpack(sorted(Path(scratch).glob("*.deb")), made)
                for old in tree.parent.glob(f"{label}-*"):  # and the images that were made of it
                    shutil.rmtree(old) if old.is_dir() else old.unlink()
                tree.parent.mkdir(exist_ok=True)
                made.rename(tree)
        return tree

    def _refresh(self) -> None:
        lists = self._configuration.parent / "state" / "lists"
        sources = self._configuration.parent / "etc" / "sources.list"
        if sources.exists() and time.time() - sources.stat().st_mtime < FRESH:
            return
        if not KEYRING.exists():
            raise LabError(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
        address = mirror()
        for part in ("etc/apt.conf.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"):
            (self._configuration.parent / part).mkdir(parents=True, exist_ok=True)
        (lists.parents[1] / "status").touch()
        self._configuration.write_text(CONFIGURATION.format(folder=self._configuration.parent))
        written = "".join(f"deb [signed-by={KEYRING}] {address} {suite} main\n" for suite in SUITES)
        fresh = sources.with_suffix(".new")
        fresh.write_text(written)
        self._apt("-qq", f"-oDir::Etc::sourcelist={fresh}", "update")
        fresh.rename(sources)

    def _apt(self, *words: str, cwd: str | None = None) -> str:
        return run(["apt-get", *words], cwd=cwd, env={**os.environ, "APT_CONFIG": str(self._configuration)})


def mirror() -> str:
    """Where this machine's apt gets Debian from, unless $DEBIAN says where. LabError if neither is known."""
    if named := os.environ.get("DEBIAN"):
        return named
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise LabError("no apt here; `make kernels` takes Debian's packages by apt and dpkg-deb (it installs none of them)")
    told = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages", "Origin: Debian"])
    found = [line.split()[0] for line in told.splitlines() if line.split()[1:] == ["Debian"]]
    if not found:
        raise LabError("apt here knows no mirror of Debian's main archive: run `apt-get update`, or name one as DEBIAN=...")
    return found[0]


def unpack(debs: Iterable[Path], tree: Path) -> None:
    """All files of the packages below `tree`, in which /bin, /lib and so on are links into /usr."""
    for name in MERGED:
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    for deb in debs:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as opened:
            run(["tar", "-x", "--keep-directory-symlink", "-C", str(tree), "-f", "-"], stdin=opened.stdout)


def run(command: Sequence[str], **how: object) -> str:
    """What a command printed. LabError with what it complained of, unless it succeeds."""
    done = subprocess.run([*command], capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload]
    if done.returncode:
        raise LabError(f"{' '.join(command[:4])} ... failed: {done.stderr.strip() or done.stdout.strip()}")
    return str(done.stdout)
