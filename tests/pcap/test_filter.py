"""`hardtack filter` as people meet it, and captures of every form that it reads."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from naive.frames import VLAN, Ethernet, IPv6, Tcp, frame, padded
from test_cli import ENVIRONMENT, HARDTACK, UNPRIVILEGED, hardtack, refused

from hardtack.kernel.bpf import privileged
from hardtack.pcap.captures import Capture, Output, Packet
from hardtack.pcap.summary import summary
from pcap.frames import other_frames

WEB = frame(tcp=Tcp(destination_port=80))
FRAMES = [
    WEB,
    frame(IPv6(), Tcp(destination_port=443)),
    frame(tcp=Tcp(destination_port=80), link=Ethernet(tags=((VLAN, 5),))),
]
TIME = 1_700_000_000, 123_456_789
RAW, COOKED = 101, 113  # LINKTYPE_RAW, LINKTYPE_LINUX_SLL


def classic_file(frames: Iterable[bytes], order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1) -> bytes:
    """pcap: draft-ietf-opsawg-pcap. Every frame is one byte shorter on the wire than there."""
    fraction = TIME[1] if magic == 0xA1B23C4D else TIME[1] // 1000
    packets = [struct.pack(f"{order}IIII", TIME[0], fraction, len(each), len(each) + 1) + each for each in frames]
    return struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link) + b"".join(packets)


def block(order: str, kind: int, body: bytes) -> bytes:
    """A block of a pcapng file."""
    size = 12 + len(body)
    return struct.pack(f"{order}II", kind, size) + body + struct.pack(f"{order}I", size)


def next_file(frames: Iterable[bytes], order: str = "<") -> bytes:
    """pcapng: draft-ietf-opsawg-pcapng; times in nanoseconds."""
    parts = [block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))]
    parts.append(block(order, 1, struct.pack(f"{order}HHIHHB7x", 1, 0, 65535, 9, 1, 9)))
    ticks = TIME[0] * 10**9 + TIME[1]
    for each in frames:
        head = struct.pack(f"{order}IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(each), len(each) + 1)
        parts.append(block(order, 6, head + each + bytes(-len(each) % 4)))
    return b"".join(parts)


FORMS = {
    "little": classic_file(FRAMES),
    "big": classic_file(FRAMES, ">"),
    "nanoseconds": classic_file(FRAMES, "<", 0xA1B23C4D),
    "big nanoseconds": classic_file(FRAMES, ">", 0xA1B23C4D),
    "pcapng": next_file(FRAMES),
    "big pcapng": next_file(FRAMES, ">"),
}


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Three frames, the last with a tag."""
    path = tmp_path / "frames.pcap"
    path.write_bytes(FORMS["nanoseconds"])
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(tmp_path: Path, form: str) -> None:
    (tmp_path / "capture").write_bytes(FORMS[form])
    with Capture(tmp_path / "capture") as opened:
        fraction = TIME[1] if "nano" in form or "ng" in form else TIME[1] // 1000 * 1000
        assert list(opened.packets()) == [Packet(TIME[0], fraction, len(each) + 1, each) for each in FRAMES]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    packets = [Packet(second, 999_999_999, 2000, each) for second, each in enumerate(FRAMES)]
    with Output(tmp_path / "capture", "ethernet") as output:
        for packet in packets:
            output.write(packet)
        output.flush()
    with Capture(tmp_path / "capture") as opened:
        assert list(opened.packets()) == packets


def test_it_says_what_an_expression_becomes() -> None:
    done = hardtack("filter", "--ebpf", "tcp dst port 80")
    assert (done.returncode, done.stderr) == (0, "")
    first, sees, ebpf, costs, classic, *code = done.stdout.splitlines()
    assert first == "tcp dst port 80"
    assert sees.split(maxsplit=1) == ["sees", "the frame without its VLAN tags, two at most"]
    assert "instructions, alone in a program" in ebpf
    assert ("walked by the verifier" in ebpf) == privileged()
    assert "ns a frame in native code" in costs and costs.endswith("on 8 frames of usual kinds")
    assert (" ns in the kernel; " in costs) == privileged()
    assert classic.split() == ["classic", "16", "instructions"]
    assert code[0].startswith("(000) ldh      [12]") and code[15] == "(015) ret      #0"
    assert sum(line.startswith("        ") for line in code) == int(ebpf.split()[1])
    assert "the expression has the word `vlan`" in hardtack("filter", "vlan 5").stdout


def test_it_says_which_frames_match(capture: Path) -> None:
    done = hardtack("filter", "tcp dst port 80", capture, TZ="UTC")
    assert (done.returncode, done.stderr) == (0, "2 of 3 frames match\n")
    assert done.stdout.splitlines()[-2:] == [
        "      1  22:13:20.123456  198.51.100.7:40000 > 192.0.2.10:80 TCP [S] 55 bytes",
        "      3  22:13:20.123456  vlan 5, 198.51.100.7:40000 > 192.0.2.10:80 TCP [S] 59 bytes",
    ]
    none = hardtack("filter", "udp", capture)
    assert (none.returncode, none.stderr) == (1, "0 of 3 frames match\n")
    assert hardtack("filter", "vlan and tcp", capture).stderr == "1 of 3 frames match\n"
    assert hardtack("filter", "len = 55", capture).stderr == "2 of 3 frames match\n"  # on the wire, without the tag


