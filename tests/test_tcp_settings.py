"""What this machine's TCP takes, by its settings; and what is told where fronts promise clients something else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_ground import needs_root

from hardtack.cli.overview import promises
from hardtack.control.configuration.reading import read
from hardtack.diagnosis.finding import Finding, Site
from hardtack.diagnosis.looks import findings
from hardtack.diagnosis.promises import broken
from hardtack.kernel import tcp
from hardtack.kernel.tcp import OPTIONS, Speech, scale_for
from hardtack.lab.lab import Lab
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import run

AGENT = Site("agent", "eth0")


@pytest.mark.parametrize(
    ("window", "scale"),
    [(0, 0), (65535, 0), (65536, 1), (131072, 2), (6 << 20, 7), ((8 << 20) - 1, 7), (8 << 20, 8), (1 << 31, 14)],
)
def test_the_scale_that_linux_tells(window: int, scale: int) -> None:
    """tcp_select_initial_window: ilog2(window) - 15, from 0 to 14. Beside a real one: handshake/test_promises.py."""
    assert scale_for(window) == scale


def settings(folder: Path, **values: object) -> Path:
    """A folder as /proc/sys/net, with Linux's defaults but for these."""
    usual = {"sack": 1, "timestamps": 1, "window_scaling": 1, "ecn": 2, "rmem": "4096\t131072\t6291456"} | values
    (folder / "ipv4").mkdir()
    for name, value in usual.items():
        (folder / f"ipv4/tcp_{name}").write_text(f"{value}\n")
    return folder


def test_settings_are_read(tmp_path: Path) -> None:
    assert tcp.own(settings(tmp_path)) == Speech()  # rmem_max is not there in namespaces of older kernels
    (tmp_path / "core").mkdir()
    (tmp_path / "core/rmem_max").write_text("67108864\n")
    assert tcp.own(tmp_path) == Speech(OPTIONS, 11)


def test_where_no_settings_are_to_be_seen(tmp_path: Path) -> None:
    assert tcp.own(tmp_path) == Speech()


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_is_off(tmp_path: Path, name: str) -> None:
    assert tcp.own(settings(tmp_path, **{name: 0})).options == tuple(one for one in OPTIONS if one != name)


def test_accurate_ecn_is_ecn(tmp_path: Path) -> None:
    assert "ecn" in tcp.own(settings(tmp_path, ecn=3)).options


def only(site: Site, here: Speech) -> Finding:
    """The one thing that is found."""
    (found,) = broken(site, here)
    assert not found.fatal
    return found


def test_nothing_is_told_where_all_is_kept() -> None:
    assert [*broken(AGENT, Speech())] == []
    assert [*broken(AGENT, Speech(scale=5))] == []  # windows that never get as large as the promise
    assert [*broken(AGENT, Speech(scale=10))] == []  # as newer kernels have it where nobody has changed a thing
    assert [*broken(Site("agent", "eth0", options=frozenset({"sack"})), Speech(("sack",)))] == []
    assert [*broken(Site("agent", "eth0", scale=12), Speech(scale=12))] == []
    assert [*findings(Site("front", "eth0"))] == []


def test_ecn_that_is_off() -> None:
    found = only(AGENT, Speech(("sack", "timestamps", "window_scaling")))
    assert str(found) == (
        "tcp_ecn off on this machine, but the front offers it to clients, whose ECN marks are ignored: "
        'options = ["sack", "timestamps", "window_scaling"] for this host in the front\'s configuration, '
        "or sysctl -w net.ipv4.tcp_ecn=2"
    )


def test_options_that_are_off() -> None:
    found = only(AGENT, Speech(("sack", "timestamps")))
    assert found.name == "tcp-options"
    assert found.what.startswith("tcp_window_scaling and tcp_ecn off on this machine,") and found.what.endswith("are reset")
    assert found.remedy.startswith('options = ["sack", "timestamps"] for this host in the front\'s configuration, or sysctl')
    assert found.remedy.endswith("net.ipv4.tcp_window_scaling=1 net.ipv4.tcp_ecn=2")


def test_windows_that_a_small_scale_cuts_off() -> None:
    assert str(only(AGENT, Speech(scale=12))) == (
        "receive windows on this machine may need window scale 12 (tcp_rmem, rmem_max), but the front offers 7: windows are "
        "limited to 8,192 KB: window_scale = 12 for this host in the front's configuration, and hardtack agent "
        "--window-scale 12, both at the same time"
    )


def test_check_says_what_is_promised() -> None:
    hosts = [("web", "kernel", ""), ("mail", "kernel", "options = []\nwindow_scale = 9"), ("here", "local", "")]
    text = '[front]\ninterface = "eth0"\nkey_file = "key"\n'
    for number, (name, via, more) in enumerate(hosts, 1):
        text += f'[[host]]\nname = "{name}"\naddresses = ["192.0.2.{number}"]\nhandshake = "agent"\nvia = "{via}"\n{more}\n'
    assert [*promises(read(text, Path("x.toml")))] == [
        "TCP options accepted from clients: sack, timestamps, window_scaling, ecn; window scale 7 (web); "
        "no options; window scale 9 (mail); this machine's options; this machine's scale (here)"
    ]
    assert not [*promises(read(text.replace('"agent"', '"challenge"'), Path("x.toml")))]


@pytest.fixture(scope="module")
def changed() -> Iterator[Namespace]:
    """A network namespace with other settings."""
    with Lab() as lab:
        made = lab.namespace("changed")
        made.sysctl("net.ipv4.tcp_ecn", 0)
        made.sysctl("net.ipv4.tcp_rmem", "4096 131072 134217728")
        yield made


@needs_root
def test_doctor_tells(changed: Namespace) -> None:
    command = [sys.executable, "-m", "hardtack", "doctor", "--json", "--interface", "lo"]
    done = run(command, changed, timeout=600)  # it may have to compile
    told = {finding["name"]: finding["what"] for finding in json.loads(done.stdout)["findings"]}
    assert told["tcp-options"].startswith("tcp_ecn off")
    assert "scale 12" in told["window-scale"]


@needs_root
@pytest.mark.parametrize("form", ["-m hardtack agent", "-P -m hardtack.agent"])
@pytest.mark.parametrize("scale", ["15", "-1", "x"])
def test_the_agents_scale_is_one_that_there_is(changed: Namespace, form: str, scale: str) -> None:
    done = run([sys.executable, *form.split(), "--interface", "lo", "--key", os.devnull, "--window-scale", scale], changed)
    assert done.returncode == 2
    assert b"--window-scale" in done.stderr
