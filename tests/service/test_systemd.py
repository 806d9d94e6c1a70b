"""Front and agent as services of a real systemd: started, reloaded, restarted, stopped, with all that their units say.

A front's machine and a server, each with a systemd of its own. The tests are one story, told in the order of this file.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from doc_ground import named
from lab_ground import eventually, needs_root
from test_doc_commands import ELSEWHERE, UNDER_SYSTEMD

from hardtack.keys import make_key
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import sink
from hardtack.lab.clients import connect
from hardtack.lab.folder import folder
from hardtack.lab.servers import talker
from service.systemd_ground import CHECKOUT, PATIENCE, Machine, machine, missing, with_hardtack

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

[metrics]
prometheus = "127.0.0.1:9790"

[events]
command = ["/bin/sh", "-c", "cat >>/tmp/told"]
"""
# A system call that the filter refuses ends the process, so that none is refused in silence; but clock_adjtime, which is
# asked in vain (see test_systemd_units.py), and which ProtectClock refuses all the same
STRICT = """[Service]
SystemCallFilter=clock_adjtime
SystemCallErrorNumber=kill
Environment=HARDTACK_LOG=json
"""
METRICS = "/var/lib/hardtack/metrics/agent.prom"
IMPATIENT = "[Service]\nWatchdogSec=4\nRestartSec=0\n"
UNITS = ("front", f"{FRONT}.service"), ("agent", "hardtack-agent@.service"), ("target", TARGET)

pytestmark = [needs_root, pytest.mark.skipif(bool(missing()), reason=missing())]


@dataclass
class Site:
    """Both machines, and the network that they are in. `session`: a connection that lasts from the first test on."""

    front: Machine
    server: Machine
    net: topology.Topology
    session: socket.socket | None = None

    def services(self) -> tuple[tuple[Machine, str], ...]:
        """The front and the agent, with the machines that they are on."""
        return (self.front, FRONT), (self.server, AGENT)

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
        base = with_hardtack(place / "layer")
        (base / "srv").mkdir()
        make_key(base / "srv/KEY")
        net = parts.enter_context(topology.routed(street=named("near", "eth0"), yard=named("eth1", "eth0")))
        parts.enter_context(sink(net.near))
        parts.enter_context(talker(net.server, SERVER, [TALK]))
        front, server = (parts.enter_context(machine(one, base)) for one in (net.front, net.server))
        made = Site(front, server, net)
        for one in (made.front, made.server):
            for what, unit in UNITS:
                one.does(f"hardtack example {what} > /etc/systemd/system/{unit}")
            for what in ("sysusers.d", "tmpfiles.d"):
                one.does(f"install -Dm644 -t /etc/{what} {CHECKOUT}/etc/{what}/hardtack.conf")
            one.does("systemd-sysusers && systemd-tmpfiles --create hardtack.conf")
            one.does("mkdir /etc/hardtack")
            one.does("systemctl daemon-reload")
        yield made
        if made.session:
            made.session.close()


def test_they_are_active_when_they_protect(site: Site) -> None:
    """`enable --now` returns when segments are judged."""
    site.server.does("cp KEY /etc/hardtack/key && systemctl enable --now hardtack-agent@eth0")
    site.front.write(f"{FILE}.example", CONFIGURATION)
    site.front.does("cp KEY /etc/hardtack/key")
    site.front.does(f"cp {FILE}.example {FILE} && systemctl enable --now hardtack-front")
    site.serves()
    assert site.counted("answered") >= 2
    texts = "protecting 1 hosts on eth0", "admitting clients on eth0"
    for (one, unit), text in zip(site.services(), texts, strict=True):
        assert one.shows(unit, "ActiveState", "SubState", "StatusText", "NRestarts") == ["active", "running", text, "0"]
        assert one.does(f"systemctl is-enabled {unit} {TARGET}").split() == ["enabled", "enabled"]


def test_status_and_journal_show_what_the_documents_say(site: Site) -> None:
    said = site.front.does("systemctl status hardtack-front")
    assert re.search(r"hardtack-front\[\d+\]: INFO ready", said)
    assert 'Status: "protecting 1 hosts on eth0"' in said
    assert "ready interface=eth0" in site.front.does("journalctl -u hardtack-front -g ready")
    site.front.run("journalctl -u hardtack-front -g hand-over")  # nothing to be seen: exit status 1
    for one, unit in site.services():
        everything, warnings = one.journal(unit), one.journal(unit, "--priority=warning")
        assert "INFO ready" in everything and "<6>" not in everything
        assert all(line.startswith("WARNING") for line in warnings.splitlines()), warnings
        for word in ("not permitted", "denied", "Read-only", "Traceback"):
            assert word not in everything, everything


