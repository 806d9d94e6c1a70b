"""The command as people meet it: a process, its exit status, and one clear line for each mistake."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from hardtack import __version__
from hardtack.cli.app import app
from hardtack.cli.reload import show
from hardtack.control.configuration.reading import load

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "etc" / "hardtack.toml"
COMMANDS = [*get_command(app).commands]  # type: ignore[attr-defined]
SLOW = ["llvmlite", "matplotlib", "numba", "numpy", "pyroute2", "rich"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}
HARDTACK = [sys.executable, "-m", "hardtack"]
# Root without its rights: like any other user to the kernel, and yet may read this tree wherever it is.
UNPRIVILEGED = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"] if os.geteuid() == 0 else []


def hardtack(*arguments: object, prefix: list[str] | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [*(prefix or []), *HARDTACK, *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT | variables, capture_output=True, text=True, timeout=60, check=False)


def refused(*arguments: object, status: int = 2, prefix: list[str] | None = None) -> str:
    """What the command says on standard error when it refuses: one line, no traceback, nothing on standard output."""
    done = hardtack(*arguments, prefix=prefix)
    assert done.returncode == status, done
    assert done.stdout == ""
    assert done.stderr.startswith("hardtack: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("hardtack: ").rstrip("\n")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration with its key, on an interface that every machine has."""
    assert hardtack("key", tmp_path / "key").returncode == 0
    path = tmp_path / "hardtack.toml"
    text = EXAMPLE.read_text().replace("/etc/hardtack/key", "key").replace("/etc/hardtack/shop.key", "key")
    text = text.replace("/etc/hardtack/influx.token", "token")
    (tmp_path / "token").write_text("token\n")
    (tmp_path / "token").chmod(0o600)
    text = text.replace('token_file = "/etc/hardtack/webhook.token"', "")
    path.write_text(text.replace('"eth0"', '"lo"').replace('inside = ["eth1"]', "").replace('out = "eth2"', ""))
    return path


def test_version() -> None:
    done = hardtack("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hardtack {__version__}\n", "")


@pytest.mark.parametrize(("module", "shadow"), [("hardtack", "typer"), ("hardtack.agent", "argparse")])
def test_nothing_is_imported_from_the_working_directory(module: str, shadow: str, tmp_path: Path) -> None:
    """Which may be anybody's. With -P this package is not, either."""
    (tmp_path / f"{shadow}.py").write_text("raise SystemExit('imported')")
    (tmp_path / "hardtack").mkdir()
    for safe in ([], ["-P"]):
        command = [sys.executable, *safe, "-m", module, "--version"]
        done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"hardtack {__version__}\n", "")
        (tmp_path / "hardtack" / "__init__.py").write_text("raise SystemExit('imported')")


def test_help_names_every_command() -> None:
    for arguments in ([], ["--help"], ["-h"]):
        done = hardtack(*arguments)
        assert done.returncode == 0
        assert all(f" {command} " in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str) -> None:
    done = hardtack(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: hardtack" in done.stdout
    assert f"Example: hardtack {command} " in done.stdout
    assert not re.search(r"<[a-z]+[\w\[\]| ]*>|\{[A-Z]+\}|\[\[", done.stdout), "the library's words"


def test_nothing_slow_is_imported_to_find_the_command() -> None:
    program = f"import sys; from hardtack.cli import run; run(['--version']); print(set(sys.modules) & set({SLOW!r}))"
    done = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fornt", "x"], "No such command 'fornt'. Did you mean 'front'?; see: hardtack --help"),
        (["check"], "Missing argument 'CONFIG'; see: hardtack check --help"),
        (["check", "--jsn", "x"], "No such option: --jsn"),
        (["check", "--json", "--show", "x"], "Invalid value for --show: write one of --json and --show"),
        (["agent", "--interface", "lo"], "Invalid value for --key: write either --key FILE or --detach"),
        (["demo", "--seconds", "soon"], "Invalid value for '--seconds': found 'soon'; write a number from 2 to 200; see: "),
        (["demo", "--seconds", "1"], "Invalid value for '--seconds': found '1'; write a number from 2 to 200; see: "),
        (["connections", "--port", "x"], "Invalid value for '--port': found 'x'; write a whole number from 1 to 65535; "),
        (["connections", "--limit", "-1"], "Invalid value for '--limit': found '-1'; write a whole number, 0 or more; "),
        (["connections", "--state", "x"], "Invalid value for '--state': found 'x'; write one of established, closing, "),
        (["protect", "web", "x"], "Invalid value for 'on|off|auto': found 'x'; write one of on, off, auto; see: "),
        (["status", "--json=1"], "Option '--json' does not take a value; see: hardtack status --help"),
        (["help", "nosuch"], "No such command 'nosuch'; see: hardtack --help"),
    ],
)
def test_wrong_usage(arguments: list[str], told: str) -> None:
    assert refused(*arguments).startswith(told)


