"""A rule that cannot be is named, with its line, and leaves all as it was: too much for the verifier, or for a program.

No expression makes the verifier give up. So libpcap's answer is replaced for one, in front and helper, by code that libpcap
would never make; that it is too much, the kernel says.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from handshake.attached import xdp_mode
from handshake.stage import PATIENCE, TALK

from fronts.running import Value, configuration
from fronts.test_reload import check, scene
from fronts.test_rules import matched, sent
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.process import run

PORT = 9000
STEPS = 20  # 2^20 ways through
HEAVY = "drop ip[8] = 77"
MAIN = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from hardtack.pcap import libpcap
from pcap.doubling import doubling
compile = libpcap.compile
libpcap.compile = lambda text, link="ethernet": doubling({STEPS}, text) if text == "ip[8] = 77" else compile(text, link)
from hardtack.cli import main
main()
"""
GOOD = [f"drop udp and dst port {PORT}", "count udp"]
LONG = [f"count {' or '.join(f'udp[{place}] = {n}' for place in range(100))}" for n in range(8)]
REFUSED = (
    '[[host]] "one" rules: found "drop ip[8] = 77", which the kernel\'s verifier rejects, together with the rules before '
    "it: BPF program is too large. Processed 1000001 insn; write fewer or simpler rules"
)
TOO_LONG = (
    '[[host]] "one" rules: found "count udp[0] = 5 or udp[1] = 5 or udp[2] = 5 or udp[3] = 5 o"..., which '
    "makes the program longer than eBPF's jumps reach; write fewer or shorter rules"
)


def one(rules: list[str]) -> dict[str, Value]:
    """The host with rules."""
    return {"name": "one", "addresses": SERVER, "via": "direct", "ports": [TALK], "rules": rules}


def wrapped(command: list[object]) -> list[object]:
    """`hardtack front` with another libpcap."""
    return [sys.executable, "-c", MAIN, *command[3:]]


def parted(file: Path) -> int:
    """Have one rule a line, of the only list there is: the line of the bracket."""
    text = file.read_text().splitlines()
    (number,) = (number for number, line in enumerate(text) if line.startswith("rules = ["))
    text[number] = text[number].replace('["', '[\n"').replace('", "', '",\n"')
    file.write_text("\n".join(text) + "\n")
    return number + 1


CASES = {"verifier": ([*GOOD, HEAVY], 3, REFUSED), "size": (LONG, 6, TOO_LONG)}


@pytest.mark.parametrize(("rules", "number", "told"), CASES.values(), ids=CASES)
def test_at_a_start(tmp_path: Path, rules: list[str], number: int, told: str) -> None:
    with topology.routed() as net:
        file = configuration(tmp_path, net.outside, [one(rules)])
        line = parted(file)
        done = run(wrapped([0, 0, 0, "front", file]), net.front, timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode().splitlines()[-1] == f"hardtack: {file}:{line + number}: {told}"
        assert b"Traceback" not in done.stderr and xdp_mode(net.outside) == ""
        if told == TOO_LONG:
            done = run([sys.executable, "-m", "hardtack", "check", file], net.front, timeout=PATIENCE)
            assert (done.returncode, done.stderr.decode()) == (2, f"hardtack: {file}:{line + number}: {told}\n")


def test_at_a_reload(tmp_path: Path) -> None:
    with scene(tmp_path, one(GOOD), wrapped=wrapped, reload="manual") as at, at.connect(SERVER[0]) as line:
        for rules, number, told in CASES.values():
            at.write(one(rules), reload="manual")
            told = f"{at.file}:{parted(at.file) + number}: {told}"
            status, said = at.reload()
            assert (status, said["outcome"], said["problems"]) == (1, "failed", [told])
            check(line)
            before = matched(at.net)
            assert [*before] == GOOD
            assert sent(at.net, SERVER[0], PORT) == 0 and sent(at.net, SERVER[0], PORT + 1) > 0
            assert matched(at.net)[GOOD[0]][0] > before[GOOD[0]][0]
            assert at.status()["reload"]["why"] == told
        at.write(one([*GOOD, "pass icmp"]), reload="manual")
        assert at.reload()[0] == 0 and len(matched(at.net)) == 3
