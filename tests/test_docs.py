"""The documents against the code: what they refer to exists, what exists is told, and their examples run."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from kernel_ground import needs_root
from naive import challenge, cookie
from naive.options import Offer
from typer.main import get_command

from hardtack import __version__
from hardtack.cli import shipped
from hardtack.cli.app import app
from hardtack.control import holdings, readout, search
from hardtack.control.attacks.entry import Attack
from hardtack.control.configuration import advice
from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import TABLES
from hardtack.kernel import features
from hardtack.packet.layout import Connection
from hardtack.packet.programs import SHIPPED
from hardtack.packet.proven_tables import Source
from hardtack.packet.reasons import Reason, Verdict, verdict

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "hardtack"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/**/*.md"), *SOURCE.glob("**/*.md")])
README, OPERATIONS = ROOT / "README.md", ROOT / "docs" / "operations.md"
COMMANDS, COUNTERS = [ROOT / "docs" / name for name in ("commands.md", "inspecting.md")], ROOT / "docs" / "counters.md"
CONFIGURATION, COOKIE = ROOT / "docs" / "configuration.md", ROOT / "docs" / "cookie.md"
PROGRAMS, LAB = ROOT / "docs" / "packet-programs.md", ROOT / "docs" / "lab.md"

MADE = ("dist/", "out/")  # by make: not in a fresh clone
HOSTS = {"keepachangelog.com", "semver.org"}  # on the web; what a document needs, it says itself
SUFFIXES = "py|md|toml|service|txt|json|svg|png"
REFERENCE = re.compile(rf"`(\.?[\w@-][\w@.-]*(?:/[\w@.-]+)*(?:\.(?:{SUFFIXES})|/))(?:::(\w+))?`")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")

document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path: Path) -> str:
    """The document as people read it, code included."""
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """The fenced code of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text_of(path), re.DOTALL)


def rows(path: Path) -> Iterator[list[str]]:
    """The cells of every table row."""
    return rows_of(text_of(path))


def rows_of(text: str) -> Iterator[list[str]]:
    """The same, of a part of a document."""
    for line in text.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def anchors(path: Path) -> set[str]:
    """What can be linked to in a document: its headings, as GitHub names them, and names that headings had before."""
    headings = re.findall(r"^#+ (.*)$", text_of(path), re.MULTILINE)
    former = re.findall(r'<a id="([\w-]+)"></a>', text_of(path))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings} | {*former}


def test_there_are_documents() -> None:
    assert {README, OPERATIONS, CONFIGURATION, COOKIE, PROGRAMS, LAB} <= set(DOCUMENTS)


@document
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(text_of(path)):
        if link.startswith("https://"):
            assert link.split("/")[2] in HOSTS, link
            continue
        place, _, anchor = link.partition("#")
        target = path.parent / place if place else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@document
def test_files_and_tests_referred_to_exist(path: Path) -> None:
    for name, test in REFERENCE.findall(text_of(path)):
        if name.startswith(MADE) or name in ("demo.png", "demo.json", "bench.json", "bench.png", "bench.svg", "versions.py"):
            continue
        found = [base / name for base in (ROOT, path.parent, SOURCE, ROOT / "src") if (base / name).exists()]
        # a bare name is one of the package's that the text is about
        found += SOURCE.rglob(name.rstrip("/")) if "/" not in name.rstrip("/") else []
        assert found, name
        assert not test or re.search(rf"^def {test}\(", text_of(found[0]), re.MULTILINE), f"{name}::{test}"


def test_documents_that_the_code_refers_to_exist() -> None:
    for path in [*SOURCE.rglob("*.py"), *ROOT.glob("tests/**/*.py")]:
        for name in re.findall(r"\b(?:docs|bench)/[\w-]+\.md\b|\b[A-Z]{4,}\.md\b", text_of(path)):
            assert (ROOT / name).exists(), f"{path}: {name}"


@document
def test_nothing_of_one_machine_only(path: Path) -> None:
    """No path of whoever wrote it, and no place to fetch packages from."""
    assert not re.findall(r"(?<![\w.])/(?:work|tmp|home|root|mnt)/|pypi|--(?:extra-)?index-url", text_of(path))


def test_the_agent_is_never_looked_for_in_the_working_directory() -> None:
    """Wherever its command is told, to people or to systemd, it has -P."""
    told = [*DOCUMENTS, *SOURCE.rglob("*.py"), *ROOT.glob("etc/**/*.service")]
    lines = [line for path in told for line in text_of(path).splitlines() if "-m hardtack.agent" in line]
    assert len(lines) > 9 and all("python3 -P -m hardtack.agent" in line for line in lines), lines


# Commands


def test_commands_of_the_readme_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = commands(README)
    assert {"make demo", "make test"} <= words
    assert {word.split()[1] for word in words if word.startswith("make ")} <= targets
    assert {word.split()[1] for word in words if word.startswith("hardtack ")} <= set(known())