def test_help_is_a_command_too() -> None:
    assert hardtack("help").stdout == hardtack("--help").stdout
    assert hardtack("help", "status").stdout == hardtack("status", "--help").stdout
    assert hardtack("-V").stdout == f"hardtack {__version__}\n"


def test_a_full_disk_is_told_with_a_name() -> None:
    with Path("/dev/full").open("w") as full:
        for arguments in (["example"], ["--help"], ["check", "--show", str(EXAMPLE)]):
            done = subprocess.run([*HARDTACK, *arguments], env=ENVIRONMENT, stdout=full, stderr=-1, text=True, check=False)
            assert (done.returncode, done.stderr) == (1, "hardtack: standard output: No space left on device\n")


def test_no_device_is_to_be_removed() -> None:
    assert refused("key", "/dev/full") == "/dev/full: exists already, and is not a regular file; give another name"


def test_completion_is_installed_for_whoever_asks(tmp_path: Path) -> None:
    """And for nobody else; it says which files it has written."""
    option, home = "--install-completion", str(tmp_path)
    script, rc = tmp_path / ".bash_completions" / "hardtack.sh", tmp_path / ".bashrc"
    first, again = (hardtack(option, HOME=home, SHELL="/bin/bash") for _ in range(2))
    assert first.stdout.splitlines()[:2] == [f"made {rc}", f"made {script}"] and "_HARDTACK_COMPLETE" in script.read_text()
    assert again.stdout.splitlines()[:2] == [f"{rc} is unchanged", f"{script} is unchanged"]
    assert f"made {tmp_path}/.config/fish/completions/hardtack.fish" in hardtack(option, "fish", HOME=home).stdout
    bare = {"PYTHONPATH": ENVIRONMENT["PYTHONPATH"]}
    for variables, told in (
        ({}, "SHELL is not set: name the shell, as hardtack --install-completion bash"),
        ({"SHELL": "/bin/tcsh"}, "found 'tcsh': name the shell"),
        ({"SHELL": "/bin/bash"}, "HOME is not set: nothing was written"),
        ({"SHELL": "/bin/bash", "HOME": "/nonexistent"}, "HOME is /nonexistent, which is not a folder: nothing was written"),
    ):
        done = subprocess.run([*HARDTACK, option], env=bare | variables, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(f"hardtack: {told}")


def test_completion() -> None:
    done = hardtack(_HARDTACK_COMPLETE="complete_bash", COMP_WORDS="hardtack ch", COMP_CWORD="1")
    assert done.stdout.split() == ["check"]
    done = hardtack(_HARDTACK_COMPLETE="complete_bash", COMP_WORDS="hardtack agent --interface l", COMP_CWORD="3")
    assert "lo" in done.stdout.split()


def fine(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether the file was good; what this machine lacks for it is beside the point."""
    return done.returncode == 0 and all(line.startswith("hardtack: note: ") for line in done.stderr.splitlines())


def test_check_shows_very_many_hosts_a_line_each(config: Path) -> None:
    """Also those of several addresses, and as fast as they are read: a fitted table would take longer than all else."""
    more = "".join(
        f'[[host]]\nname = "h{n}"\naddresses = ["10.0.{n >> 8}.{n & 255}", "10.1.{n >> 8}.{n & 255}"]\n'
        'handshake = "agent"\nvia = "kernel"\n'
        for n in range(600)
    )
    config.write_text(config.read_text() + more)
    done = hardtack("check", config)
    assert fine(done)
    lines = [line for line in done.stdout.splitlines() if line.startswith("h")]
    assert len(lines) == 601, "and the headings"
    assert "h599  10.0.2.87, 10.1.2.87" in done.stdout and "but not 203.0.113.1" in done.stdout


def test_check_shows_what_is_protected(config: Path) -> None:
    done = hardtack("check", config)
    assert fine(done)
    for text in (
        "web",
        "192.0.2.10",
        "2001:db8::10",
        "but not 203.0.113.1",
        "80, 443",
        "1460, IPv6 1440",
        "mail",
        "see protect",
        "1380",
        "VLAN 100",
        "52:54:00:12:34:56",
        "100,000",
        "lo",
        str(config.parent),
        "1,000,000, in 97.5 MB of memory",
        "pass for 30 s",
        "20,000,000 a second for all hosts together, 1,000 for a source prefix",
        "at most 2,000 a second",
        "5,000 (web, mail), 50,000 (shop) a second",
        "Learns hosts' own connections from: traffic sent on lo\n",
        "Handshake: agent (web, mail); challenge, only under attack, at most 20,000 SYNs a second forwarded (shop)\n",
        "Proven sources: 1,000,000, in 31.2 MB of memory, for 600 s after their last SYN, at most 100 SYNs a second each",
        "window scale 7 (web); sack, timestamps, window_scaling; window scale 9 (mail)\n",
    ):
        assert text in done.stdout


def test_check_and_front_agree_on_who_teaches(config: Path) -> None:
    """What a one-armed host sends comes in where the internet does, and leaves there."""
    config.write_text(config.read_text().replace('"lo"', '"lo"\ninside = ["lo1"]'))
    learns = "Learns hosts' own connections from: traffic received on lo1"
    assert f"{learns} and traffic sent on lo\n" in hardtack("check", config).stdout
    assert load(config).leaving
    config.write_text(config.read_text().replace('mac = "', 'out = "lo1"\nmac = "'))
    assert f"{learns}\n" in hardtack("check", config).stdout
    assert not load(config).leaving


def test_check_says_whose_key_is_where(config: Path) -> None:
    assert hardtack("key", config.parent / "other").returncode == 0
    config.write_text(config.read_text().replace('key_file = "key" # a key of its own', 'key_file = "other"'))
    done = hardtack("check", config)
    assert fine(done)
    first = f"On lo, with the keys in {config.parent}/key (web, mail), {config.parent}/other (shop):"
    assert done.stdout.splitlines()[0] == first


def test_check_names_some_of_many_hosts(config: Path) -> None:
    host = '[[host]]\nname = "h{0}"\naddresses = ["10.0.0.{0}"]\nhandshake = "agent"\nvia = "kernel"\nmss = 1300\n'
    config.write_text(config.read_text() + "".join(map(host.format, range(1, 10))))
    told = hardtack("check", config).stdout
    assert "at most 5,000 (web, mail, h1, h2, h3 and 6 more), 50,000 (shop) a second on each connection\n" in told


def test_check_tells_how_many_prefixes_there_are(config: Path) -> None:
    (config.parent / "denied.txt").write_text("203.0.113.0/24\n2001:db8:bad::/48\n")
    config.write_text(config.read_text().replace('["198.18.0.0/15"]', '["198.18.0.0/15", "denied.txt"]'))
    done = hardtack("check", config)
    assert fine(done)
    assert f"Sources, for all hosts: denied 3 ({config.parent}/denied.txt: 2); allowed 1" in done.stdout.splitlines()


def test_check_for_programs(config: Path) -> None:
    done = hardtack("check", "--json", config)
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert told["front"] == {
        "interface": ["lo"],
        "key_file": str(config.parent / "key"),
        "old_key_file": None,
        "inside": [],
        "connections": 1_000_000,
        "grace": 30,
        "replies_per_second": 20_000_000,
        "replies_per_prefix": 1_000,
        "connections_per_prefix": 2_000,
        "sources": 1_000_000,
        "source_lifetime": 600,
        "syns_per_source": 100,
        "check_hosts": True,
        "allow": ["198.18.7.0/24"],
        "deny": ["198.18.0.0/15"],
        "reload": "auto",
        "rules": ["drop udp and src port 53 and dst port 53"],
        "engine": "xdp",
        "cpus": [],
        "when_down": "pass",
    }
    assert [(host["name"], host["via"]) for host in told["host"]] == [("web", "kernel"), ("mail", "direct"), ("shop", "mac")]
    assert (told["connections_memory"], told["sources_memory"]) == (97_500_000, 31_250_000)
    assert isinstance(told["notes"], list)  # what stands in the way on this machine


def test_check_notes_what_is_missing_here(config: Path) -> None:
    text = config.read_text().replace('"lo"', '"nosuch0"\ninside = ["nosuch1"]')
    config.write_text(text.replace('key_file = "key" # a key of its own', 'key_file = "other"\nout = "nosuch2"'))
    (config.parent / "key").unlink()
    done = hardtack("check", config)
    assert done.returncode == 0
    *interfaces, first, second = done.stderr.splitlines()
    assert [line.split(" here; there are: ")[0] for line in interfaces] == [
        f"hardtack: note: no interface nosuch{number}" for number in range(3)
    ]
    assert first.startswith(f"hardtack: note: {config.parent}/key: no such key file; ")
    assert second.startswith(f"hardtack: note: {config.parent}/other: no such key file; ")
    if os.geteuid() == 0:  # else it says that first
        front = hardtack("front", config)
        assert (front.returncode, front.stderr) == (2, done.stderr.replace("note: ", ""))


@pytest.mark.parametrize("command", ["check", "front"])
def test_bad_configuration(command: str, config: Path) -> None:
    config.write_text(config.read_text().replace('handshake = "agent"  ', 'handshake = "proxy"  '))
    told = refused(command, config)
    line = line_of(config, "proxy")
    assert told == (
        f'{config}:{line}: [[host]] "web" handshake: found "proxy", which is not implemented yet; write handshake = "agent" '
        '(the host runs the agent), "challenge" (nothing runs on the host) or "pass" (SYNs are forwarded)'
    )


def test_two_mistakes_are_two_lines(config: Path) -> None:
    config.write_text(config.read_text().replace('via = "kernel"', 'via = "tunnel"').replace("1380", "38"))
    done = hardtack("check", config)
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
        f"{config}:{line_of(config, 'tunnel')}",
        f"{config}:{line_of(config, 'mss = 38')}",
    ]


def line_of(file: Path, text: str) -> int:
    """The first line that has `text`."""
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize("command", ["demo", "bench"])
def test_without_the_labs_packages(command: str) -> None:
    """As after `pip install hardtack`: the lab's are an extra."""
    missing = "import sys; sys.modules['pyroute2'] = None"
    script = f"{missing}; sys.argv[1:] = ['{command}']; from hardtack.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    told = "hardtack: the lab needs pyroute2, which is not installed: pip install 'hardtack[lab]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


@pytest.mark.parametrize("command", ["check", "front"])
def test_no_configuration(command: str, tmp_path: Path) -> None:
    assert refused(command, tmp_path / "none").startswith(f"{tmp_path}/none: cannot read it: No such file or directory; ")


def test_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = hardtack("key", path)
    assert made.returncode == 0
    assert made.stdout.startswith(f"made {path}; copy it to every front and agent")
    text = path.read_text()
    assert text.strip() not in made.stdout
    assert refused("key", path).startswith(f"{path}: exists already")
    assert path.read_text() == text


def test_a_key_for_all_to_read(config: Path) -> None:
    key = config.parent / "key"
    key.chmod(0o644)
    told = f"{key}: users other than its owner can access this key (mode 0644); write: chmod 600 {key}"
    assert refused("agent", "--interface", "lo", "--key", key) == told
    assert hardtack("check", config).stderr == f"hardtack: note: {told}\n"


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="needs setpriv to drop root's rights")
@pytest.mark.parametrize("command", ["front", "agent"])
def test_without_privileges(command: str, config: Path) -> None:
    arguments = [config] if command == "front" else ["--interface", "lo", "--key", config.parent / "key"]
    told = refused(command, *arguments, status=1, prefix=UNPRIVILEGED)
    assert told == (
        "attaching programs to an interface: run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
    )


def test_interrupted(config: Path) -> None:
    """Ctrl-C while the command waits, here for whoever reads what it says: status 130, as shells expect, and not a word."""
    host = '[[host]]\nname = "h{0}"\naddresses = ["10.0.0.{0}"]\nhandshake = "agent"\nvia = "kernel"\n'
    config.write_text(config.read_text() + "".join(host.format(number) for number in range(1, 250)))  # a pipe holds less
    command = [*HARDTACK, "check", "--json", str(config)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert os.read(process.stdout.fileno(), 1) == b"{"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == b""
        assert process.returncode == 128 + signal.SIGINT


def test_output_into_a_closed_pipe(config: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", '"$@" | true; echo "${PIPESTATUS[0]}"', "-", *HARDTACK, "check", "--json", str(config)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in done.stderr


def test_a_front_of_an_earlier_version_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """Its answer has fewer keys; and a path in it may have anything."""
    answer = {"interface": "eth0", "outcome": "failed", "problems": ["/a\x1b[2J: no"], "text": [], "seconds": 0.0}
    show(answer)
    assert capsys.readouterr().err == "eth0: not reloaded; nothing was changed\nhardtack: /a\\x1b[2J: no\n"


def test_a_hangup_does_not_end_a_start(tmp_path: Path) -> None:
    """Whoever changes a file may send one at any time: here as soon as the command has begun."""
    program = "import os, signal\nfrom hardtack.cli import run\nfrom hardtack.kernel import privileges\n"
    program += "privileges.prepare = lambda: os.kill(os.getpid(), signal.SIGHUP)\n"
    program += f"raise SystemExit(run(['front', '{tmp_path}/none.toml']))"
    done = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "none.toml: cannot read it" in done.stderr


def test_what_status_reads_waits_for_no_compiler_and_no_checker() -> None:
    """Whoever asks once a second, or in a script, waits for what is needed only."""
    slow = ["llvmlite", "numba", "pydantic", "hardtack.pcap", "hardtack.control.configuration.schema"]
    program = f"import sys, hardtack.cli.panel; print(set(sys.modules) & set({slow!r}))"
    done = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
