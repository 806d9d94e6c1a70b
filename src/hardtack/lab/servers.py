"""Servers in the lab: nginx, iperf3, and a talker (talker.py) for what these cannot show. Once entered, they are ready."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardtack.lab.folder import folder
from hardtack.lab.namespaces import LabError, Namespace
from hardtack.lab.process import Process, ProcessFailed
from hardtack.lab.talker import pattern

SMALL, BIG = 1_000, 5_000_000  # bytes served as /small and /big

CONFIGURATION = """
user root;  # the lab's folder is nobody else's business
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1000; }}
http {{
    access_log {access_log};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
{listen}
        root {folder}/www;
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running nginx. `folder` holds its configuration, its logs and, in www, its pages."""

    process: Process
    folder: Path

    @property
    def log(self) -> str:
        """Its error log so far."""
        return (self.folder / "error.log").read_text(errors="replace")


def nginx_program() -> str | None:
    """Where nginx is, if it is installed: in a place that not every user's PATH has."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def nginx(
    inside: Namespace,
    addresses: Iterable[str],
    ports: Sequence[int] = (80,),
    *,
    access_log: bool = False,
    cpu: int | None = None,
) -> Iterator[Nginx]:
    """nginx on every address (IPv4, IPv6) and port; /small and /big are there to be fetched."""
    program = nginx_program()
    if not program:
        raise LabError("nginx is not installed: apt-get install nginx-light")
    places = [(address, port) for address in addresses for port in ports]
    with folder("nginx") as here:
        _write_pages(here / "www")
        listen = "\n".join(f"        listen {bracketed(address)}:{port};" for address, port in places)
        log = here / "access.log" if access_log else "off"
        (here / "nginx.conf").write_text(CONFIGURATION.format(folder=here, listen=listen, access_log=log))
        command = [program, "-p", here, "-c", here / "nginx.conf", "-e", here / "error.log"]
        with Process(command, inside, cpu=cpu) as process:
            _wait_until_listening(inside, places, process)
            yield Nginx(process, here)


@contextmanager
def talker(
    inside: Namespace, addresses: Iterable[str], ports: Iterable[int], *, listeners: int = 1, greeting: str = ""
) -> Iterator[Process]:
    """The server that does what it is told, on every address and port; see talker.py."""
    where = [f"--address={address}" for address in addresses] + [f"--port={port}" for port in ports]
    options = [f"--listeners={listeners}", f"--greeting={greeting}"]
    with Process([sys.executable, "-m", "hardtack.lab.talker", *where, *options], inside) as process:
        process.wait_for("^ready$")
        yield process


@contextmanager
def iperf3(inside: Namespace) -> Iterator[Process]:
    """iperf3 at every address of a namespace, IPv4 and IPv6, on its usual port 5201: one test at a time."""
    if not shutil.which("iperf3"):
        raise LabError("iperf3 is not installed: apt-get install iperf3")
    with Process(["iperf3", "--server", "--forceflush"], inside) as process:
        process.wait_for("Server listening")
        yield process


def bracketed(address: str) -> str:
    """As URLs and nginx want it: [2001:db8::1]."""
    return f"[{address}]" if ":" in address else address


def _write_pages(folder: Path) -> None:
    folder.mkdir()
    (folder / "small").write_bytes(pattern(SMALL))
    (folder / "big").write_bytes(pattern(BIG))


def _wait_until_listening(inside: Namespace, places: list[tuple[str, int]], process: Process, timeout: float = 10) -> None:
    """nginx does not say when it is ready: ask every port."""
    deadline = time.monotonic() + timeout
    while not all(inside.call(_answers, place) for place in places):
        if process.returncode is not None or time.monotonic() > deadline:
            raise ProcessFailed("nginx does not listen: " + " / ".join(process.lines[-5:]))
        time.sleep(0.02)


def _answers(place: tuple[str, int]) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in place[0] else socket.AF_INET) as probe:
        probe.settimeout(1)
        return probe.connect_ex(place) == 0