def commands(path: Path) -> set[str]:
    """Program and first argument of every command on a line of its own."""
    return set(re.findall(r"^ {4}((?:make|hardtack) \w+)", text_of(path), re.MULTILINE))


def known() -> dict[str, list[str]]:
    """Each command and its options, all spellings."""
    group = get_command(app)
    found = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found[name] = [spelling for one in command.params for spelling in one.opts if spelling.startswith("-")]
    return found


def section(command: str) -> str:
    """What docs/commands.md or docs/inspecting.md has to say about a command."""
    text = "\n".join(map(text_of, COMMANDS))
    found = re.findall(rf"^## hardtack {command}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"one of {COMMANDS} wants a section on hardtack {command}"
    return str(found[0])


@pytest.mark.parametrize("name", known())
def test_every_command_and_option_has_its_words(name: str) -> None:
    told = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", section(name)))
    assert set(known()[name]) <= told
    assert {option for option in told if option.startswith("--")} <= {*known()[name], "--version"}


@document
def test_commands_are_written_as_they_are(path: Path) -> None:
    """Whatever stands on a line of its own as a command is one, with options that it has."""
    for line in re.findall(r"^ {4}(?:\$ )?(hardtack [a-z]+\b.*)$", text_of(path), re.MULTILINE):
        _, name, *rest = shlex.split(re.sub(r"[\[\]]|\.\.\.", " ", line), comments=True)
        assert name in known(), line
        options = {word for word in rest if word.startswith("--")}
        assert options <= {*known()[name], "--version"}, line


# Tables of the documents


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_is_told(reason: Reason) -> None:
    told = [cells for cells in rows(COUNTERS) if cells[0] == f"`{reason.name}`" and len(cells) == 6]
    assert len(told) == 1, f"docs/counters.md wants one row for {reason.name}: python scripts/reasons.py docs/counters.md"
    assert told[0][1:4] == [str(int(reason)), verdict(reason).name, reason.text]
    assert told[0][4] in ("front", "agent", "both")
    assert told[0][5]


def test_no_reason_is_told_that_is_not_there() -> None:
    names = {cells[0].strip("`") for cells in rows(COUNTERS) if len(cells) == 6 and cells[1].isdigit()}
    assert names == {reason.name for reason in Reason}


@pytest.mark.parametrize("one", Verdict, ids=lambda one: one.name)
def test_every_verdict_is_told(one: Verdict) -> None:
    assert [cells for cells in rows(COUNTERS) if cells[0] == one.name and len(cells) == 2]


def test_every_key_of_what_programs_read_is_told() -> None:
    """The JSON of status and connections is a contract, so it must be written down, and nothing that is not there."""
    shown = {field.name for field in fields(readout.Readout)}
    kinds = (readout.Attached, readout.Frames, readout.RuleFrames, readout.Handshake, readout.Reload)
    tables = (holdings.Connections, holdings.ProvenSources)
    inner = {field.name for kind in (*kinds, *tables, Attack) for field in fields(kind)}
    told = section("status")
    keys = [cells[0] for cells in rows_of(told) if cells[0].startswith('"')]
    assert {key for cell in keys for key in re.findall(r'"(\w+)"', cell)} == shown
    assert inner - {"interface"} <= {*re.findall(r'"(\w+)"', told)}
    assert all(f"`{field.name}`" in told for field in fields(readout.Snapshot))
    (row,) = search.Found("eth0", np.zeros(1, Connection), 1, 0, []).told(None)
    assert {*row} <= {*re.findall(r"`(\w+)`", section("connections"))}
    (row,) = search.FoundSources("eth0", np.zeros(1, Source), 1, 0).told(None)
    assert {*row} <= {*re.findall(r"`(\w+)`", section("sources"))}


def test_every_configuration_key_is_told() -> None:
    keys = {cells[0].strip("`") for cells in rows(CONFIGURATION) if cells[0].startswith("`")}
    assert keys == {key for table in TABLES for key in advice.known(table)} - {"front", "host", "metrics", "events"}


@document
def test_configurations_are_good(path: Path) -> None:
    for block in blocks(path, "toml"):
        read(block, path)


@pytest.mark.parametrize("purpose", ["front", "agent"])
def test_the_kernels_that_it_takes_are_told(purpose: features.Purpose) -> None:
    trials = features.basics() + features.sockets(ROOT)
    remedies = [trial.feature.remedy for trial in trials if purpose in trial.feature.purposes]
    versions = [match[1] for remedy in remedies if (match := re.match(r"Linux (\d+\.\d+) or newer", remedy))]
    versions += [oldest for oldest, _, purposes in shipped.PROGRAMS.values() if purpose in purposes]
    newest = max(versions, key=lambda version: [*map(int, version.split("."))])
    row = {"front": "a front", "agent": "a host"}[purpose]
    assert [newest] == [cells[1] for cells in rows(README) if cells[0] == row]
    assert f"Linux {newest}" in section(purpose)


def test_doctor_asks_for_every_program_that_ships() -> None:
    assert {*shipped.PROGRAMS} == {source.name for source in SHIPPED}


# Examples

VECTOR = re.compile(
    r"(?P<source>\S+) (?P<sport>\d+) > (?P<destination>\S+) (?P<dport>\d+) isn (?P<isn>\w+) mss (?P<mss>\w+) ws (?P<ws>\w+) "
    r"sack (?P<sack>\d) ts (?P<ts>\d) ecn (?P<ecn>\d) ours (?P<ours>\d+) time (?P<time>[\d.]+) s\s+"
    r"t (?P<t>\d+) key (?P<key>\w+) o (?P<o>\w+) tag (?P<tag>\w+) -> ISN (?P<cookie>\w+)(?: TSval (?P<tsval>\w+))?"
)


def test_the_vectors_of_the_cookies_page_hold() -> None:
    found = [match.groupdict() for match in VECTOR.finditer(text_of(COOKIE))]
    assert len(found) == 5
    for of in found:
        ends = [ip_address(of[end]).packed for end in ("source", "destination")]
        flow = cookie.Flow(ends[0], ends[1], int(of["sport"]), int(of["dport"]))
        mss, scale = (None if of[name] == "None" else int(of[name]) for name in ("mss", "ws"))
        timestamps, now_ms, isn = of["ts"] == "1", round(float(of["time"]) * 1000), int(of["isn"], 16)
        offer = Offer(mss=mss, scale=scale, sack=of["sack"] == "1", tsval=0 if timestamps else None)
        o = cookie.options_byte(offer, flow.version)
        said = {"fine": cookie.fine_bits(offer, flow.version), "scale": int(of["ours"])}
        key = cookie.derive_key(bytes(range(32)), cookie.epoch(now_ms))
        made = cookie.make(key, flow, isn, o, now_ms, timestamps=timestamps, ecn=of["ecn"] == "1", **said)
        assert (str(cookie.epoch(now_ms)), key.hex(), f"{o:02x}") == (of["t"], of["key"], of["o"])
        assert f"{cookie.tag(key, flow, isn, o, timestamps, **said):016x}" == of["tag"]
        tsval = None if made.tsval is None else f"{made.tsval:08x}"
        assert (f"{made.isn:08x}", tsval) == (of["cookie"], of["tsval"])


CHALLENGE = re.compile(
    r"(?P<source>\S+) (?P<sport>\d+) > (?P<destination>\S+) (?P<dport>\d+) isn (?P<isn>\w+) time (?P<time>[\d.]+) s\s+"
    r"t (?P<t>\d+) tag (?P<tag>\w+) -> challenge (?P<number>\w+) sequence (?P<sequence>\w+)"
)


def test_the_challenges_of_the_cookies_page_hold() -> None:
    found = [match.groupdict() for match in CHALLENGE.finditer(text_of(COOKIE))]
    assert len(found) == 4
    for of in found:
        ends = [ip_address(of[end]).packed for end in ("source", "destination")]
        flow, now_ms = cookie.Flow(ends[0], ends[1], int(of["sport"]), int(of["dport"])), round(float(of["time"]) * 1000)
        key = cookie.derive_key(bytes(range(32)), cookie.epoch(now_ms))
        made = challenge.make(key, flow, int(of["isn"], 16), now_ms)
        assert (str(cookie.epoch(now_ms)), f"{challenge.tag(key, flow):016x}") == (of["t"], of["tag"])
        assert (f"{made.acknowledgment:08x}", f"{made.sequence:08x}") == (of["number"], of["sequence"])


@needs_root
def test_the_packet_program_of_the_documents_runs(tmp_path: Path) -> None:
    program, use = blocks(PROGRAMS, "python")
    (tmp_path / "versions.py").write_text(program)
    (tmp_path / "use.py").write_text(use)
    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2\n[b'")
    assert "\\x01" in done.stdout


@document
def test_python_of_the_documents_is_python(path: Path) -> None:
    for block in blocks(path, "python"):
        ast.parse(block)


def test_the_mistakes_of_the_documents_are_told_so() -> None:
    """A broken file and what `hardtack check` says of it, one behind the other."""
    example = text_of(CONFIGURATION).partition("    $ cat bad.toml\n")[2]
    file, _, told = example.partition("    $ hardtack check bad.toml\n")
    with pytest.raises(ConfigError) as refused:
        read(re.sub("^ {4}", "", file, flags=re.MULTILINE), Path("bad.toml"))
    said = [f"    hardtack: {line}" for line in str(refused.value).splitlines()]
    assert said == told.partition("\n\n")[0].splitlines()


def test_the_wheels_name_is_that_of_this_version() -> None:
    name = f"hardtack-{__version__}-py3-none-any.whl"
    assert set(re.findall(r"hardtack-[\w.-]+\.whl", text_of(ROOT / "docs" / "installing.md"))) == {name}
