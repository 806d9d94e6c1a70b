"""Fronts and agents as processes, and the configurations they are given."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine_ground import of_the_engine
from handshake.counted import counts, pinned
from handshake.returning import CLOSING, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK
from handshake.stage import PATIENCE, TALK, agent_command, front_command
from lab_ground import eventually

from hardtack.image import ONLY
from hardtack.keys import make_key
from hardtack.lab.clients import upload
from hardtack.lab.counters import HERE, tcp_events
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run
from hardtack.packet.layout import TAGS
from hardtack.packet.reasons import Reason

UPLOAD = 3_000_000  # bytes
Value = str | int | Iterable[str] | Iterable[int]


def configuration(folder: Path, outside: Interface, hosts: Iterable[dict[str, Value]], **front: Value) -> Path:
    """A configuration in `folder`, which has the key of all its fronts; no grace, no host is asked, unless `front` says."""
    settings: dict[str, Value] = {"interface": outside.name, "key_file": key(folder), "grace": "0s", "check_hosts": False}
    settings |= {**of_the_engine(), **front}
    lines = ["[front]", *written(settings)]
    for host in hosts:
        lines += ["[[host]]", *written({"handshake": "agent", **host})]
    path = folder / f"{outside.name}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def key(folder: Path, name: str = "key") -> str:
    """The path of a key in `folder`; made if it is not there."""
    if not (folder / name).exists():
        make_key(folder / name)
    return str(folder / name)


def written(settings: dict[str, Value]) -> list[str]:
    """Lines of TOML, whose simple values look like JSON's."""
    return [f"{key} = {json.dumps(value if isinstance(value, str | int) else [*value])}" for key, value in settings.items()]


@contextmanager
def front(outside: Interface, configuration: Path) -> Iterator[Process]:
    """`hardtack front`, ready; its process ends with the block, and what it has attached stays."""
    with Process(front_command(configuration), outside.namespace) as process:
        process.wait_for("ready", PATIENCE)
        yield process


@contextmanager
def agent(interface: Interface, folder: Path, name: str = "key") -> Iterator[Process]:
    """`hardtack agent` on a host, with a key of `folder`; likewise."""
    with Process(agent_command(interface.name, folder / name), interface.namespace) as process:
        process.wait_for("ready", PATIENCE)
        yield process


def detach(interface: Interface) -> str:
    """Take off whatever is attached there: what `hardtack detach` says."""
    done = run([sys.executable, "-m", "hardtack", "detach", "-i", interface.name], interface.namespace, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@contextmanager
def counting(outside: Interface) -> Iterator[Counter[Reason]]:
    """What a front counts in the block, on all its interfaces."""
    seen, before = Counter[Reason](), counts(outside)
    yield seen
    seen.update(counts(outside) - before)


def known(outside: Interface) -> int:
    """How many connections a front knows: tags that are not 0."""
    with pinned(outside, TAGS) as table:
        return table.table.entries * 8 - bytes(table.memory()).count(0)


def write(outside: Interface, table: object, value: bytes) -> None:
    """Change a one-entry table of a front at work."""
    with pinned(outside, table) as found:  # type: ignore[arg-type]
        found.update(ONLY, value)


def goes_straight(client: Namespace, address: str, outside: Interface) -> bool:
    """Whether what a client sends to a host passes the kernel of the front by."""
    octets = "Ip6InOctets" if ":" in address else "IpExtInOctets"
    before = tcp_events(outside.namespace)[octets]
    upload(client, address, TALK, UPLOAD, timeout=PATIENCE)
    return tcp_events(outside.namespace)[octets] - before < UPLOAD / 2


def wait_for_ends(client: Namespace) -> None:
    """Until each side has the other's FIN, of all that a client has closed: no frame of it is on its way any more."""

    def ending() -> list[str]:
        lines = [line for file in ("tcp", "tcp6") for line in (HERE / file).read_text().splitlines()]
        return [line for line in lines if line.split()[3] in (FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK)]

    assert eventually(lambda: not client.call(ending), PATIENCE), client.call(ending)
