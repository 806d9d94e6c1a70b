"""A front at work is given another configuration: what is right is live at once, what is wrong changes nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_ground import of_the_engine
from handshake.clockwork import end_grace
from handshake.counted import pinned
from handshake.firewall import rules
from handshake.stage import PATIENCE, TALK, agent_command, front_command
from lab_ground import eventually

from fronts.running import Value, configuration, counting, detach, goes_straight, key, known
from hardtack.control.listed import LISTED
from hardtack.control.pinned import NAMES, key_of
from hardtack.control.reloading import MOST_TOLD
from hardtack.keys import make_key
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import sink
from hardtack.lab.clients import connect
from hardtack.lab.process import Process, run
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.layout import HOSTS, KEYS, NETS, POLICY, PORTS, Net
from hardtack.packet.reasons import Reason

ONE: dict[str, Value] = {"name": "one", "addresses": SERVER, "via": "kernel"}
TWO: dict[str, Value] = {"name": "two", "addresses": SECOND, "via": "direct"}
# Conntrack at work, because somebody asks it
ASKED = "table inet some { chain on { type filter hook forward priority filter; ct state established accept; }; }"


@dataclass
class Scene:
    """A front with one host, an agent on it, and the file of the front."""

    net: Topology
    folder: Path
    file: Path
    front: Process
    since: int = 0  # the line of the front's from which on news is looked for

    def write(self, *hosts: dict[str, Value], **front: Value) -> None:
        """Another configuration, as an editor would: another file in its place."""
        old = self.file
        text = configuration(self.folder / "draft", self.net.outside, hosts, key_file=key(self.folder), **front).read_text()
        self.since = len(self.front.lines)
        draft = old.with_name(".draft")
        draft.write_text(text)
        draft.rename(old)

    def reload(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Exit status of `hardtack reload`, and what it says."""
        done = self.hardtack("reload", "--json", *options)
        return done[0], json.loads(done[1])

    def hardtack(self, *command: str) -> tuple[int, str, str]:
        """Exit status and both outputs."""
        done = run([sys.executable, "-m", "hardtack", *command], self.net.front, timeout=PATIENCE)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def status(self) -> dict[str, Any]:
        """What `hardtack status` says of the front."""
        (front,) = json.loads(self.hardtack("status", "--json")[1])["attached"]
        assert isinstance(front, dict)
        return front

    def protected(self) -> set[str]:
        """Names of hosts that are at work."""
        return {*self.status()["hosts"]}

    def answered(self, address: str) -> bool:
        """Whether the front answers the SYNs of an address; a connection is served in any case."""
        with counting(self.net.outside) as seen, self.connect(address) as line:
            check(line)
        return seen[Reason.answered] > 0

    def connect(self, address: str) -> socket.socket:
        """A client's connection that is spoken to."""
        line = connect(self.net.client, address, TALK, timeout=PATIENCE)
        line.sendall(b"echo\n")
        return line

    def waits_for(self, event: str) -> str:
        """The next such line of the front's."""
        line = self.front.wait_for(event, PATIENCE, self.since)
        self.since = self.front.lines.index(line, self.since) + 1
        return line


def check(*lines: socket.socket) -> None:
    """Each is alive in both directions."""
    for line in lines:
        line.sendall(b"word!")
        assert line.recv(5, socket.MSG_WAITALL) == b"word!"


Wrapped = Callable[[list[object]], list[object]]


@contextmanager
def scene(folder: Path, *hosts: dict[str, Value], wrapped: Wrapped = list, **front: Value) -> Iterator[Scene]:
    """All of it at work. `wrapped`: how the front's command is started."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed())
        parts.enter_context(sink(net.near))
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        (folder / "draft").mkdir()
        file = configuration(folder, net.outside, hosts or (ONE,), **front)
        agent = parts.enter_context(Process(agent_command(net.far.name, folder / "key"), net.server))
        agent.wait_for("ready", PATIENCE)
        process = Process(wrapped(front_command(file)), net.front)
        parts.callback(lambda: made.front.stop())
        process.wait_for("ready", PATIENCE)
        made = Scene(net, folder, file, process)
        yield made
        made.front.stop()
        detach(net.outside)
        assert "Traceback" not in "\n".join(made.front.lines)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all tests here that leave it as it was: with host one."""
    with scene(tmp_path_factory.mktemp("reload")) as made:
        yield made


