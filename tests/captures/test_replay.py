"""`hardtack replay`: what it says of captures, what it writes, and what it says of what cannot be."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lab_ground import eventually
from naive.frames import ACK, PSH, SYN, IPv4, Tcp, frame
from typer.testing import CliRunner

from captures.written import NS, US, Pcapng, Shot, pcap, pcapng
from hardtack.cli.app import app
from hardtack.cli.replaying import bar
from hardtack.lab.bench.frames import arp
from hardtack.pcap.captures import Capture, Packet

CONFIGURATION = """
[front]
interface = "eth9"
key_file = "key"
grace = "10s"

[[host]]
name = "web"
addresses = ["192.0.2.0/24"]
ports = [80]
handshake = "agent"
via = "mac"
mac = "52:54:00:12:34:56"
rules = ["drop udp and src port 53", "count tcp[tcpflags] = tcp-ack"]
"""
HEARD = CONFIGURATION.replace('interface = "eth9"', 'interface = "eth9"\ninside = ["eth8"]').replace(
    'mac = "52:54:00:12:34:56"', 'mac = "52:54:00:12:34:56"\nout = "eth8"'
)
CLIENT, WEB, MAC = "198.51.100.7", "192.0.2.10", bytes.fromhex("525400123456")
BEGIN, SECOND = 1_795_866_240_000_000_000, 10**9  # an epoch begins then
ISN = 1000
COMMAND: list[str | Path] = [sys.executable, "-m", "hardtack", "replay"]


class Ran(NamedTuple):
    """How the command ended, and what it said."""

    status: int
    text: str
    errors: str

    @property
    def told(self) -> Any:
        """The JSON object."""
        return json.loads(self.text)

    def reasons(self, host: str = "web") -> dict[str, int]:
        """Those that are not 0."""
        found = self.told["hosts"][host] if host else self.told["no_host"]
        return {name: count for name, count in found["reasons"].items() if count}


Replay = Callable[..., Ran]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    (folder / "hardtack.toml").write_text(CONFIGURATION)
    (folder / "heard.toml").write_text(HEARD)
    (folder / "key").write_text("17" * 32 + "\n")
    (folder / "key").chmod(0o600)
    return folder


@pytest.fixture
def replay(place: Path) -> Replay:
    """The command, with the configuration, on captures of these frames, which are files `in.pcap` and `in2.pcap`."""

    def run(
        content: bytes | Sequence[Shot], *options: object, inside: Sequence[Shot] = (), config: str = "hardtack.toml"
    ) -> Ran:
        data = content if isinstance(content, bytes) else pcap(content, magic=NS)
        (place / "in.pcap").write_bytes(data)
        if inside:
            (place / "in2.pcap").write_bytes(pcap(inside, magic=NS))
            options = (*options, "--inside", place / "in2.pcap")
        return invoked(place / config, place / "in.pcap", *options)

    return run


def invoked(*arguments: object, given: bytes = b"") -> Ran:
    """The command line, in this process; as the program would end."""
    done = CliRunner().invoke(app, ["replay", *map(str, arguments)], input=given)
    error = done.exception
    if error is None or isinstance(error, SystemExit):
        return Ran(done.exit_code, done.stdout, done.stderr)
    if not type(error).__module__.startswith("hardtack."):
        raise error
    return Ran(getattr(error, "status", 1), done.stdout, done.stderr + str(error))


def segment(flags: int, seq: int = ISN, ack: int = 0, data: bytes = b"", port: int = 40000, back: bool = False) -> bytes:
    """From the client, or to it."""
    ends = (WEB, CLIENT) if back else (CLIENT, WEB)
    ports = (80, port) if back else (port, 80)
    return frame(IPv4(*ends), Tcp(*ports, seq, ack, flags, payload=data))


def packets(path: Path) -> list[Packet]:
    """As libpcap reads them."""
    with Capture(path) as opened:
        return [*opened.packets()]


def handshake(replay: Replay, place: Path) -> list[Shot]:
    """A client's frames, with the cookie that the front with this key gives at that time."""
    replay([Shot(segment(SYN), BEGIN)], "-o", place / "syn-ack.pcapng")
    (answer,) = packets(place / "syn-ack.pcapng")
    cookie = int.from_bytes(answer.frame[38:42], "big")
    return [
        Shot(segment(SYN), BEGIN),
        Shot(segment(ACK, ISN + 1, cookie + 1), BEGIN + 20_000_000),
        Shot(segment(ACK | PSH, ISN + 1, cookie + 1, b"GET / HTTP/1.0"), BEGIN + 21_000_000),
    ]


