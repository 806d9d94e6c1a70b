"""The Debian packages: built, checked by lintian, installed, upgraded, removed, purged in clean roots."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_ground import needs_root

from service.clean_root import TOOLS, Clean, built, clean, libpcap, of

PLACES = ("etc/hardtack", "etc/default/hardtack-agent", "usr/lib/hardtack", "usr/sbin/hardtack", "usr/sbin/hardtack-agent")

pytestmark = [
    needs_root,
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
]


@pytest.fixture(scope="module")
def packages() -> Path:
    """Where they are."""
    return built()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clean]:
    """One clean root for all tests, in their order: each leaves it as it was."""
    with clean(tmp_path_factory.mktemp("debian")) as made:
        yield made


def test_lintian_has_nothing_to_say(packages: Path) -> None:
    line = ["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning"]
    done = subprocess.run([*line, of(packages, "hardtack-agent")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_an_agent_where_nothing_but_python_is(packages: Path, root: Clean) -> None:
    """Installed, upgraded, removed, purged; what somebody has written into its file stays until then."""
    root.install(of(packages, "hardtack-agent"))
    assert root.does("hardtack-agent", "--version") == "hardtack 0.1.0\n"
    (root.path / "etc/default/hardtack-agent").write_text("HARDTACK_AGENT=--window-scale=9\n")
    root.install(of(packages / "next", "hardtack-agent"))
    assert root.does("hardtack-agent", "--version") == "hardtack 0.1.1\n"
    assert (root.path / "usr/lib/hardtack/hardtack/agent/__pycache__").is_dir()
    root.does("dpkg", "--remove", "hardtack-agent")
    assert not (root.path / "usr/lib/hardtack").exists()
    assert "window-scale" in (root.path / "etc/default/hardtack-agent").read_text()
    root.does("dpkg", "--purge", "hardtack-agent")
    assert not [place for place in PLACES if (root.path / place).exists()]


def test_what_a_front_comes_with(packages: Path, root: Clean) -> None:
    """Commands, pages, completions, an example that is good; and no trace of it afterwards."""
    root.install(*libpcap(), of(packages, "hardtack-agent"), of(packages, "hardtack"))
    assert root.does("hardtack", "--version") == "hardtack 0.1.0\n"
    root.does("hardtack", "key", "/etc/hardtack/key")
    told = root.does("hardtack", "check", "/etc/hardtack/hardtack.toml.example")
    assert all(name in told for name in ("web", "mail", "shop"))
    pages = {path.name for path in root.path.glob("usr/share/man/man[58]/*")}
    assert {"hardtack.8.gz", "hardtack-status.8.gz", "hardtack-agent.8.gz", "hardtack.toml.5.gz"} <= pages
    for path in root.path.glob("usr/share/man/man[58]/hardtack*"):
        text = gzip.decompress(path.read_bytes())
        done = subprocess.run(["man", "--warnings", "-l", "-"], input=text, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), path.name
    completions = ("bash-completion/completions/hardtack", "zsh/vendor-completions/_hardtack")
    assert all("_HARDTACK_COMPLETE" in (root.path / "usr/share" / one).read_text() for one in completions)
    assert "status" in root.does("env", "_HARDTACK_COMPLETE=complete_fish", "_TYPER_COMPLETE_ARGS=hardtack st",
                                 "_TYPER_COMPLETE_FISH_ACTION=get-args", "hardtack")  # fmt: skip
    unit = (root.path / "usr/lib/systemd/system/hardtack-front.service").read_text()
    assert "ExecStart=/usr/bin/env --ignore-signal=HUP /usr/sbin/hardtack front " in unit
    assert "ExecReload=/usr/sbin/hardtack reload" in unit
    root.does("dpkg", "--purge", "hardtack", "hardtack-agent")
    assert [path.name for path in (root.path / "etc/hardtack").iterdir()] == ["key"]  # which no package has brought
    shutil.rmtree(root.path / "etc/hardtack")
    assert not [place for place in PLACES if (root.path / place).exists()]
