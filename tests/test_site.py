"""`make docs`: the site is built without a warning, has all documents, and fetches nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from hardtack.cli.app import app
from hardtack.control.configuration import advice

ROOT = Path(__file__).parents[1]
FETCHED = re.compile(r"""(?:<script[^>]*\ssrc|<link[^>]*\shref|<img[^>]*\ssrc)=["'](?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with --strict: a link or an anchor that leads nowhere is a failure."""
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    around = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=around, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr and "ERROR" not in done.stderr, done.stderr
    return place


def test_every_document_is_in_the_site(site: Path) -> None:
    wanted = {path.stem for path in ROOT.glob("docs/*.md")} | {"index", "architecture", "contributing", "changelog", "bench"}
    listed = (ROOT / "mkdocs.yml").read_text()
    for name in wanted | {"cli", "keys"}:
        assert (site / f"{name}.html").exists(), name
        assert f" {name}.md" in listed, f"mkdocs.yml: nav has no {name}.md"


def test_the_reference_is_that_of_the_code(site: Path) -> None:
    commands, keys = ((site / f"{name}.html").read_text() for name in ("cli", "keys"))
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f'id="hardtack-{name}"' in commands
        assert all(one.opts[0] in commands for one in command.params if one.opts[0].startswith("--"))
    assert all(f"<code>{key}</code>" in keys for table in ("front", "host", "metrics") for key in advice.known(table))


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not FETCHED.search(page.read_text(encoding="utf-8")), page.name
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", text), sheet.name