def test_a_host_comes_and_goes_by_itself(at: Scene) -> None:
    with at.connect(SERVER[0]) as first:
        assert not at.answered(SECOND[0])
        at.write(ONE, TWO)
        at.waits_for(r"reloaded by=file changes=1 ")
        assert at.answered(SECOND[0]) and at.answered(SECOND[1])
        assert at.protected() == {"one", "two"}
        at.write(ONE)
        at.waits_for(r'changed what="host two removed"')
        assert not at.answered(SECOND[0])
        assert at.protected() == {"one"}
        check(first)


def test_a_host_that_is_put_back_has_its_connections_and_counters(at: Scene) -> None:
    with at.connect(SERVER[0]) as line:
        before, connections = at.status()["hosts"]["one"]["reasons"], known(at.net.outside)
        at.write(TWO)
        assert at.waits_for(r'changed what="host one removed"')
        assert known(at.net.outside) == connections
        at.write(TWO, ONE)
        at.waits_for(r'changed what="host one added')
        check(line)
        after = at.status()["hosts"]["one"]["reasons"]
        assert all(after[reason] >= frames for reason, frames in before.items())
        assert after["remembered"] == before["remembered"], "it was known"
        at.write(ONE)
        at.waits_for(r'changed what="host two removed"')


def test_what_is_asked_for_is_told(at: Scene) -> None:
    assert at.reload()[1]["outcome"] == "unchanged"
    at.write(ONE, reload="manual")
    at.waits_for(r'changed what="\[front\] reload changed: auto -> manual"')
    try:
        at.write({**ONE, "ports": [TALK, 80], "default": "drop"}, TWO, grace="7s", reload="manual")
        status, would = at.reload("--diff")
        assert (status, would["outcome"]) == (0, "different")
        assert would["text"] == [
            "[front] grace changed: 0s -> 7s",
            f"host one changed: ports (default) -> {TALK}, 80; default pass -> drop",
            f"host two added: addresses {SECOND[0]},{SECOND[1]}",
        ]
        assert at.protected() == {"one"}
        done = at.hardtack("reload", "--interface", at.net.outside.name)
        assert (done[0], done[2]) == (0, "") and "host two added" in done[1] and "reloaded in" in done[1]
        assert at.protected() == {"one", "two"} and at.status()["grace_left"] > 0
    finally:
        at.write(ONE)
        assert at.reload()[1]["outcome"] == "changed"