def test_what_a_handshake_comes_to(replay: Replay, place: Path) -> None:
    shots = handshake(replay, place)
    others = [Shot(arp(), BEGIN + 30_000_000), Shot(segment(ACK, 5, 5, port=1), BEGIN + 31_000_000)]
    ran = replay([*shots, *others], "--no-grace", "--json", "-o", place / "out.pcapng")
    assert (ran.status, ran.errors) == (0, "")
    assert ran.reasons() == {"answered": 1, "remembered": 1, "connection": 1, "stray_ack": 1}
    assert ran.reasons("") == {"not_ip": 1}
    told = ran.told
    assert (told["frames"], told["sent"], told["late"], told["damage"]) == (5, 3, 0, None)
    assert (told["first"], told["last"]) == (BEGIN / SECOND, BEGIN / SECOND + 0.031)
    assert told["hosts"]["web"]["verdicts"] == {"PASS": 0, "DROP": 1, "REPLY": 1, "FORWARD": 2}
    assert [(rule["rule"], rule["frames"]) for rule in told["rules"]] == [
        ("drop udp and src port 53", 0),
        ("count tcp[tcpflags] = tcp-ack", 2),
    ]
    sent = packets(place / "out.pcapng")
    assert [one.seconds * SECOND + one.nanoseconds for one in sent] == [shot.time for shot in shots]
    assert sent[0].frame[26:34] == shots[0].frame[30:34] + shots[0].frame[26:30]  # addresses, turned round
    for one, shot in zip(sent[1:], shots[1:], strict=True):
        assert one.frame[:6] == MAC and one.frame[12:] == shot.frame[12:]