def test_json(capture: Path) -> None:
    done = hardtack("filter", "--json", "tcp dst port 80", capture)
    program, *found = map(json.loads, done.stdout.splitlines())
    assert [program["expression"], program["sees"], program["timed_on"]] == ["tcp dst port 80", "untagged frame", "capture"]
    assert len(program["classic"]) == 16 and program["frames_timed"] == 3 and program["native_ns"] >= 0
    assert (program["kernel_ns"] is None) == (not privileged())
    assert [each["frame"] for each in found] == [1, 3]
    assert found[0] == {
        "frame": 1,
        "time": 1_700_000_000.123457,
        "length": 55,
        "summary": "198.51.100.7:40000 > 192.0.2.10:80 TCP [S] 55 bytes",
    }


def test_what_matches_is_written(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert hardtack("filter", "tcp dst port 80", capture, "-w", out).returncode == 0
    with Capture(out) as opened:
        assert list(opened.packets()) == [Packet(*TIME, len(each) + 1, each) for each in (FRAMES[0], FRAMES[2])]


def test_standard_input_and_a_reader_who_has_seen_enough(capture: Path) -> None:
    command = [*HARDTACK, "filter", "tcp", "-"]
    done = subprocess.run(command, input=capture.read_bytes(), env=ENVIRONMENT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"3 of 3 frames match\n")
    with subprocess.Popen([*HARDTACK, "filter", "tcp", capture], env=ENVIRONMENT, stdout=-1, stderr=-1) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_packets_without_ethernet(tmp_path: Path) -> None:
    (tmp_path / "raw.pcap").write_bytes(classic_file([each[14:] for each in FRAMES[:2]], link=RAW))
    done = hardtack("filter", "tcp dst port 443", tmp_path / "raw.pcap")
    assert done.stderr == "1 of 2 frames match\n"
    assert "the packet, which begins with its IP header" in done.stdout
    assert "[2001:db8::1]:40000 > [2001:db8::2]:443 TCP [S]" in done.stdout
    told = refused("filter", "ether host 02:00:00:00:0c:01", tmp_path / "raw.pcap")
    assert told.endswith(
        "ethernet addresses supported only on ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel (libpcap)"
    )


def test_mistakes(capture: Path, tmp_path: Path) -> None:
    assert "`example.org` (character 6) is a name" in refused("filter", "host example.org")
    assert refused("filter", "tcp", tmp_path / "none") == f"capture {tmp_path}/none: No such file or directory"
    assert refused("filter", "tcp", __file__).endswith("unknown file format")
    assert refused("filter", "tcp", "-w", tmp_path / "out").startswith("Invalid value: --write needs a capture")
    assert refused("filter", "tcp", capture, "-w", capture).endswith("is the capture file itself: write to another file")
    cooked = tmp_path / "any.pcap"
    cooked.write_bytes(classic_file([], link=COOKED))
    assert "has frames of type LINUX_SLL: capture on one interface" in refused("filter", "tcp", cooked)


def test_a_damaged_file_is_told_after_what_was_good(capture: Path) -> None:
    whole = hardtack("filter", "len > 0", capture).stdout.splitlines()
    capture.write_bytes(capture.read_bytes()[:-5])
    done = hardtack("filter", "len > 0", capture)
    assert done.returncode == 2
    assert [line[:40] for line in done.stdout.splitlines() if "ns a frame" not in line] == [
        line[:40] for line in whole[:-1] if "ns a frame" not in line
    ]
    matched, why = done.stderr.splitlines()
    assert matched.endswith("frames match") and "truncated dump file" in why


def test_a_full_disk_is_told(capture: Path) -> None:
    done = hardtack("filter", "tcp", capture, "-w", "/dev/full")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == ["hardtack: /dev/full cannot be written: is the disk full?"]


@pytest.mark.skipif(not UNPRIVILEGED, reason="needs root, to give it up")
def test_without_root() -> None:
    done = hardtack("filter", "tcp", prefix=UNPRIVILEGED)
    assert done.returncode == 0
    assert "not measured in the kernel (needs root)" in done.stdout


def test_every_frame_has_a_line() -> None:
    lines = [summary(each[:size], len(each)) for each in [*other_frames(), *FRAMES] for size in range(len(each) + 1)]
    assert all(line.isprintable() and line.endswith(" bytes") for line in lines)
    assert summary(padded(b"\xff" * 12 + b"\x08\x06"), 60) == "ff:ff:ff:ff:ff:ff > ff:ff:ff:ff:ff:ff ARP 60 bytes"
