"""How long it takes from saving a file of a front at work until the change acts, and what frames notice of it."""

from __future__ import annotations

import errno
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hardtack.compiler.objects import compiled
from hardtack.control.readout import everything
from hardtack.keys import make_key
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, SECOND, SERVER, THIRD
from hardtack.lab.flood import flooding
from hardtack.lab.folder import folder
from hardtack.lab.packets.recipe import Target
from hardtack.lab.process import Process, run
from hardtack.lab.topology import Topology
from hardtack.packet.programs import FRONT_RULED

PATIENCE = 60  # s
RATE = 20_000  # frames a second for the host that stays: few enough that none is lost anyway
PORT = 80
EACH = 0.5  # s that a change takes at most, so that the flood outlasts them
LOOK = 0.001  # s between attempts to connect to the address that is to come
SILENT = 20  # attempts without an answer, before nobody is there: one may come late
PAUSE = 0.1  # s after a change, longer than files' times may say nothing: editors are no faster
HOST = '[[host]]\nname = "{name}"\naddresses = [{addresses}]\nhandshake = "agent"\nvia = "kernel"\n{more}'
DENIED = 'deny = ["0.0.0.0/0"]\nallow = ["allowed"]\n'
DROPPED = '"drop tcp and dst port 80"'

KINDS = 6  # of changes that are timed
Text = dict[Path, str]  # what is in files, by name


@dataclass(frozen=True)
class Reload:
    """Seconds from the rename of a file until a SYN is answered, the median: of an address of a new host; of another
    address of a host; by a new rule; from a prefix that is new to a list; of an address of a new host among `many` others
    with a file each, and in one file with them. `frames` were sent to a host that stays meanwhile, and `lost` is how many of
    them it did not count.
    """

    host: float
    address: float
    rule: float
    prefix: float
    among: float
    large: float
    many: int
    times: int
    frames: int
    lost: int


def reload(times: int, many: int, told: Callable[[str], None]) -> Reload:
    """So many of each, in namespaces of their own."""
    compiled(FRONT_RULED)  # or the first rule waits for the compiler, where this is no wheel
    with topology.routed() as net:
        ones = {name: [*changes] for name, changes in few(net, times).items()}
        with at_work(net, ones["host"][0][0]) as here:
            target = Target(SERVER[0], PORT, net.near.mac, net.outside.mac)
            with flooding(net.near, target, seconds=2 + EACH * times * len(ones), rate=RATE) as flood:
                found = {name: timed(net, here, changes, name, told) for name, changes in ones.items()}
                flood.wait(PATIENCE)  # only then its count is exact
            lost = flood.frames - net.front.call(frames_of, net.outside.name)
        for name, changes in (("among", apart(net, many, times)), ("large", together(net, many, times))):
            with at_work(net, changes[0][0]) as here:
                found[name] = timed(net, here, changes, f"{name} {many} hosts", told)
    return Reload(**found, many=many, times=times, frames=flood.frames, lost=lost)


def few(net: Topology, times: int) -> dict[str, list[tuple[Text, Text]]]:
    """What is written before and after, of each kind. Each rule is another one, so that its program must be made."""
    file, listed = Path("bench.toml"), Path("allowed")
    always = [host("one", SERVER), host("two", THIRD)]
    first = {file: written(net, *always), listed: ""}
    new = {file: written(net, *always, host("new", SECOND))}
    moved = {file: written(net, host("one", SERVER), host("two", THIRD, SECOND))}
    ruled = [
        {file: written(net, *always, host("new", SECOND, more=f"rules = [{rule}{DROPPED}]\n"))}
        for rule in ("", *(f'"protect tcp and len >= {40 + number}", ' for number in range(times)))
    ]
    denied = {file: written(net, *always, host("new", SECOND, more=DENIED)), listed: ""}
    return {
        "host": [(first, new)] * times,
        "address": [(first, moved)] * times,
        "rule": [(ruled[0], one) for one in ruled[1:]],
        "prefix": [(denied, {listed: f"{CLIENT[0]}/32\n"})] * times,
    }