def test_the_page_for_people(replay: Replay, place: Path) -> None:
    ran = replay(handshake(replay, place), "--no-grace")
    for words in (
        "3 frames in 0.0 s\n",
        "0.021 s\n",
        "total: 3 frames, replied 1, forwarded 2\n",
        "remembered       1  a valid cookie: the connection is now known",
        "rules of web:\n  drop udp and src port 53: 0 frames, 0 bytes\n",
    ):
        assert words in ran.text, ran.text
    assert "\x1b" not in ran.text and ran.status == 0
    long = replay([Shot(segment(SYN, port=port), BEGIN + port * SECOND // 50) for port in range(101)])
    assert "total: 101 (50/s) frames, replied 101 (50/s)\n" in long.text, long.text


def test_one_frame_explained(replay: Replay, place: Path) -> None:
    """With the state that those before it have left."""
    shots = handshake(replay, place)
    valid = replay(shots, "--no-grace", "--explain", 2)
    for words in ("cookie     valid", "connection not known at that time", "FORWARD remembered", 'matches "count tcp'):
        assert words in valid.text, valid.text
    known = replay(shots, "--no-grace", "-n", 3).text
    assert f"connection known, established: {CLIENT}:40000 > {WEB}:80, learned by cookie 0.0s before" in known, known
    assert "before     198.51.100.7:40000 > 192.0.2.10:80 TCP [P.] 68 bytes" in known
    assert "    0x0000:  5254 0012 3456 " in known and "GET / HTTP" in known
    again = replay(shots, "--no-grace", "-n", 3, "--json").told["explained"]
    assert (again["frame"], again["reason"], again["known"]["origin"]) == (3, "connection", "cookie")
    assert bytes.fromhex(again["before"]) == shots[2].frame and bytes.fromhex(again["after"])[:6] == MAC
    dropped = replay([Shot(segment(ACK), BEGIN)], "--no-grace", "-n", 1).text
    assert "cookie     no valid cookie, or not checked" in dropped and "after      nothing: it is dropped" in dropped
    assert "after      the same" in replay([Shot(arp(), BEGIN)], "-n", 1).text
    beyond = replay(shots, "-n", 4)
    assert (beyond.status, "no frame 4: it has 3" in beyond.errors) == (2, True)


def test_the_grace_period_begins_with_the_first_frame(replay: Replay) -> None:
    shots = [Shot(segment(ACK, port=port), BEGIN + port * SECOND) for port in (1, 2, 10, 12, 13)]
    assert replay(shots, "--json").reasons() == {"learned": 3, "stray_ack": 2}
    assert replay(shots, "--no-grace", "--json").reasons() == {"stray_ack": 5}


def test_what_hosts_send_teaches(replay: Replay) -> None:
    """And nobody waits for a word from them that is not in any capture."""
    syn_ack = Shot(segment(SYN | ACK, 7, ISN + 1), BEGIN + 1000)
    assert replay([syn_ack], "--no-grace", "--json").reasons() == {"stray_syn_ack": 1}
    hosts = [Shot(segment(SYN, ISN, back=True), BEGIN)]
    ran = replay([syn_ack], "--no-grace", "--json", inside=hosts, config="heard.toml")
    assert ran.reasons() == {"taught": 1, "connection": 1}
    assert [one["frames"] for one in ran.told["captures"]] == [1, 1]
    acks = [Shot(segment(ACK, ISN + 1, 9, data=b"x"), BEGIN + number * 1_000_000) for number in range(200)]
    for config in ("hardtack.toml", "heard.toml"):
        assert replay(acks, "--json", config=config).reasons() == {"learned": 1, "connection": 199}


def test_keys_are_there_whenever_it_was(replay: Replay) -> None:
    hours = (0, 1, 2, 24, 23, 10_000, 0, 3)
    shots = [Shot(segment(SYN, port=port), BEGIN + hour * 3600 * SECOND) for port, hour in enumerate(hours)]
    ran = replay(shots, "--json")
    assert ran.reasons() == {"answered": len(hours)}
    shots = [Shot(segment(SYN), time) for time in (0, 1, 64 * SECOND - 1, 64 * SECOND, (1 << 32) * SECOND - 1)]
    assert replay(shots, "--json").reasons() == {"answered": len(shots)}


def test_times_that_go_back_are_told_and_do_no_harm(replay: Replay) -> None:
    """A little, and the clock waits; far, and it goes on: budgets are there again."""
    shots = [Shot(segment(SYN), BEGIN + time) for time in (0, 5000, 2000, 6000)]
    ran = replay(shots, "--json")
    assert (ran.told["late"], ran.told["last"]) == (1, BEGIN / SECOND + 0.000006)
    assert "1 frames are older than one before them, by up to 0.000003 s" in ran.errors
    far = [Shot(segment(SYN, port=number), BEGIN - number * 3600 * SECOND) for number in range(5)]
    assert replay(far, "--json").told["late"] == 4


def test_snapped_frames_are_judged_by_what_there_is(replay: Replay) -> None:
    data = segment(ACK | PSH, data=bytes(1400))
    shots = [Shot(data[:96], BEGIN, len(data)), Shot(segment(SYN)[:40], BEGIN, 60), Shot(segment(ACK), BEGIN)]
    ran = replay(shots, "--json")
    assert ran.reasons() == {"learned": 1, "cut_short": 1, "connection": 1}
    assert ran.told["hosts"]["web"]["bytes"]["learned"] == len(data)
    assert "2 of 3 frames were captured in part" in ran.errors


def test_other_links(replay: Replay) -> None:
    made = Pcapng().section().interface(101).interface(147)
    made.packet(Shot(segment(SYN)[14:], BEGIN)).packet(Shot(b"what", BEGIN, interface=1))
    ran = replay(made.data, "--json")
    assert ran.reasons() == {"answered": 1} and ran.told["captures"][0]["links"] == {"147": 1}
    assert "1 frames are skipped: their link type, 147, is not supported" in ran.errors
    assert "no frame 2: that one was skipped, for its link type" in replay(made.data, "-n", 2).errors


def test_damage_ends_a_replay_and_loses_nothing(replay: Replay, place: Path) -> None:
    shots = [Shot(segment(SYN, port=port), BEGIN) for port in range(1, 4)]
    for data in (pcap(shots, magic=NS), pcapng(shots)):
        ran = replay(data[:-5], "--json", "-o", place / "out.pcapng")
        assert ran.status == 1 and ran.reasons() == {"answered": 2}
        assert f"capture {place / 'in.pcap'} is damaged at byte " in ran.errors
        assert ", after frame 2: it ends within a " in ran.errors
        damage = ran.told["damage"]
        assert (damage["path"], damage["frames"]) == (str(place / "in.pcap"), 2)
        assert len(packets(place / "out.pcapng")) == 2


def test_standard_input(place: Path) -> None:
    """Of the program itself."""
    data = pcap([Shot(segment(SYN), BEGIN)] * 1000, magic=US)
    done = subprocess.run([*COMMAND, place / "hardtack.toml", "-", "--json"], input=data, capture_output=True, check=True)
    assert json.loads(done.stdout)["hosts"]["web"]["reasons"]["answered"] > 0
    assert done.stderr == b"" and json.loads(done.stdout)["frames"] == 1000


def test_an_interrupt_ends_it_with_what_there_is(place: Path) -> None:
    """It has written some, and waits for more."""
    command, out = [*COMMAND, place / "hardtack.toml", "-", "-o", place / "cut.pcapng"], place / "cut.pcapng"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin
        running.stdin.write(pcap([Shot(segment(ACK), BEGIN + number * 1_000_000) for number in range(20_000)], magic=NS))
        running.stdin.flush()
        assert eventually(lambda: out.exists() and out.stat().st_size > 1 << 20, 60)
        running.send_signal(signal.SIGINT)
        text, errors = running.communicate()
    assert (running.returncode, errors) == (130, b"")
    assert re.search(rb"^[\d,]+ frames in ", text) and len(packets(out)) > 10_000


def test_mistakes(replay: Replay, place: Path) -> None:
    good, toml = pcap([Shot(segment(SYN), BEGIN)]), place / "hardtack.toml"
    (place / "other.pcap").write_bytes(good)
    for ran, status, words in (
        (replay(b"\x1f\x8b" + bytes(50)), 2, f"compressed with gzip: use `zcat {place}/in.pcap |` and - for the file"),
        (replay(b""), 2, "is empty"),
        (replay(b"#!/bin/sh\n"), 2, "is not a capture file (pcap or pcapng)"),
        (replay(good, "-o", place / "in.pcap"), 2, "is read in this replay: write to another file"),
        (replay(good, "-o", toml), 2, "is read in this replay: write to another file"),
        (replay(good, "-o", "-"), 2, "-o needs a file"),
        (replay(good, "-o", "/dev/full"), 1, "/dev/full cannot be written: No space left on device"),
        (replay(good, "-o", place / "none" / "out"), 1, "out cannot be written: No such file or directory"),
        (invoked(toml, "-", "--inside", "-"), 2, "only one capture can be read from standard input"),
        (invoked(toml, place / "none.pcap"), 2, "none.pcap cannot be read: No such file or directory"),
        (invoked(toml, place), 2, "cannot be read: Is a directory"),
        (invoked(place / "none.toml", place / "other.pcap"), 2, "none.toml"),
    ):
        assert ran.status == status and words in ran.errors, (ran.errors, words)
    assert (place / "other.pcap").read_bytes() == good


def test_a_refused_capture_leaves_the_output_as_it_was(replay: Replay, place: Path) -> None:
    (place / "kept.pcapng").write_bytes(b"something")
    assert replay(b"no capture at all", "-o", place / "kept.pcapng").status == 2
    assert (place / "kept.pcapng").read_bytes() == b"something"


def test_without_a_key(replay: Replay, place: Path) -> None:
    (place / "keyless.toml").write_text(CONFIGURATION.replace('"key"', '"no-key"'))
    ran = replay([Shot(segment(SYN), BEGIN)], "--json", config="keyless.toml")
    assert ran.reasons() == {"answered": 1}
    assert "no key file can be read: cookies are made and checked with a random key" in ran.errors


def test_nobody_reads(replay: Replay, place: Path) -> None:
    """As with `| head -1`."""
    replay([Shot(segment(SYN), BEGIN)])
    ours, theirs = os.pipe()
    os.close(ours)
    command = [*COMMAND, place / "hardtack.toml", place / "in.pcap"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_capture_without_frames(replay: Replay) -> None:
    assert "0 frames in 0.0 s" in replay([]).text


def test_progress() -> None:
    half = bar(500, 1000, 12, time.monotonic() - 10)
    assert half == f"[{'#' * 15:<30}]  50%  12 frames, 1 a second, 10 s left"
    assert bar(500, 0, 12, time.monotonic() - 6) == "12 frames, 2 a second"