def test_what_stands_in_the_way_of_a_host_that_comes_is_told(at: Scene) -> None:
    """As at a start, but of hosts alone that are different."""
    at.write({**ONE, "mss": 1300}, {"name": "far", "addresses": ["100.99.1.1"], "via": "kernel"}, reload="manual")
    at.waits_for("reloaded by=file")
    told = "no route to 100.99.1.1 (far)"
    assert told in at.waits_for("finding name=no-route")
    at.write(ONE, {"name": "far", "addresses": ["100.99.1.1"], "via": "direct"}, reload="manual")
    for options in (["--diff"], [], []):
        status, out, notes = at.hardtack("reload", *options)
        assert status == 0 and (told in notes) == ("nothing to do" not in out)
    at.write(ONE)
    assert at.reload()[1]["outcome"] == "changed"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[front\n", "not TOML"),
        ("", "[front]: missing"),
        ("\x00", "the control character U+0000"),
        ("[front]\ninterface = {}\n" * 2, "a duplicate key"),
        ("a" * 5000, "5,000 characters"),
        ("x = " + "[" * 3000, "brackets"),
        ("[[host]]\n" * 100, "[front]: missing"),
    ],
    ids=["broken", "empty", "zero", "twice", "long", "nested", "many"],
)
def test_a_broken_file_changes_nothing_and_is_seen(at: Scene, text: str, says: str) -> None:
    good, since = at.file.read_text(), len(at.front.lines)
    failures = at.status()["reload"]["failures"]
    at.file.write_text(text)
    assert eventually(lambda: at.status()["reload"]["failures"] > failures, PATIENCE)
    told = at.status()["reload"]
    assert told["failed"] >= told["succeeded"] and says in told["why"]
    assert "not reloaded at" in at.hardtack("status")[1]
    status, answer = at.reload()
    assert (status, answer["outcome"]) == (1, "failed") and says in answer["problems"][0]
    status, _, wrong = at.hardtack("reload")
    assert status == 1 and "nothing was changed" in wrong and "Traceback" not in wrong
    assert len(wrong.splitlines()) == 1 + len(answer["problems"])
    assert sum("not-reloaded by=command" in line for line in at.front.lines[since:]) <= 2 * (MOST_TOLD + 1)
    assert at.protected() == {"one"} and at.answered(SERVER[0])
    at.file.write_text(good)
    assert eventually(lambda: at.status()["reload"]["failed"] is None, PATIENCE)


def test_what_takes_a_restart_is_refused_as_a_whole(at: Scene) -> None:
    at.write(ONE, TWO, connections=5000)
    at.waits_for(r'not-reloaded by=file why="\[front\] connections: 1_000_000 -> 5_000: ')
    status, answer = at.reload()
    assert (status, answer["outcome"]) == (1, "refused") and len(answer["problems"]) == 1
    told = at.hardtack("reload", "--diff")[2]
    assert "needs a restart, which loses no connection" in told and "\n  host two added: addresses" in told
    assert at.protected() == {"one"}
    at.write({**ONE, "via": "local"}, {**TWO, "via": "mac", "mac": "02:00:00:00:00:09", "out": "eth9"})
    problems = at.reload()[1]["problems"]
    assert len(problems) == 2 and 'via = "local"' in problems[0] and "out = eth9" in problems[1]
    at.write(ONE)
    assert eventually(lambda: at.status()["reload"]["failed"] is None, PATIENCE)


def test_what_does_not_fit_is_refused_before_anything_is_written(at: Scene) -> None:
    """A list has filled the table of prefixes; what a host with many addresses would change is as it was."""
    dice = random.Random(1)

    def addresses(count: int) -> list[str]:
        return [str(IPv6Address(0x20010DB8 << 96 | dice.getrandbits(96))) for _ in range(count)]

    def written() -> tuple[list[bytes], list[bytes]]:
        with ExitStack() as parts:
            found = [parts.enter_context(pinned(at.net.outside, table)) for table in (HOSTS, NETS, PORTS, LISTED)]
            rest = [parts.enter_context(pinned(at.net.outside, table)) for table in (NAMES, POLICY, KEYS)]
            names, policy, keys = ([table.lookup(key_of(n)) or b"" for n in range(table.table.entries)] for table in rest)
            return [*(bytes(table.memory()) for table in found), *names, *policy], keys

    (at.folder / "many.txt").write_text("\n".join(addresses(130_000)))
    at.write(ONE, deny=[str(at.folder / "many.txt")], reload="manual")
    at.waits_for("reloaded by=file")
    many = {**TWO, "addresses": [*SECOND, *addresses(15_000)]}
    at.write({**ONE, "mss": 1000}, many, deny=[str(at.folder / "many.txt")], grace="9s", reload="manual")
    for _ in range(2):  # an epoch may begin meanwhile, with which the front renews its keys; but not twice
        before = written()
        status, answer = at.reload()
        assert (status, answer["outcome"]) == (1, "refused") and "the table of prefixes is full" in answer["problems"][0]
        after = written()
        if after[1] == before[1]:
            break
    assert after == before and not at.answered(SECOND[0]) and at.answered(SERVER[0])
    at.write(ONE)
    assert at.reload()[1]["outcome"] == "changed"


