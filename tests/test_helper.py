"""The privileged helper: what it reads, what it may do, when it says that something has changed, how it ends."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kernel_ground import needs_root
from lab_ground import eventually

from hardtack.control.configuration.problems import ConfigError
from hardtack.control.configuration.reading import loaded
from hardtack.control.helper.line import MOST, pair
from hardtack.control.helper.reading import with_keys
from hardtack.control.helper.watching import Watching, being_written
from hardtack.kernel import privileges
from hardtack.keys import KeyFileError, make_key

PATIENCE = 60
TEXT = """[front]
interface = "lo"
key_file = "key"
[[host]]
name = "a"
addresses = ["192.0.2.1"]
handshake = "agent"
via = "kernel"
"""
STORY = """
import json, select, sys, time
from pathlib import Path
from hardtack.kernel import privileges
privileges.prepare()
from hardtack.control.configuration.reading import loaded
from hardtack.control.helper.process import started
path = Path(sys.argv[1])
found = loaded(path)
time.sleep(0.1)  # more than a tick of the file system's clock
path.write_text(path.read_text() + "# saved while the front starts")
helper = started(path, found)
privileges.drop()
assert select.select([helper], [], [], 60)[0], "no news of that"
assert helper.receive().facts == {"event": "changed"}
def asked():
    helper.ask("read")
    while (message := helper.receive()) and "event" in message.facts:
        pass
    return helper.reading(message)
first = asked()
status = Path(f"/proc/{helper.pid}/status").read_text()
try:
    path.read_text()
except PermissionError:
    refused = True
print(json.dumps([first.config.hosts[0].name, len(first.masters), refused, status, repr(first)]), flush=True)
sys.stdin.readline()
print(json.dumps(str(asked())), flush=True)
helper.close()
print(json.dumps(Path(f"/proc/{helper.pid}").exists()), flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration and its key, which only root may look at."""
    make_key(tmp_path / "key")
    path = tmp_path / "hardtack.toml"
    path.write_text(TEXT)
    path.chmod(0o600)
    tmp_path.chmod(0o700)
    return path


@needs_root
def test_it_reads_what_the_front_may_not_and_keeps_few_rights(file: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(privileges.__file__).parents[2])}
    command = [sys.executable, "-W", "error", "-c", STORY, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as front:
        assert front.stdin and front.stdout
        name, keys, refused, status, shown = json.loads(front.stdout.readline())
        assert (name, keys, refused) == ("a", 1, True)
        assert (file.parent / "key").read_text().strip()[:16] not in shown
        facts: dict[str, Any] = dict(line.split(":\t", 1) for line in status.splitlines())
        assert facts["Name"] == "hardtack-helper" and facts["NoNewPrivs"] == "1"
        wanted = sum(1 << one for one in (privileges.CAP_DAC_READ_SEARCH, 12, 38, 39))  # NET_ADMIN, PERFMON, BPF
        assert {int(facts[kind], 16) for kind in ("CapPrm", "CapEff")} == {wanted}
        file.write_text(TEXT + "[[host]]\n" * 100)
        (file.parent / "key").unlink()
        print(file=front.stdin, flush=True)
        told = json.loads(front.stdout.readline()).splitlines()
        assert told[0].startswith(f"{file}:9: [[host]] 2 name: missing") and len(told) == 400, "all of it"
        assert json.loads(front.stdout.readline()) is False, "it has ended"
        assert front.wait(PATIENCE) == 0


def test_what_is_large_goes_beside_a_message() -> None:
    one, other = pair()
    content = os.urandom(10 * MOST)
    one.send({"verb": "read"}, content)
    one.send({"event": "changed"})
    message = other.receive()
    assert message and (message.facts, message.content) == ({"verb": "read"}, content) and len(repr(message)) < 100
    message = other.receive()
    assert message and (message.facts, message.content) == ({"event": "changed"}, None)
    one.close()
    assert other.receive() is None
    other.close()


def test_everything_that_is_wrong_is_told(file: Path) -> None:
    assert len(with_keys(loaded(file)).masters) == 1
    file.write_text(TEXT.replace("[[host]]", '[[host]]\nkey_file = "other"'))
    (file.parent / "key").chmod(0o640)
    with pytest.raises(KeyFileError) as told:
        file.write_text(TEXT + TEXT[TEXT.index("[[host]]") :].replace('"a"', '"b"\nkey_file = "c"').replace(".1", ".2"))
        with_keys(loaded(file))
    assert len(str(told.value).splitlines()) == 2
    file.write_text(TEXT.replace("lo", "l o"))
    with pytest.raises(ConfigError, match="interface"):
        loaded(file)


@pytest.mark.parametrize("how", ["written", "renamed", "removed", "made", "folder", "mode", "strange"])
def test_what_changes_near_a_file_is_news(file: Path, how: str) -> None:
    absent = file.with_name("absent")
    watching = Watching()
    watching.look_after([file, absent])
    assert not watching.changed()
    file.with_name("other").write_text("of no interest")
    assert not watching.changed()
    if how == "written":
        file.write_text(TEXT + "#")
    elif how == "renamed":
        draft = file.with_name("draft")
        draft.write_text(TEXT)
        draft.rename(file)
    elif how == "removed":
        file.unlink()
    elif how == "made":
        absent.write_text("")
    elif how == "mode":
        file.chmod(0o644)
    elif how == "strange":  # a name near it that is no text
        file.with_name(os.fsdecode(b"\xff")).write_text("")
        file.write_text(TEXT + "#")
    else:
        file.parent.rename(file.parent.with_name("away"))
    assert select.select([watching], [], [], PATIENCE)[0]
    assert eventually(watching.changed, PATIENCE)
    if how == "folder":  # it is watched for by the one above
        watching.look_after([file, absent])
        assert not watching.changed()
        file.parent.with_name("away").rename(file.parent)
        assert eventually(lambda: bool(select.select([watching], [], [], 0)[0]) and watching.changed(), PATIENCE)


@needs_root
def test_a_file_that_somebody_writes_to_is_known(file: Path) -> None:
    assert not being_written(file)
    with file.open("a"):
        assert being_written(file)
    assert not being_written(file) and not being_written(file.with_name("absent"))
