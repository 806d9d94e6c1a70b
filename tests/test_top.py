"""`hardtack top` on a real terminal, beside a front at work: what is on the screen is what the front has counted."""

from __future__ import annotations

import functools
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fronts.running import Value, configuration, detach
from handshake.counted import counts
from handshake.stage import PATIENCE, TALK, front_command
from lab_ground import needs_root
from terminal_ground import Terminal, terminal

from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import sink
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Kind, Target
from hardtack.lab.process import Process, run
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

pytestmark = needs_root

RATE = 2_000  # frames a second of the floods: bounded, so that nothing else suffers
FLOODED = "198.18."  # how sources of the flood begin
RULE = "drop udp and src port 53"
TOP = [sys.executable, "-m", "hardtack", "top"]
SIZES = ((80, 24), (120, 40), (200, 50))
LEAVES = b"\x1b[?1049l"  # the alternate screen, which is left
CURSOR = b"\x1b[?25h"  # the cursor is back


@dataclass
class Ground:
    """A front with two hosts; its process may be ended and started."""

    net: Topology
    settings: Path
    process: Process

    @contextmanager
    def flood(self, kind: Kind, seconds: float = 2.0) -> Iterator[None]:
        """A small one of the host web, which has ended behind the block."""
        target = Target(SERVER[0], TALK, self.net.near.mac, self.net.outside.mac)
        with flooding(self.net.near, target, seconds=seconds, kind=kind, rate=RATE) as flood:
            yield
            flood.wait(PATIENCE)

    @contextmanager
    def top(
        self, *options: str, size: tuple[int, int] = SIZES[0], variables: Mapping[str, str] | None = None
    ) -> Iterator[Terminal]:
        """The command on a terminal beside the front, its first page drawn."""
        with terminal([*TOP, *options], self.net.front, size, **(variables or {})) as made:
            made.until(lambda: "q quit" in made.lines[-1] and "[reasons]" in made.text)
            yield made

    def counted(self) -> Counter[Reason]:
        """By the front, all hosts together."""
        return counts(self.net.outside)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One front for all of it, which has answered and dropped something."""
    folder = tmp_path_factory.mktemp("top")
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed())
        parts.enter_context(sink(net.near))
        hosts: list[dict[str, Value]] = [
            {"name": name, "addresses": where, "via": "kernel"} for name, where in (("web", SERVER), ("mail", SECOND))
        ]
        settings = configuration(folder, net.outside, hosts, inside=[net.inside.name], rules=[RULE])
        made = Ground(net, settings, parts.enter_context(Process(front_command(settings), net.front)))
        made.process.wait_for("ready", PATIENCE)
        for kind in ("syn", "ack"):
            with made.flood(kind, 1):
                pass
        yield made
        made.process.stop()
        detach(net.outside)


def total(screen: Terminal, reason: Reason) -> int:
    """What the view of reasons says of one, all in all."""
    return next((int(word.replace(",", "")) for word in screen.row(reason.name)[4:5]), 0)


def tells(screen: Terminal, reason: Reason, frames: int) -> bool:
    """Whether it is that many."""
    return total(screen, reason) == frames


def of_cpus(screen: Terminal) -> int:
    """Frames of all CPUs together, as the view of CPUs says; 0 while it is not drawn."""
    tabs = next((number for number, line in enumerate(screen.lines) if "[CPUs]" in line), 0)
    totals = [line.split()[-1].replace(",", "") for line in screen.lines[tabs + 2 : -1] if line.strip()]
    return sum(map(int, totals)) if all(map(str.isdecimal, totals)) else 0


def fills(screen: Terminal, size: tuple[int, int]) -> bool:
    """Whether a page is drawn that is as large as the screen."""
    whole = len(screen.lines) == size[1] and max(map(len, screen.lines)) <= size[0]
    return whole and "answered" in screen.text and screen.lines[-1].startswith("q quit"[: size[0]])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_is_on_the_screen_is_what_is_counted(ground: Ground, size: tuple[int, int]) -> None:
    with ground.top(size=size) as screen:
        with ground.flood("syn"):
            screen.until(lambda: screen.row("replied")[1:2] not in ([], ["0"]))
        wanted = ground.counted()
        assert wanted[Reason.answered] and wanted[Reason.stray_ack]
        for reason in (Reason.answered, Reason.stray_ack):
            screen.until(functools.partial(tells, screen, reason, wanted[reason]))
        assert len(screen.lines) == size[1] and screen.lines[-1].startswith("q quit")
        assert screen.lines[0].startswith(f"hardtack top  front {ground.net.outside.name} (driver)")
        assert screen.lines[1].startswith(f"process {ground.process.pid}, up ")
        assert screen.lines[0].endswith("every 1 s") and len(screen.lines[0]) == size[0]
        assert (Reason.answered.text in screen.text) == (size[0] >= 120)
        screen.press("2")
        screen.until(lambda: "[hosts]" in screen.text and screen.row("mail")[1:7] == ["0"] * 6)
        if size[0] > 80:
            both = f"{wanted[Reason.answered] + wanted[Reason.stray_ack]:,}"
            screen.until(lambda: screen.row("web")[-1:] == [both])
        screen.press("3")
        screen.until(lambda: "[CPUs]" in screen.text and screen.row("0"))
        if size[0] > 80:
            screen.until(lambda: of_cpus(screen) == ground.counted().total())
        screen.press("4")
        screen.until(lambda: "all, of 1,000,000" in screen.text)
        screen.press("5")
        screen.until(lambda: "[rules]" in screen.text and RULE in screen.text)
        screen.press("6")
        screen.until(lambda: "[sources]" in screen.text)
        if size == SIZES[0]:  # sampled from now on
            with ground.flood("ack", 4):
                screen.until(lambda: str(TALK) in screen.text and FLOODED in screen.text)
        screen.press("q")
        assert screen.status() == 0


def test_keys(ground: Ground) -> None:
    with ground.top("--interval", "0.3", "-i", ground.net.outside.name) as screen:
        screen.press("h")
        screen.until(lambda: "Any key: back" in screen.text)
        screen.press("x", "Tab")
        screen.until(lambda: "[hosts]" in screen.text)

        def names() -> list[str]:
            firsts = [line.split()[0] for line in screen.lines if line.strip()]
            return [first for first in firsts if first in ("web", "mail", "no")]

        screen.press("s", "s", "s", "s", "s", "s", "s", "s")  # round to the name
        screen.until(lambda: "host^" in screen.text and names() == ["mail", "no", "web"])
        screen.press("r")
        screen.until(lambda: "hostv" in screen.text and names() == ["web", "no", "mail"])
        screen.press("/", "W", "e", "b", "x")
        screen.until(lambda: "no row matches Webx" in screen.text)
        screen.press("\x7f", "Enter")
        screen.until(lambda: names() == ["web"] and "filter: Web  q quit" in screen.lines[-1])
        screen.press("Esc")
        screen.until(lambda: len(names()) == 3)
        screen.press("p")
        screen.until(lambda: "PAUSED" in screen.lines[-1])
        screen.press("1")
        screen.until(lambda: "[reasons]" in screen.text)
        before = total(screen, Reason.answered)
        with ground.flood("syn", 1):
            pass
        screen.press("s", "2", "1")
        screen.until(lambda: "bit/sv" in screen.text)
        assert total(screen, Reason.answered) == before < ground.counted()[Reason.answered]
        screen.press("p")
        screen.until(lambda: total(screen, Reason.answered) == ground.counted()[Reason.answered])


def test_one_host(ground: Ground) -> None:
    with ground.top("--host", "mail") as screen:
        screen.until(lambda: "no frames yet" in screen.text)
    done = run([*TOP, "--host", "nosuch"], ground.net.front, timeout=PATIENCE)
    assert done.returncode == 2, "it asks for a terminal first"
    with terminal([*TOP, "--host", "nosuch"], ground.net.front, (120, 24)) as screen:
        assert screen.status() == 2
        assert "hardtack: no host nosuch here; there are: web, mail" in screen.text


def test_a_terminal_that_is_resized(ground: Ground) -> None:
    with ground.top("--interval", "0.3") as screen:
        for size in (SIZES[2], (40, 10), SIZES[1]):
            screen.resize(size)
            screen.until(functools.partial(fills, screen, size))


@pytest.mark.parametrize("how", ["Ctrl-C", signal.SIGINT, signal.SIGTERM], ids=str)
def test_the_terminal_is_as_it_was(ground: Ground, how: str | signal.Signals) -> None:
    with ground.top() as screen:
        if isinstance(how, str):
            screen.press(how)
        else:
            screen.signal(how)
        assert screen.status() == 0
        assert LEAVES in screen.raw and CURSOR in screen.raw[screen.raw.index(LEAVES) - 50 :]
        assert b"Traceback" not in screen.raw


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "vt100"}], ids=str)
def test_without_colour(ground: Ground, variables: dict[str, str]) -> None:
    with ground.top(variables=variables) as screen:
        screen.until(lambda: total(screen, Reason.stray_ack))
        screen.until(lambda: screen.row("passed")[-1] != "bit/s")
        assert ("▁" in screen.text) == ("NO_COLOR" in variables) != ("_" in screen.row("passed")[-1])
        assert screen.colours == set()


def test_where_the_locale_has_no_blocks(ground: Ground) -> None:
    variables = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with ground.top(variables=variables) as screen:
        screen.until(lambda: set(screen.row("passed")[-1]) == {"_"} and total(screen, Reason.stray_ack))
        assert screen.text.isascii()


def test_with_colour(ground: Ground) -> None:
    with ground.top() as screen:
        screen.until(lambda: screen.colours)


def test_where_nothing_can_be_drawn(ground: Ground) -> None:
    instead = "use instead: hardtack status --watch 2"
    with terminal(TOP, ground.net.front, (120, 24), TERM="dumb") as screen:
        assert screen.status() == 2
        assert screen.lines[0] == f"hardtack: this terminal has no cursor control (TERM=dumb); {instead}"
    done = run(TOP, ground.net.front, timeout=PATIENCE)
    assert done.returncode == 2
    assert done.stderr.decode() == f"hardtack: top needs a terminal, and standard input is not one; {instead}\n"


def test_what_to_use_instead(ground: Ground) -> None:
    """Again and again, with rates, on the same terminal."""
    command = [sys.executable, "-m", "hardtack", "status", "--watch", "0.3"]
    with terminal(command, ground.net.front, TERM="dumb") as screen:
        screen.until(lambda: "/s) frames" in screen.text and Reason.answered.name in screen.text)
        screen.press("Ctrl-C")
        assert screen.status() == 128 + signal.SIGINT
    done = run([*command[:3], "status", "--json"], ground.net.front, timeout=PATIENCE)
    (told,) = json.loads(done.stdout)["attached"]
    assert told["hosts"]["web"]["reasons"]["answered"] == ground.counted()[Reason.answered]
    assert told["hosts"]["mail"]["reasons"]["answered"] == 0
    words = {"COMP_WORDS": "hardtack top --host m", "COMP_CWORD": "3"}
    with terminal(command[:3], ground.net.front, SIZES[0], _HARDTACK_COMPLETE="complete_bash", **words) as screen:
        assert screen.status() == 0 and screen.lines[0] == "mail"


def test_where_nothing_is_attached(ground: Ground) -> None:
    with terminal(TOP, ground.net.client, (160, 24)) as screen:
        assert screen.status() == 1
        assert "hardtack: no front and no agent is attached in this network namespace" in screen.text


def test_a_front_that_goes_away_and_comes_back(ground: Ground) -> None:
    """Last: the counters begin anew."""
    with ground.top("--interval", "0.3") as screen:
        screen.until(lambda: total(screen, Reason.answered))
        ground.process.stop()
        screen.until(lambda: f"no process is running for front {ground.net.outside.name}" in screen.text)
        last = total(screen, Reason.answered)
        detach(ground.net.outside)
        screen.until(lambda: "nothing is attached any more" in screen.text)
        assert total(screen, Reason.answered) == last
        ground.process = Process(front_command(ground.settings), ground.net.front)
        ground.process.wait_for("ready", PATIENCE)
        screen.until(lambda: "nothing is attached" not in screen.text and f"process {ground.process.pid}" in screen.text)
        with ground.flood("syn", 1):
            pass
        screen.until(lambda: total(screen, Reason.answered) == ground.counted()[Reason.answered] > 0)
        assert last != total(screen, Reason.answered)