@pytest.mark.parametrize("how", ["vanish", "backup", "in place", "half", "link", "twice"])
def test_however_it_is_saved(at: Scene, how: str) -> None:
    """Each leaves host two there; whatever is read on the way, nobody is unprotected."""
    at.write(ONE, TWO)
    at.waits_for(r'changed what="host two added')
    wanted = at.file.read_text()
    at.write(ONE)
    at.waits_for(r'changed what="host two removed"')
    WAYS[how](at.file, wanted)
    at.waits_for(r'changed what="host two added')
    assert at.protected() == {"one", "two"}
    at.file.unlink()
    at.write(ONE)
    at.waits_for(r'changed what="host two removed"')


def vanishing(file: Path, text: str) -> None:
    """It is gone for long, and returns."""
    file.unlink()
    file.with_name(".new").write_text(text)
    os.sync()
    file.with_name(".new").rename(file)


def backed_up(file: Path, text: str) -> None:
    """As vim does it."""
    file.rename(f"{file}~")
    file.write_text(text)


def half_first(file: Path, text: str) -> None:
    """Half of it would be right, too: without the first host."""
    head, first, second = text.partition("[[host]]")[0], *text.split("[[host]]")[1:]
    with file.open("w") as out:
        out.write(f"{head}[[host]]{second}")
        out.flush()
        os.fsync(out.fileno())
        out.seek(0)
        out.write(f"{head}[[host]]{first}[[host]]{second}")


def linked(file: Path, text: str) -> None:
    """A link to a link into another folder that changes: as Kubernetes has its files."""
    folder = file.parent / "linked"
    for name, content in (("old", file.read_text()), ("new", text)):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text(content)
    (folder / "now").symlink_to("old")
    file.unlink()
    file.symlink_to("linked/now/file")
    (folder / "next").symlink_to("new")
    (folder / "next").rename(folder / "now")


def twice(file: Path, text: str) -> None:
    """Within a millisecond."""
    for number, content in enumerate(("[front", text)):
        draft = file.with_name(f".{number}")
        draft.write_text(content)
        draft.rename(file)


WAYS: dict[str, Callable[[Path, str], Any]] = {
    "vanish": vanishing,
    "backup": backed_up,
    "in place": Path.write_text,
    "half": half_first,
    "link": linked,
    "twice": twice,
}


def test_another_key_is_taken_from_its_file(at: Scene) -> None:
    """The agent does not have it: its host takes no cookies any more."""
    other = at.folder / "other"
    make_key(other)
    with at.connect(SERVER[0]) as line:
        right = (at.folder / "key").read_text()
        (at.folder / "key").write_text(other.read_text())
        said = at.waits_for(r'changed what="key ')
        assert other.read_text().strip() not in "\n".join(at.front.lines) and str(at.folder / "key") in said
        check(line)
        (at.folder / "key").chmod(0o644)
        at.waits_for(r"not-reloaded by=file why=.*users other than its owner can access this key")
        (at.folder / "key").chmod(0o600)
        (at.folder / "key").write_text(right)
        at.waits_for(r'changed what="key ')
        assert eventually(lambda: at.status()["reload"]["failed"] is None, PATIENCE)
        assert at.answered(SERVER[0])


