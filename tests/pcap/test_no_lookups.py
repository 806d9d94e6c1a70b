"""No expression asks the DNS: nothing arrives at the only name server there is. libpcap left to itself would ask."""

from __future__ import annotations

import ctypes
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from kernel_ground import needs_root

from hardtack.pcap import libpcap
from hardtack.pcap.libpcap import ExpressionError, RawProgram
from pcap.corpus import EXPRESSIONS

NAMES = ["http", "domain", "nonesuch", "www.example.org", "localhost", "loopback", "tcp", "a-b", "1.2.3.4.5", "dead.beef"]
PLACES = """
host NAME; net NAME; port NAME; portrange NAME-NAME; proto NAME; ip proto NAME; ether host NAME; ether proto NAME
NAME; gateway NAME; src NAME; dst net NAME; not NAME; tcp and NAME; host 10.0.0.1 or NAME; port 80 or NAME
(port 80) and NAME; host (10.0.0.1 or NAME); port 1 and (src NAME); host 10.0.0.1 and (port 80 or (tcp)) or NAME
ether src \\NAME; src port NAME; port 80 and (host 10.0.0.1) or NAME; ip host NAME; arp NAME; vlan NAME; mpls NAME
llc NAME; len > NAME; tcp[NAME] = 1; net 10.0.0.0 mask NAME; host NAME/24; addr1 NAME; type NAME; dir NAME
port 80 or not (tcp or not NAME); src or dst host NAME
"""
EACH = [place.strip() for line in PLACES.strip().splitlines() for place in line.split(";")]
ATTEMPTS = [place.replace("NAME", name) for place in EACH for name in NAMES]


def asked(server: socket.socket) -> int:
    """How many questions have come."""
    count = 0
    with suppress(BlockingIOError):
        while server.recv(4096):
            count += 1
    return count


def compiled(expressions: list[str]) -> int:
    """How many of them became programs."""
    count = 0
    for expression in expressions:
        with suppress(ExpressionError):
            libpcap.compile(expression)
            count += 1
    return count


def unguarded(expression: str) -> None:
    """What libpcap does with it if nobody looks first."""
    pcap, program = libpcap.library(), RawProgram()
    pcap.pcap_compile(pcap.pcap_open_dead(1, 262144), ctypes.byref(program), expression.encode(), 1, 0)


def main() -> None:
    """In namespaces of its own, where the name server is this process."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    settings = Path(sys.argv[1])
    settings.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    switch = settings.with_name("nsswitch.conf")
    switch.write_text("hosts: files dns\nnetworks: files dns\nservices: files\nprotocols: files\nethers: files\n")
    for file in (settings, switch):
        subprocess.run(["mount", "--bind", file, f"/etc/{file.name}"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        server.setblocking(False)
        many = compiled(EXPRESSIONS), compiled(ATTEMPTS)
        before = asked(server)
        unguarded("host www.example.org")
        print(*many, before, asked(server) > 0)


@needs_root
def test_nothing_is_asked(tmp_path: Path) -> None:
    command = ["unshare", "--net", "--mount", sys.executable, "-m", "pcap.test_no_lookups", str(tmp_path / "resolv.conf")]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    corpus, attempts, before, after = done.stdout.split()
    assert (int(corpus), before, after) == (len(EXPRESSIONS), "0", "True")
    assert 10 < int(attempts) < 100  # ports and protocols by name


if __name__ == "__main__":
    main()
