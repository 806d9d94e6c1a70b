"""Where the documents' commands are run: the lab's network with the documents' names, and a file system of its own.

    client               front                    server
      near ------------- eth0  eth1 ------------- eth0  192.0.2.10

/etc, /opt, /usr/local and /var/lib are overlays in one mount namespace: what commands write there is seen by those after
them, and by nobody else. `ssh web COMMAND` runs a command on the server, by nsenter.
"""

from __future__ import annotations

import re
import signal
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardtack.lab import links, topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import sink
from hardtack.lab.flood import flooding
from hardtack.lab.namespaces import Namespace
from hardtack.lab.packets.recipe import Target
from hardtack.lab.patrol import patrolling
from hardtack.lab.process import Process, run
from hardtack.lab.servers import SMALL, nginx
from hardtack.lab.topology import Topology

ROOT = Path(__file__).parents[1]
PATIENCE = 400.0  # s; no test judges by time, and with an empty cache all programs are compiled
CHANGED = ("/etc", "/opt", "/usr/local", "/var/lib")
OTHERS = ("192.0.2.25", "192.0.2.30")  # the documents' mail and shop, where nobody listens
WHEEL = "dist/hardtack-0.1.0-py3-none-any.whl"
NEW = ("/etc/hardtack", "/opt/hardtack", "/usr/local/bin/hardtack", "/var/lib/hardtack")  # as where nothing is installed
RATE = 500  # frames a second of the flood: bounded, so that nothing else suffers
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass
class World:
    """A front's machine and a server; their daemons by place."""

    net: Topology
    folder: Path
    holder: Process
    daemons: dict[str, list[Process]] = field(default_factory=dict)

    def place(self, name: str) -> Namespace:
        """The machine of that name: front or server."""
        return self.net.front if name == "front" else self.net.server

    def line(self, command: str) -> list[str]:
        """What runs a shell line in the world's file system."""
        around = f"export PATH={self.folder}/bin:$PATH; cd {self.folder}/work; {command}"
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "bash", "-c", around]

    def run(self, command: str, place: str) -> tuple[int, str]:
        """Exit status and what was said, of a command that ends."""
        done = run(self.line(command), self.place(place), timeout=PATIENCE)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def start(self, command: str, place: str, until: str) -> None:
        """Have a command run on, once it has said `until`."""
        process = Process(self.line(f"exec {command}" if "|" not in command else command), self.place(place))
        self.daemons.setdefault(place, []).append(process)
        process.wait_for(until, PATIENCE)

    def end(self, place: str) -> list[int]:
        """End what was started there, the last first; the exit statuses."""
        return [process.stop(signal.SIGTERM, PATIENCE) for process in reversed(self.daemons.pop(place, []))]

    def write(self, page: str, number: int) -> None:
        """/etc/hardtack/hardtack.toml as a page has it: its TOML block of that number."""
        blocks = [text for language, text in FENCE.findall((ROOT / "docs" / page).read_text()) if language == "toml"]
        (self.folder / "work" / "page.toml").write_text(blocks[number])
        assert self.run("cp page.toml /etc/hardtack/hardtack.toml", "front")[0] == 0

    @contextmanager
    def traffic(self, rate: int = RATE) -> Iterator[None]:
        """Clients of the server, and a small flood of every kind: so many frames a second."""
        near, outside = self.net.near, self.net.outside
        target = Target(SERVER[0], 80, near.mac, outside.mac)
        with (
            patrolling(self.net.client, [(SERVER[0], 80)], "/small", SMALL, workers=1, pause=0.3),
            flooding(near, target, seconds=300, kind="mixed", rate=rate),
        ):
            yield


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """All of it, for the block."""
    furnish(folder)
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed(street=named("near", "eth0"), yard=named("eth1", "eth0")))
        net.far.add_addresses(*(f"{address}/24" for address in OTHERS))
        parts.enter_context(sink(net.near))
        parts.enter_context(nginx(net.server, SERVER))
        stand_in(folder / "bin" / "ssh", f'shift\nexec nsenter --net={net.server.path} -- "$@"\n')
        script = "; ".join(["set -e", *mounts(folder), "echo mounted", "exec sleep infinity"])
        holder = parts.enter_context(Process(["unshare", "--mount", "--propagation", "private", "bash", "-c", script]))
        holder.wait_for("^mounted", PATIENCE)
        made = World(net, folder, holder)
        try:
            yield made
        finally:
            for place in [*made.daemons]:
                made.end(place)


def named(first: str, second: str) -> topology.Link:
    """A link whose ends are called so."""
    return lambda _, left, right: links.join(left, first, right, second)


def mounts(folder: Path) -> Iterator[str]:
    """Commands that lay an overlay over what the documents' commands may change."""
    changed = folder / "changed"
    yield f"mount -t tmpfs tmpfs {changed}"
    for number, place in enumerate(CHANGED):
        upper, work = changed / f"upper{number}", changed / f"work{number}"
        yield f"mkdir {upper} {work}"
        yield f"mount -t overlay overlay -o lowerdir={place},upperdir={upper},workdir={work} {place}"
    yield f"rm -rf {' '.join(NEW)}"  # in the overlays: `set -e` has ended this where they are not


def furnish(folder: Path) -> None:
    """What the commands find: a checkout's files, a wheel, a capture, a file with mistakes."""
    for name in ("bin", "changed", "work/dist", "work/out"):
        (folder / name).mkdir(parents=True)
    stand_in(folder / "bin" / "hardtack", f'exec {sys.executable} -m hardtack "$@"\n')
    stand_in(folder / "bin" / "python3", f'exec {sys.executable} "$@"\n')  # in a checkout an agent's program is compiled
    (folder / "work" / "etc").symlink_to(ROOT / "etc")
    with zipfile.ZipFile(folder / "work" / WHEEL, "w") as wheel:
        for path in (ROOT / "src").rglob("*.py"):
            wheel.write(path, path.relative_to(ROOT / "src"))
    (folder / "work" / "dump.pcap").write_bytes(dns_answer())
    configuration = (ROOT / "docs" / "configuration.md").read_text()
    bad = configuration.partition("    $ cat bad.toml\n")[2].partition("    $ hardtack")[0]
    (folder / "work" / "bad.toml").write_text(re.sub("^ {4}", "", bad, flags=re.MULTILINE))


def stand_in(path: Path, script: str) -> None:
    """A program in the world's PATH."""
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)


def dns_answer() -> bytes:
    """A capture of one frame: UDP from port 53."""
    ethernet = bytes(12) + b"\x08\x00"
    ip = bytes.fromhex("45000024000040004011000008080808c000020a")
    frame = ethernet + ip + struct.pack(">HHHH", 53, 40_000, 16, 0) + bytes(8)
    file, record = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1), struct.pack("<IIII", 0, 0, *[len(frame)] * 2)
    return file + record + frame