@pytest.mark.parametrize("excluded", [False, True])
def test_whoever_comes_has_a_grace_period_of_his_own(at: Scene, excluded: bool) -> None:
    """Connections that were made past the front go on; another host's door stays closed. So with what was excluded."""
    two = {**TWO, "addresses": ["192.0.2.8/29", *SECOND[1:]]} if excluded else TWO
    if excluded:
        at.write(ONE, {**two, "exclude": [SECOND[0]]})
        at.waits_for(r'changed what="host two added')
    with at.connect(SECOND[0]) as past:
        at.write(ONE, two, grace="10m")
        at.waits_for(r'changed what="host two changed: exclude -' if excluded else r'changed what="host two added')
        with pinned(at.net.outside, NETS) as table:
            nets = np.frombuffer(table.memory(), Net)
            left = [nets["grace_until"][nets["host"] == number] / 1000 - time.monotonic() for number in (1, 2)]
        assert left[0].max() < 0 and left[1].max() > 500 and at.status()["grace_left"] > 500
        with counting(at.net.outside) as seen:
            check(past)
        assert seen[Reason.learned] + seen[Reason.taught] > 0 and not seen[Reason.stray_data]
        at.write(ONE)
        at.waits_for(r'changed what="host two removed"')
        assert at.status()["grace_left"] == 0


def test_whoever_comes_is_seeded_and_nobody_waits_for_it(at: Scene) -> None:
    """What the kernel knows of his connections, the helper brings into the table; not without a grace period."""
    with rules(at.net.front, ASKED), at.connect(SECOND[0]) as silent, at.connect(SERVER[0]):
        at.write(ONE, TWO)
        at.waits_for(r'changed what="host two added')
        at.write(ONE)
        at.waits_for(r'changed what="host two removed')
        at.write(ONE, TWO, grace="10m")
        at.waits_for(r'changed what="host two added')
        told = at.waits_for(" seeded ")
        assert [line for line in at.front.lines if "seeded" in line] == [told] and " conntrack=1 " in told
        end_grace(at.net.outside)
        with counting(at.net.outside) as seen:
            check(silent)
        assert not seen[Reason.stray_data] and not seen[Reason.learned] and not seen[Reason.taught]
    at.write(ONE)
    at.waits_for(r'changed what="host two removed"')


@pytest.mark.skipif(of_the_engine()["engine"] == "af_xdp", reason="its sockets are opened at the start: docs/engines.md")
def test_ways_into_a_network_are_learned_anew(at: Scene) -> None:
    """Whenever its host has changed; without one that goes straight, it is the kernel that sends on."""
    network: dict[str, Value] = {"name": "two", "addresses": ["192.0.2.8/29", "2001:db8::10/124"], "via": "direct"}

    def straight(address: str) -> bool:
        return goes_straight(at.net.client, address, at.net.outside)

    at.write(ONE, network)
    at.waits_for("reloaded by=file")
    with at.connect(SECOND[0]) as line:
        assert eventually(lambda: straight(SECOND[0]), PATIENCE) and eventually(lambda: straight(SECOND[1]), PATIENCE)
        assert not straight(SERVER[0]), "which has a policy of its own"
        at.write(ONE, network | {"default": "drop"})
        at.waits_for("reloaded by=file")
        assert eventually(lambda: straight(SECOND[0]), PATIENCE) and eventually(lambda: straight(SECOND[1]), PATIENCE)
        at.write(ONE, network | {"via": "kernel"})
        at.waits_for("reloaded by=file")
        assert not straight(SECOND[0])
        check(line)
    at.write(ONE)
    at.waits_for(r'changed what="host two removed"')


def test_included_files_come_change_and_go(at: Scene) -> None:
    """Tools drop hosts into a folder; what is not for the front there is no matter."""
    folder = at.file.with_name("hosts.d")
    folder.mkdir()
    at.write(ONE)
    text = at.file.read_text()
    at.file.write_text(f'include = ["hosts.d/*.toml"]\n{text}')
    written = "[[host]]" + text.split("[[host]]")[1].replace("one", "two")
    for address, other in zip(SERVER, SECOND, strict=True):
        written = written.replace(address, other)
    (folder / "notes.txt").write_text("of no interest")
    (folder / "two.toml").write_text(written)
    at.waits_for(r'changed what="host two added')
    (folder / "two.toml").write_text(written + "mss = 1300\n")
    at.waits_for(r'changed what="host two changed: mss')
    (folder / "two.toml").write_text(written + "mss = 13\n")
    assert f"{folder}/two.toml:" in at.waits_for(r"not-reloaded by=file")
    (folder / "two.toml").unlink()
    at.waits_for(r'changed what="host two removed"')
    at.write(ONE)
    folder.joinpath("notes.txt").unlink()
    folder.rmdir()
    assert at.reload()[0] == 0 and at.protected() == {"one"}


