"""Whatever ends a lab, nothing of it stays; and nothing of anybody else's goes."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from lab_ground import Holder, eventually, needs_root, running

from hardtack.lab import namespaces, topology
from hardtack.lab.folder import folder
from hardtack.lab.lab import Lab
from hardtack.lab.namespaces import DIRECTORY, LabError, create, discard, sweep
from hardtack.lab.process import Process, ProcessFailed, run

pytestmark = needs_root


def dead_pid() -> int:
    """A number that was a process's until just now."""
    done = subprocess.run(["true"], check=True)
    assert done.returncode == 0
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_everything_is_there_and_then_gone() -> None:
    with topology.routed() as net:
        places = (net.client, net.front, net.server)
        assert all(place.alive for place in places)
        process = Process(["sleep", "600"], net.server)
        assert eventually(lambda: net.server.processes() == [process.pid])
    assert not any(place.alive or place.path.exists() for place in places)
    assert not running(process.pid)
    process.stop()


def test_an_exception_cleans_up() -> None:
    with pytest.raises(ZeroDivisionError), topology.local() as net:
        raise ZeroDivisionError
    assert not net.client.alive and not net.server.alive


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_a_signal_cleans_up(number: int, status: int) -> None:
    holder = Holder()
    assert len(holder.remains()) == 4
    holder.process.send(number)
    assert holder.process.wait(20) == status
    assert eventually(lambda: not holder.remains())


def test_an_impatient_person_presses_ctrl_c_again_and_again() -> None:
    holder = Holder()
    while holder.process.returncode is None:
        holder.process.send(signal.SIGINT)
    assert eventually(lambda: not holder.remains())
    holder.process.stop()


def test_after_sigkill_the_next_lab_sweeps() -> None:
    # An orphan in a session of its own outlives its parents: the sweep must find it in the namespace.
    orphan = 'run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], net.server).stdout'
    holder = Holder(f"from hardtack.lab.process import run; print('orphan', int({orphan}), flush=True); time.sleep(600)")
    pid = int(holder.process.wait_for("^orphan ").split()[1])
    holder.process.send(signal.SIGKILL)
    holder.process.stop()
    assert eventually(lambda: not running(holder.child)), "a child of the lab dies with its parent"
    assert running(pid)
    assert holder.remains() == holder.names
    with Lab():
        assert not holder.remains()
        assert not running(pid)


def test_a_sweep_leaves_the_living_alone() -> None:
    with topology.local() as net:
        assert not {net.client.name, net.server.name} & set(sweep())
        assert net.client.alive and net.server.alive


def test_a_sweep_takes_only_names_of_the_lab() -> None:
    token, pid = secrets.token_hex(3), dead_pid()
    kept = [f"other{pid}-{token}-client", f"ht{pid}-{token}", f"ht{os.getpid()}-{token}-client"]
    gone = [f"ht{pid}-{token}-client", f"ht{pid}-{token}-server"]
    made = [create(name) for name in (*kept, gone[0])]
    (DIRECTORY / gone[1]).touch()  # as a crash leaves it, just before the namespace is mounted
    try:
        assert set(gone) <= set(sweep())
        assert [place.alive for place in made] == [True, True, True, False]
        assert not (DIRECTORY / gone[1]).exists()
    finally:
        for name in kept:
            discard(name)


def test_a_name_taken_by_another_namespace_is_not_alive() -> None:
    name = f"ht{os.getpid()}-{secrets.token_hex(3)}-client"
    first = create(name)
    held = os.open(first.path, os.O_RDONLY)  # else the kernel may give its number to the second
    discard(name)
    second = create(name)
    assert second.alive and not first.alive
    discard(name)
    os.close(held)


def test_calls_happen_inside_and_their_sockets_stay_there() -> None:
    with topology.routed() as net:
        assert net.server.call(namespaces.identity_of, "/proc/thread-self/ns/net") == net.server.identity
        with net.server.call(socket.create_server, ("192.0.2.10", 7)) as server:
            assert server.getsockname() == ("192.0.2.10", 7)
        with pytest.raises(OSError, match="Cannot assign requested address"):
            net.client.call(socket.create_server, ("192.0.2.10", 7))


def test_sysctls_are_the_namespaces_own() -> None:
    with topology.local() as net:
        net.client.sysctl("net.ipv4.tcp_sack", 0)
        assert net.client.read_sysctl("net.ipv4.tcp_sack") == "0"
        assert net.server.read_sysctl("net.ipv4.tcp_sack") == "1"


def test_processes_say_why_they_failed() -> None:
    with pytest.raises(ProcessFailed, match=r"(?s)ended without saying 'ready'; it said:.*no such thing"):
        Process(["sh", "-c", "echo no such thing >&2; exit 3"]).wait_for("ready")
    with Process(["sleep", "600"]) as silent, pytest.raises(ProcessFailed, match=r"did not say 'ready' in 0.05 s"):
        silent.wait_for("ready", 0.05)
    assert silent.returncode == -signal.SIGTERM
    with pytest.raises(ProcessFailed, match="ended with status 3"):
        Process(["sh", "-c", "exit 3"]).succeed()
    with Process(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]) as stubborn:
        stubborn.wait_for("ready")
        assert stubborn.stop(timeout=0.2) == -signal.SIGKILL


def test_a_namespace_shows_its_own_interfaces_in_sysfs() -> None:
    with topology.routed() as net:
        listed = run(["ls", "/sys/class/net"], net.front, sysfs=True).stdout.decode().split()
        assert sorted(listed) == sorted(["lo", net.outside.name, net.inside.name])
        assert net.outside.name not in os.listdir("/sys/class/net")  # noqa: PTH208 - names are all we want


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="run it again with sudo"):
        create("ht1-aaaaaa-client")
    assert not Path("/run/netns/ht1-aaaaaa-client").exists()


def test_a_folder_is_private_and_goes_whatever_happens() -> None:
    with pytest.raises(KeyboardInterrupt), folder("test") as here:
        (here / "within").mkdir()
        assert here.stat().st_mode & 0o777 == 0o700
        raise KeyboardInterrupt
    assert not here.exists()
