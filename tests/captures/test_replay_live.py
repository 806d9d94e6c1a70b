"""Replay of what a front captured, and judged, while real clients and a flood came: the same frames get the same reasons.

Front and replay begin with nothing, have the same key, and tables of the same size. What each CPU of a front has by itself
(limits of source prefixes, shares of budgets) replay has once: so the flood stays below all limits. Windows of limits begin
by a clock that is not the captured one: `doubtful` and `implausible`, of which one in a window passes, are added up.
"""

from __future__ import annotations

import re
import signal
import sys
from collections import Counter
from pathlib import Path

from handshake.stage import ADDRESSES, PATIENCE, TALK, Stage, staged
from lab_ground import eventually, needs_root

from captures.test_replay import invoked
from hardtack.control.capture.comments import comments
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.clients import download, server_socket, upload
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Kind, Target
from hardtack.lab.process import Process
from hardtack.lab.servers import talker

COUNT, RATE = 600, 5_000  # frames of each kind, and in a second
FLOODS: tuple[Kind, ...] = ("syn", "ack", "rst", "data", "syn-ack", "xmas", "later-fragment")
CAPTURED = re.compile(r"\w+ (\w+), host ([\w-]+), CPU")
DOUBTED = {"implausible": "doubtful"}

Counted = Counter[tuple[str, str]]  # host, reason


def traffic(stage: Stage) -> None:
    """Clients before, amid and behind a flood."""
    net = stage.net
    for version in (4, 6):
        address = ADDRESSES[version]
        download(net.client, address, TALK, 300_000, timeout=PATIENCE)
        target = Target(address, TALK, net.near.mac, net.outside.mac)
        for kind in FLOODS:
            with flooding(net.near, target, seconds=60, kind=kind, count=COUNT, rate=RATE) as flood:
                assert server_socket(net.client, address, TALK, timeout=PATIENCE)["sack"]
                flood.wait(PATIENCE)
        upload(net.client, address, TALK, 100_000, timeout=PATIENCE)


def captured(folder: Path) -> Path:
    """What the front has seen, in a file."""
    path = folder / "live.pcapng"
    with staged(local=False, folder=folder) as stage, talker(stage.net.server, (*SERVER, *SECOND), [TALK]):
        command = [sys.executable, "-m", "hardtack", "capture", "--rate", 1_000_000, "-w", path]
        with Process(command, stage.net.front) as process:
            assert eventually(lambda: path.exists() and path.stat().st_size > 0, PATIENCE), process.lines
            traffic(stage)
            process.stop(signal.SIGINT, PATIENCE)
        assert process.lines[-1].endswith("frames captured"), process.lines  # and none was lost
    return path


@needs_root
def test_the_same_frames_have_the_same_reasons(tmp_path: Path) -> None:
    live = captured(tmp_path)
    matches = [match for comment in comments(live) if (match := CAPTURED.match(comment))]
    wanted = Counted((match[2], DOUBTED.get(match[1], match[1])) for match in matches)
    ran = invoked(tmp_path / "hardtack.toml", live, "--inside", live, "--json")
    found = Counted()
    for host, told in ran.told["hosts"].items():
        for reason, count in told["reasons"].items():
            found[host, DOUBTED.get(reason, reason)] += count
    assert +found == wanted, (found - wanted, wanted - found)
    assert wanted["some-ports", "answered"] > COUNT and wanted["some-ports", "remembered"] >= 2 * (len(FLOODS) + 2)
    assert len(wanted) >= 10