def test_reloads_during_a_reload(at: Scene) -> None:
    """Whoever asks meanwhile is answered by the next, which reads what is there then."""
    command = [sys.executable, "-m", "hardtack", "reload", "--json"]
    with ExitStack() as parts:
        asking = [parts.enter_context(Process(command, at.net.front)) for _ in range(4)]
        for hosts in [(ONE, TWO), (ONE,)] * 5:
            at.write(*hosts)
            at.front.send(signal.SIGHUP)
        for process in asking:
            assert process.wait(PATIENCE) == 0, process.lines
            assert json.loads(process.lines[-1])["outcome"] in ("changed", "unchanged")
    assert at.reload()[0] == 0
    assert at.protected() == {"one"} and at.reload()[1]["outcome"] == "unchanged"


def test_the_control_sockets_example_is_true(at: Scene) -> None:
    page = (Path(__file__).parents[2] / "docs" / "control-socket.md").read_text()
    example = page.split("```python\n")[1].split("```")[0]
    done = run([sys.executable, "-c", example], at.net.front, timeout=PATIENCE)
    assert done.stdout.decode().split()[:2] == [at.net.outside.name, "unchanged"], done.stderr


def test_nobody_holds_up_the_control_socket(at: Scene) -> None:
    (path,) = Path("/run/hardtack").glob(f"front-*-{at.net.outside.name}.sock")
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    with ExitStack() as parts:
        for _ in range(20):  # more than are heard at a time, and they say nothing
            line = parts.enter_context(socket.socket(socket.AF_UNIX))
            line.settimeout(PATIENCE)
            line.connect(str(path))
        assert eventually(lambda: at.hardtack("reload")[0] == 0, PATIENCE)
    for request in (b"{}\n", b'{"version": 2, "verb": "reload"}\n', b'{"version": 1, "verb": "load"}\n', b"[" * 5000):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(str(path))
            line.sendall(request)
            assert "not a request" in json.loads(line.recv(4096))["error"]
    os.kill(helper_of(at.front), signal.SIGSTOP)  # so that the answer comes after the end of the request
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE)
        line.connect(str(path))
        line.sendall(b'{"version": 1, "verb": "diff"}\n')
        line.shutdown(socket.SHUT_WR)  # as socat does
        threading.Timer(0.5, os.kill, [helper_of(at.front), signal.SIGCONT]).start()
        assert json.loads(line.recv(4096))["outcome"] == "unchanged"


def helper_of(front: Process) -> int:
    """Its process."""
    return int(Path(f"/proc/{front.pid}/task/{front.pid}/children").read_text())


def test_a_front_without_its_helper_goes_on_and_says_so(tmp_path: Path) -> None:
    with scene(tmp_path) as at:
        helper = helper_of(at.front)
        assert Path(f"/proc/{helper}/comm").read_text() == "hardtack-helper\n"
        os.kill(helper, signal.SIGTERM)  # as systemd does to all of a service
        assert at.reload()[1]["outcome"] == "unchanged"
        os.kill(helper, signal.SIGKILL)
        at.waits_for("helper-gone")
        assert "restart the front" in at.status()["reload"]["why"], "also before somebody asks"
        status, answer = at.reload()
        assert (status, answer["outcome"]) == (1, "failed") and "restart the front" in answer["problems"][0]
        assert at.answered(SERVER[0])
        at.front.stop(signal.SIGKILL)
        assert at.hardtack("reload")[0] == 1 and "no process is running" in at.hardtack("reload")[2]