def test_the_sandbox_holds(site: Site) -> None:
    """Rights are gone, the file system is read-only, homes are hidden."""
    for one, unit in site.services():
        (pid,) = one.shows(unit, "MainPID")
        children = one.does(f"cat /proc/{pid}/task/{pid}/children").split()
        assert len(children) == (2 if unit == FRONT else 0)  # the helper and the exporter
        for each in (pid, *children):
            confined(one, each, rights="helper" in one.does(f"cat /proc/{each}/comm"))
        inside = f"nsenter --target={pid} --mount"
        for place in ("/etc", "/usr", "/var/lib", "/run", "/sys/fs/bpf"):
            assert "Read-only file system" in one.run(f"{inside} mkdir {place}/new")[1], place
        one.does(f"{inside} mkdir /sys/fs/bpf/hardtack/new && {inside} rmdir /sys/fs/bpf/hardtack/new")
        assert one.does(f"{inside} ls -A /root /home").split() == ["/home:", "/root:"]


def confined(machine: Machine, pid: str, rights: bool) -> None:
    """Sandboxed: with `rights`, root with some capabilities, as a front's helper; else user hardtack without any."""
    status = dict(line.split(":\t", 1) for line in machine.does(f"cat /proc/{pid}/status").splitlines())
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert int(status["CapBnd"], 16).bit_count() <= 7 and bool(int(status["CapEff"], 16)) == rights
    user = "0" if rights else machine.does("id -u hardtack").strip()
    assert user in status["Uid"].split() and (rights or len({*status["Uid"].split()}) == 1)


def test_a_reload_has_its_result(site: Site) -> None:
    for line, status, told in (
        (f"sed -i 's/port 53/port 123/' {FILE} && chmod 600 {FILE}", 0, "reloaded: "),
        ("tr a-f A-F <KEY >/etc/hardtack/key", 0, "reloaded: "),  # the same key, written otherwise
        ("mv /etc/hardtack/key /etc/hardtack/gone", 1, "NOT reloaded, nothing changed: "),
        (f"mv /etc/hardtack/gone /etc/hardtack/key && echo nonsense >{FILE}", 1, "NOT reloaded, nothing changed: "),
        (f"cp {FILE}.example {FILE}", 0, "reloaded: "),
    ):
        site.front.does(line)
        assert site.front.run("systemctl reload hardtack-front")[0] == status, line
        state, found = site.front.shows(FRONT, "ActiveState", "StatusText")
        assert state == "active" and found.startswith(told), found
    warned = site.front.journal(FRONT, "--priority=warning", "--grep=not-reloaded")
    assert "no such key file" in warned and warned.count("\n") == 2 and f"{FILE}:1: " in site.front.journal(FRONT), warned
    assert site.server.run(f"systemctl reload {AGENT}")[0] != 0  # it has nothing to reload
    site.serves()


def test_no_system_call_is_refused_and_a_restart_loses_no_connection(site: Site) -> None:
    for one, unit in site.services():
        one.write(f"/etc/systemd/system/{unit}.service.d/strict.conf", STRICT)
        one.does(f"systemctl daemon-reload && systemctl restart {unit}")
        ready = json.loads(one.journal(unit, "--grep=ready", "--lines=1"))
        assert (ready["event"], ready["adopted"]) == ("ready", "true")
        site.serves()
    site.front.does(f"sed -i 's/port 53/port 123/' {FILE} && systemctl reload hardtack-front && hardtack protect")
    assert "hardtack_build_info" in site.front.does("curl --silent --fail http://127.0.0.1:9790/metrics")
    (pid,) = site.front.shows(FRONT, "MainPID")
    told = f"nsenter --target={pid} --mount cat /tmp/told"  # its own /tmp
    assert eventually(lambda: '"reloaded"' in site.front.run(told)[1], PATIENCE)
    for one, unit in site.services():
        assert one.shows(unit, "ActiveState", "NRestarts") == ["active", "0"]


def test_the_watchdog_restarts_a_front_that_hangs(site: Site) -> None:
    site.front.write(f"/run/systemd/system/{FRONT}.service.d/watchdog.conf", IMPATIENT)
    site.front.does("systemctl daemon-reload && systemctl restart hardtack-front")
    (hung,) = site.front.shows(FRONT, "MainPID")
    site.front.does(f"kill -STOP {hung}")
    site.serves()
    assert eventually(lambda: int(site.front.shows(FRONT, "NRestarts")[0]) > 0, PATIENCE)
    assert site.front.becomes(FRONT, "active/running") and site.front.shows(FRONT, "MainPID") != [hung]
    assert "Watchdog timeout" in site.front.does(f"journalctl --no-pager --unit={FRONT} --grep=watchdog")
    site.serves()
    site.front.does(f"rm /run/systemd/system/{FRONT}.service.d/watchdog.conf && systemctl daemon-reload")