def apart(net: Topology, many: int, times: int) -> list[tuple[Text, Text]]:
    """A host comes, and others have files of their own."""
    others = {Path("hosts.d", f"{number}.toml"): one for number, one in enumerate(crowd(many))}
    new, first = Path("hosts.d", "new.toml"), {Path("bench.toml"): written(net, host("one", SERVER))}
    changes = [({new: "# nobody\n"}, {new: host("new", SECOND)})] * times
    return [({**first, **others, new: "# nobody\n"}, changes[0][1]), *changes]


def together(net: Topology, many: int, times: int) -> list[tuple[Text, Text]]:
    """A host comes, in the file of all."""
    file, always = Path("bench.toml"), [host("one", SERVER), *crowd(many)]
    return [({file: written(net, *always)}, {file: written(net, *always, host("new", SECOND))})] * times


def crowd(many: int) -> list[str]:
    """So many hosts that nobody asks for."""
    return [host(f"h{number}", (f"10.0.{number >> 8}.{number & 255}",)) for number in range(many)]


def host(name: str, *addresses: tuple[str, ...], more: str = "") -> str:
    """A host with the first address of each pair."""
    return HOST.format(name=name, addresses=", ".join(f'"{one}"' for one, *_ in addresses), more=more)


def written(net: Topology, *hosts: str) -> str:
    """A configuration."""
    front = f'[front]\ninterface = "{net.outside.name}"\nkey_file = "key"\ngrace = "0s"\ncheck_hosts = false\n'
    return f'include = ["hosts.d/*.toml"]\n{front}{"".join(hosts)}'


@contextmanager
def at_work(net: Topology, first: Text) -> Iterator[Path]:
    """A front, and the folder of its files."""
    with folder("bench") as here:
        make_key(here / "key")
        (here / "hosts.d").mkdir()
        for name, text in first.items():
            (here / name).write_text(text, encoding="ascii")
        command: list[object] = [sys.executable, "-m", "hardtack", "front", here / "bench.toml"]
        try:
            with Process(command, net.front) as front:
                front.wait_for(r"\bready\b", PATIENCE)
                yield here
        finally:
            run([*command, "--detach"], net.front).check_returncode()


def timed(
    net: Topology, here: Path, changes: list[tuple[Text, Text]], what: str, told: Callable[[str], None]
) -> float:
    """The median of how long it takes from the later of two texts until SECOND is answered, which it was not before."""
    seconds = []
    for number, (before, after) in enumerate(changes, 1):
        told(f"a reload under way: {what}, {number} of {len(changes)}")
        for text, answers in ((before, False), (after, True)):
            began = time.perf_counter()
            save(here, text)
            until(net, answers)
            seconds.append(time.perf_counter() - began)
            time.sleep(PAUSE)
    return median(seconds[1::2])


def save(here: Path, text: Text) -> None:
    """As editors do it: another file in its place; nothing where it would be the same."""
    for name, content in text.items():
        if (here / name).read_text() != content:
            draft = here / ".draft"
            draft.write_text(content, encoding="ascii")
            draft.rename(here / name)


def until(net: Topology, answers: bool) -> None:
    """Until somebody does answer for SECOND at once, or, several times on end, does not."""
    deadline, left = time.monotonic() + PATIENCE, 1 if answers else SILENT
    while left:
        left = left - 1 if net.client.call(connects) == answers else 1 if answers else SILENT
        if time.monotonic() > deadline:
            raise TimeoutError(f"{SECOND[0]}: {'no' if answers else 'still an'} answer after {PATIENCE} s")


def connects() -> bool:
    """Whether a SYN is answered within LOOK: nobody listens there, so only a front does it. The host may reset it then."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as line:
        with suppress(BlockingIOError):
            line.connect((SECOND[0], PORT))
        _, done, _ = select.select([], [line], [], LOOK)
        return bool(done) and line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNRESET)


def frames_of(interface: str) -> int:
    """What the host that stays has counted, all reasons together."""
    (front,) = everything(interface).attached
    return sum(front.hosts["one"].reasons.values())
