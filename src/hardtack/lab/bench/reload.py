"""How long it takes from saving the configuration of a front at work until the change acts, and what frames notice of it."""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hardtack.control.readout import everything
from hardtack.keys import make_key
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER, THIRD
from hardtack.lab.flood import flooding
from hardtack.lab.folder import folder
from hardtack.lab.packets.recipe import Target
from hardtack.lab.process import Process, run
from hardtack.lab.topology import Topology

PATIENCE = 60  # s
RATE = 20_000  # frames a second for the host that stays: few enough that none is lost anyway
PORT = 80
EACH = 0.5  # s that both changes take at most, so that the flood outlasts them
LOOK = 0.001  # s between attempts to connect to the address that is to come
ALWAYS = {"one": [SERVER[0]], "two": [THIRD[0]]}
HOST = '[[host]]\nname = "{name}"\naddresses = [{addresses}]\nhandshake = "agent"\nvia = "kernel"\n'


@dataclass(frozen=True)
class Reload:
    """Seconds from the rename of the file until a SYN is answered, the median: of an address of a new host; of another
    address of a host. `frames` were sent to a host that stays meanwhile, and `lost` is how many of them it did not count.
    """

    host: float
    address: float
    times: int
    frames: int
    lost: int


def reload(times: int, told: Callable[[str], None]) -> Reload:
    """So many of each, in namespaces of their own."""
    with topology.routed() as net, folder("bench") as here:
        make_key(here / "key")
        file = here / "bench.toml"
        save(file, net, ALWAYS)
        command: list[object] = [sys.executable, "-m", "hardtack", "front", file]
        target = Target(SERVER[0], PORT, net.near.mac, net.outside.mac)
        try:
            with Process(command, net.front) as front:
                front.wait_for(r"\bready\b", PATIENCE)
                seconds: dict[str, list[float]] = {"host": [], "address": []}
                with flooding(net.near, target, seconds=1 + EACH * times, rate=RATE) as flood:
                    for number in range(times):
                        told(f"a reload under way, {number + 1} of {times}")
                        seconds["host"].append(acting(file, net, {**ALWAYS, "new": [SECOND[0]]}))
                        seconds["address"].append(acting(file, net, {**ALWAYS, "two": [THIRD[0], SECOND[0]]}))
                    flood.wait(PATIENCE)  # only then its count is exact
                counted = net.front.call(frames_of, net.outside.name)
                return Reload(
                    median(seconds["host"]), median(seconds["address"]), times, flood.frames, flood.frames - counted
                )
        finally:
            run([*command, "--detach"], net.front).check_returncode()


def save(file: Path, net: Topology, hosts: dict[str, list[str]]) -> None:
    """As editors do it: another file in its place."""
    text = f'[front]\ninterface = "{net.outside.name}"\nkey_file = "key"\ngrace = "0s"\n'
    for name, addresses in hosts.items():
        text += HOST.format(name=name, addresses=", ".join(f'"{address}"' for address in addresses))
    draft = file.with_name(".draft")
    draft.write_text(text, encoding="ascii")
    draft.rename(file)


def acting(file: Path, net: Topology, hosts: dict[str, list[str]]) -> float:
    """Seconds until SECOND is answered, which it was not before."""
    save(file, net, ALWAYS)
    until(net, answers=False)
    began = time.perf_counter()
    save(file, net, hosts)
    until(net, answers=True)
    return time.perf_counter() - began


def until(net: Topology, answers: bool) -> None:
    """Until somebody does answer for SECOND at once, or does not."""
    deadline = time.monotonic() + PATIENCE
    while net.client.call(connects) != answers:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{SECOND[0]}: {'no' if answers else 'still an'} answer after {PATIENCE} s")


def connects() -> bool:
    """Whether a SYN is answered within LOOK: nobody listens there, so that only a front does it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as line:
        with suppress(BlockingIOError):
            line.connect((SECOND[0], PORT))
        _, done, _ = select.select([], [line], [], LOOK)
        return bool(done) and not line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def frames_of(interface: str) -> int:
    """What the host that stays has counted, all reasons together."""
    (front,) = everything(interface).attached
    return sum(front.hosts["one"].reasons.values())
