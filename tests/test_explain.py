"""`hardtack explain`: the front's program on frames of a capture, in this process, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from naive.parse import network
from typer.testing import CliRunner

from hardtack.cli import capturing
from hardtack.cli.app import app
from hardtack.control.capture.comments import comments
from hardtack.control.capture.request import Request
from hardtack.control.capture.taking import Taken
from hardtack.lab.bench.frames import arp, segment
from hardtack.lab.packets.recipe import ACK, LINUX_OPTIONS, RST, SYN
from hardtack.packet.reasons import Reason, verdict

CONFIGURATION = """
[front]
interface = "eth9"
key_file = "key"
deny = ["203.0.113.0/24"]

[[host]]
name = "web"
addresses = ["192.0.2.0/24", "2001:db8::10"]
ports = [80]
handshake = "agent"
via = "kernel"
rules = ["drop udp and src port 53", "count tcp[tcpflags] = tcp-rst"]
"""
Explain = Callable[..., tuple[int, str]]

FRAMES = (
    (segment(4, LINUX_OPTIONS, flags=SYN), Reason.answered),
    (segment(6, LINUX_OPTIONS, flags=SYN), Reason.answered),
    (segment(4, b"", flags=ACK), Reason.stray_ack),
    (segment(4, b"", flags=RST), Reason.stray_rst),
    (segment(4, b"", flags=SYN, to="198.51.100.1"), Reason.not_ours),
    (arp(), Reason.not_ip),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A capture as `hardtack capture` writes it. The first was something else to that front."""
    path = tmp_path / "some.pcapng"
    with path.open("wb") as output:
        made = capturing.File(output, Request())
        for number, (frame, reason) in enumerate(FRAMES):
            said = Reason.host_limit if number == 0 else reason
            made.write(
                Taken(
                    when=1_795_866_218_360_956_000 + number,
                    front="eth0",
                    interface="eth0",
                    host="web",
                    verdict=verdict(said),
                    reason=said,
                    cpu=0,
                    length=len(frame),
                    frame=frame,
                    link="ethernet",
                    outbound=False,
                    tcx=False,
                    action=1,
                )
            )
        made.close(len(FRAMES), 0)
    return path


@pytest.fixture
def explain(tmp_path: Path) -> Explain:
    """The command; exit status and output."""
    config = tmp_path / "hardtack.toml"
    config.write_text(CONFIGURATION)

    def run(*arguments: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["explain", str(config), *map(str, arguments)])
        return done.exit_code, done.output or str(done.exception)

    return run


def test_each_frame_has_its_reason(file: Path, explain: Explain) -> None:
    status, text = explain(file, "--json")
    rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert status == 0
    assert [row["reason"] for row in rows] == [reason.name for _, reason in FRAMES]
    assert [row["verdict"] for row in rows] == [verdict(reason).name for _, reason in FRAMES]
    assert [row["captured"].split()[1].rstrip(",") for row in rows[1:]] == [row["reason"] for row in rows[1:]]


def test_what_the_phases_have_found_is_told(file: Path, explain: Explain) -> None:
    _, first = explain(file, "--frame", 1)
    packet = network(FRAMES[0][0])
    assert not isinstance(packet, Reason)
    for words in (
        'host       "web", for 192.0.2.10',
        "flags S, 0 bytes of data; offers MSS 1460, window scale 7, sack, timestamps",
        "REPLY answered: a SYN answered with a cookie",
        "DROP host_limit, host web, CPU 0: a SYN beyond the host's SYN-ACK limit (differs: the front had its own",
        "cookies cannot be checked",
    ):
        assert words in first
    assert 'matches "count tcp[tcpflags] = tcp-rst"' in explain(file, "-n", 4)[1]
    assert "198.51.100.1 belongs to no host" in explain(file, "-n", 5)[1]
    assert "parse      neither IPv4 nor IPv6" in explain(file, "-n", 6)[1]


def test_mistakes(file: Path, explain: Explain, tmp_path: Path) -> None:
    assert "no frame 7" in explain(file, "-n", 7)[1]
    assert "No such file or directory" in explain(tmp_path / "none")[1]


def test_comments_of_damaged_files_end_where_the_damage_is(file: Path) -> None:
    whole = file.read_bytes()
    assert len([*comments(file)]) == len(FRAMES)
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        assert len([*comments(file)]) <= len(FRAMES)
