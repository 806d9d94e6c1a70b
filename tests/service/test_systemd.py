"""Front and agent as services of a real systemd: started, reloaded, restarted, stopped, with all that their units say.

A front's machine and a server, each with a systemd of its own. The tests are one story, told in the order of this file.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from doc_ground import named
from lab_ground import needs_root
from service.systemd_ground import CHECKOUT, PATIENCE, Machine, layer, machine, missing
from test_doc_commands import ELSEWHERE, UNDER_SYSTEMD

from hardtack.keys import make_key
from hardtack.lab import links, topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import sink
from hardtack.lab.clients import connect
from hardtack.lab.folder import folder
from hardtack.lab.servers import talker

TALK = 7
FRONT, AGENT, TARGET = "hardtack-front", "hardtack-agent@eth0", "hardtack.target"
FILE = "/etc/hardtack/hardtack.toml"
CONFIGURATION = f"""
[front]
interface = "eth0"
key_file = "/etc/hardtack/key"
inside = ["eth1"]
grace = "0s"
reload = "manual"

[[host]]
name = "web"
addresses = {json.dumps(SERVER)}
handshake = "agent"
via = "kernel"
rules = ["drop udp and src port 53"]
"""
# A system call that the filter refuses ends the process, so that none is refused in silence. clock_adjtime is asked in vain
# on purpose, for doctor's sake. And a watchdog that a test can wait for
STRICT = """[Service]
SystemCallFilter=clock_adjtime
SystemCallErrorNumber=kill
WatchdogSec=3
"""
UNITS = ("front", f"{FRONT}.service"), ("agent", "hardtack-agent@.service"), ("target", TARGET)

pytestmark = [needs_root, pytest.mark.skipif(bool(missing()), reason=missing())]


@dataclass
class Site:
    """Both machines, and the network that they are in. `session`: a connection that lasts from the first test on."""

    front: Machine
    server: Machine
    net: topology.Topology
    session: socket.socket | None = None

    def serves(self) -> None:
        """The old connection goes on, and a new one is made."""
        if not self.session:
            self.session = talking(self.net)
        with talking(self.net) as new:
            for one in (self.session, new):
                one.sendall(b"and again\n")
                assert one.recv(100) == b"and again\n"

    def counted(self, reason: str) -> int:
        """Frames of a reason, by the front's status."""
        found = json.loads(self.front.does("hardtack status --json"))
        return int(found["attached"][0]["hosts"]["web"]["reasons"][reason])


def talking(net: topology.Topology) -> socket.socket:
    """A client's connection, which the server echoes."""
    made = connect(net.client, SERVER[0], TALK, timeout=PATIENCE)
    made.sendall(b"echo\n")
    return made


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Units and all that belongs to them installed, as docs/first-hour.md has it; nothing started."""
    with ExitStack() as parts:
        place = parts.enter_context(folder("installed"))
        base = layer(place / "layer")
        (base / "srv").mkdir()
        make_key(base / "srv/KEY")
        net = parts.enter_context(topology.routed(street=named("near", "eth0"), yard=named("eth1", "eth0")))
        parts.enter_context(sink(net.near))
        parts.enter_context(talker(net.server, SERVER, [TALK]))
        made = Site(*(parts.enter_context(machine(one, base)) for one in (net.front, net.server)), net)
        for one in (made.front, made.server):
            for what, unit in UNITS:
                one.does(f"hardtack example {what} > /etc/systemd/system/{unit}")
            for what in ("sysusers.d", "tmpfiles.d"):
                one.does(f"install -Dm644 -t /etc/{what} {CHECKOUT}/etc/{what}/hardtack.conf")
            one.does("systemd-sysusers && systemd-tmpfiles --create hardtack.conf")
            one.does("mkdir /etc/hardtack && systemctl daemon-reload")
        yield made
        if made.session:
            made.session.close()


def main_pid(machine: Machine, unit: str) -> int:
    """Its main process, as the machine numbers them."""
    return int(machine.shows(unit, "MainPID")[0])


def test_they_are_active_once_they_protect(site: Site) -> None:
    """`enable --now` returns when segments are judged."""
    site.server.does("cp KEY /etc/hardtack/key && systemctl enable --now hardtack-agent@eth0")
    site.front.write(f"{FILE}.example", CONFIGURATION)
    site.front.does("cp KEY /etc/hardtack/key")
    site.front.does(f"cp {FILE}.example {FILE} && systemctl enable --now hardtack-front")
    site.serves()
    assert site.counted("answered") >= 2
    for one, unit, text in ((site.front, FRONT, "protecting 1 hosts on eth0"), (site.server, AGENT, "admitting clients on eth0")):
        assert one.shows(unit, "ActiveState", "SubState", "StatusText", "NRestarts") == ["active", "running", text, "0"]
        assert one.does(f"systemctl is-enabled {unit} {TARGET}").split() == ["enabled", "enabled"]


def test_status_and_journal_show_what_the_documents_say(site: Site) -> None:
    said = site.front.does("systemctl status hardtack-front")
    assert 'Status: "protecting 1 hosts on eth0"' in said and "INFO ready interface=eth0" in said
    assert "ready interface=eth0" in site.front.does("journalctl -u hardtack-front -g ready")
    site.front.run("journalctl -u hardtack-front -g hand-over")  # nothing to be seen: exit status 1
    for one, unit in ((site.front, FRONT), (site.server, AGENT)):
        everything, warnings = one.journal(unit), one.journal(unit, "--priority=warning")
        assert "INFO ready" in everything and "<6>" not in everything
        assert all(line.startswith("WARNING") for line in warnings.splitlines()), warnings
        for word in ("not permitted", "denied", "Read-only", "Traceback"):
            assert word not in everything, everything