def test_a_wrong_configuration_is_not_retried(site: Site) -> None:
    site.front.write(FILE, "nonsense")
    assert site.front.run("systemctl restart hardtack-front")[0] == 1
    found = site.front.shows(FRONT, "ActiveState", "SubState", "ExecMainStatus", "NRestarts")
    assert found == ["failed", "failed", "2", "0"]
    assert f"{FILE}:1: " in site.front.run("systemctl status hardtack-front")[1]
    site.serves()
    site.front.write(FILE, CONFIGURATION)
    site.front.does("systemctl enable --now hardtack-front")


def test_a_late_interface_is_retried(site: Site) -> None:
    """An agent's appears; a front's does not, and its configuration is corrected."""
    agent, retried = "hardtack-agent@late", "activating/auto-restart"
    site.front.write(FILE, CONFIGURATION.replace("eth0", "late"))
    for one, unit in ((site.front, FRONT), (site.server, agent)):
        assert one.run(f"systemctl restart {unit}")[0] == 1
        assert one.becomes(unit, retried) and one.shows(unit, "ExecMainStatus") == ["1"]
        assert "no interface late here" in one.journal(unit)
    site.front.write(FILE, CONFIGURATION)
    site.server.does("ip link add late type veth peer name later && ip link set late up")
    for one, unit in ((site.front, FRONT), (site.server, agent)):
        assert one.becomes(unit, "active/running")
    site.server.does(f"systemctl stop {agent} && hardtack detach --interface late && ip link del late")
    site.serves()


def test_the_target_starts_agents_first_and_stops_them_last(site: Site) -> None:
    here = "hardtack-agent@eth1"
    site.front.write("/etc/default/hardtack-agent", f"HARDTACK_AGENT=--metrics-textfile={METRICS}\n")
    site.front.does(f"systemctl enable {here} && systemctl restart {TARGET}")
    for unit in (here, FRONT):
        assert site.front.shows(unit, "ActiveState", "SubState") == ["active", "running"]
    assert moment(site.front, here, "ActiveEnter") <= moment(site.front, FRONT, "InactiveExit")
    site.serves()
    assert "hardtack_agent_up" in site.front.does(f"setpriv --reuid=nobody --clear-groups cat {METRICS}")
    site.front.does(f"systemctl stop {TARGET}")
    for unit in (here, FRONT):
        assert site.front.becomes(unit, "inactive/dead") and site.front.shows(unit, "Result") == ["success"]
    assert moment(site.front, FRONT, "InactiveEnter") <= moment(site.front, here, "ActiveExit")


def moment(machine: Machine, unit: str, change: str) -> int:
    """When its state changed so last, in us."""
    return int(machine.shows(unit, f"{change}TimestampMonotonic")[0])


def test_protection_outlives_the_services_until_detached(site: Site) -> None:
    site.server.does(f"systemctl stop {AGENT}")
    before = site.counted("answered")
    site.serves()
    assert site.counted("answered") > before
    for one, unit in site.services():
        left = json.loads(one.journal(unit, "--grep=left", "--lines=1"))
        assert (left["event"], left["programs"]) == ("left", "stay")
        assert one.does("stat --format=%a%U /run/hardtack").strip() == "700root"
        one.does("hardtack detach")
        assert one.does("ls /sys/fs/bpf/hardtack") == ""
    site.serves()


def test_a_front_may_protect_its_own_machine(site: Site) -> None:
    """With the agent in its process: raw sockets, and a table of nftables."""
    if site.session:  # it would be a stranger's: there is no grace period
        site.session.close()
        site.session = None
    local = CONFIGURATION.replace('via = "kernel"', 'via = "local"').replace('inside = ["eth1"]', "")
    site.server.write(FILE, local)
    site.server.does("systemctl start hardtack-front")
    assert "agent_here=true" in site.server.journal(FRONT)
    (slow,) = site.server.journal(FRONT, "--priority=warning").splitlines()  # a veth's driver, and nothing else
    assert slow.startswith("WARNING slow interface=eth0")
    site.serves()
    site.server.does("systemctl stop hardtack-front && hardtack detach")


def test_the_documents_commands_were_run(site: Site) -> None:
    told = {command for command, why in ELSEWHERE.items() if why == UNDER_SYSTEMD}
    assert told <= {line for one in (site.front, site.server) for line in one.ran}
