"""Every command in README and docs/ is run, as it is written there; or it is named here why it cannot be.

What is added to a document must be added here: to an act, in the order in which a user would run it, or to ELSEWHERE.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from doc_ground import PATIENCE, ROOT, World, world
from lab_ground import needs_root
from terminal_ground import terminal

from hardtack.lab.process import Process

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "bench" / "README.md"]
PROGRAMS = frozenset(
    (
        *("bpftool", "cat", "chmod", "cp", "curl", "ethtool", "hardtack", "install", "ip", "journalctl", "jq", "ln", "make"),
        *("mkdir", "nft", "nsenter", "nstat", "pip", "printf", "promtool", "python", "python3", "scp", "sed", "setfacl"),
        *("ss", "ssh", "sudo", "sysctl", "systemctl", "systemd-analyze", "systemd-sysusers", "systemd-tmpfiles"),
        *("sha256sum", "tcpdump", "tshark", "apt", "apt-get", "dpkg", "docker", "podman", "chronyc", "timedatectl"),
    )
)
LINE = re.compile(r"^ {4,8}(?:[$#] )?((?:[A-Z_]+=\S+ )*([a-z./][\w./+-]*)(?: .*)?)$")
SHELL_BLOCK = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# What a command may be given, not a command; tests/test_docs.py compares it with the command line
SYNOPSIS = re.compile(r" \[(?:-|[A-Z]|configuration\|)|…|\b(?:FILE|IF|CONFIG)(?: |$)")

UNDER_SYSTEMD = "tests/service/test_systemd.py runs it, under a systemd of its own"
FETCHES = "it fetches packages, which tests do not"
MINUTES = "it takes minutes, and CPUs of its own"
PACKAGES = "tests/service/test_packages.py builds the packages, and installs them into a root of their own"
EXAMPLE = "/etc/hardtack/hardtack.toml"
REPLAYS = "it compiles the packet program to machine code first: tests/captures/test_replay.py runs it"
EXPLAINS = "it compiles the packet program to machine code first, for a minute or two: tests/test_explain.py runs it"
CAPABILITIES = "BPF,NET_ADMIN,NET_RAW,PERFMON,SETUID,SETGID,DAC_READ_SEARCH"
ELSEWHERE = {
    "make demo": f"{MINUTES}: tests/test_demo.py",
    "make test": "this is it",
    "make bench": f"{MINUTES}: tests/test_bench.py",
    "make kernels": f"{MINUTES}: virtual machines",
    'make kernels KERNELS="6.12 arm64"': f"{MINUTES}: virtual machines",
    "make kernels KERNELS=all": f"{MINUTES}: virtual machines",
    "python -m hardtack.lab.machines.readme out/kernels.json": "it rewrites README: tests/test_kernels.py",
    "python -m hardtack.lab.machines 6.12 --only virtio": f"{MINUTES}: a virtual machine",
    "hardtack demo --seconds 10": f"{MINUTES}: tests/test_demo.py",
    "hardtack bench --out out": f"{MINUTES}: tests/test_bench.py",
    "hardtack bench --rounds 60": f"{MINUTES}: tests/test_bench.py",
    "hardtack bench --quick": f"{MINUTES}: tests/test_bench.py",
    "hardtack bench --quick --out out": f"{MINUTES}: tests/test_bench.py",
    ".venv/bin/python bench/beside.py f5b7ceb": f"{MINUTES}, and another revision",
    ".venv/bin/python bench/af_xdp.py": f"{MINUTES}: tests/test_af_xdp.py runs the engine",
    "/opt/hardtack/bin/pip install --require-hashes -r requirements.txt": FETCHES,
    "/opt/hardtack/bin/pip install --no-deps dist/hardtack-0.1.0-py3-none-any.whl": "building a wheel compiles all programs",
    "systemctl daemon-reload": UNDER_SYSTEMD,
    "systemctl enable --now hardtack-front": UNDER_SYSTEMD,
    "systemctl status hardtack-front": UNDER_SYSTEMD,
    "journalctl -u hardtack-front -g ready": UNDER_SYSTEMD,
    "journalctl -u hardtack-front -g hand-over": UNDER_SYSTEMD,
    "apt install ./dist/hardtack-agent_*.deb": PACKAGES,
    "apt install ./dist/hardtack-agent_*.deb ./dist/hardtack_*.deb": PACKAGES,
    "cp KEY /etc/hardtack/key && systemctl enable --now hardtack-agent@eth0": UNDER_SYSTEMD,
    f"cp {EXAMPLE}.example {EXAMPLE} && systemctl enable --now hardtack-front": UNDER_SYSTEMD,
    f"podman run --network host --cap-drop all --cap-add {CAPABILITIES} \\": "it wants an image, whose packages are fetched",
    "hardtack report --host web": "an attack must have ended a minute ago: tests/report/",
    "hardtack capture --verdict drop --sample 1/100 --seconds 10 --write drops.pcapng": "as that of 5 seconds, which is run",
    "hardtack explain hardtack.toml drops.pcapng --frame 17": EXPLAINS,
    "hardtack replay /etc/hardtack/hardtack.toml attack.pcap -o sent.pcapng": REPLAYS,
    ".venv/bin/python bench/replay.py --frames 4000000": f"{MINUTES}: tests/captures/ has what it measures",
    "hardtack explain /etc/hardtack/hardtack.toml sample.pcapng": EXPLAINS,
}


@dataclass(frozen=True)
class Step:
    """A command of the documents: where it is run, and how it ends."""

    command: str
    place: str = "front"
    until: str = ""  # it runs on, once it has said this
    status: int = 0
    says: str = ""
    aside: bool = False  # it takes its time: run beside those that follow, and looked at in the end


@dataclass(frozen=True)
class Write:
    """The configuration that a page has."""

    page: str
    number: int


@dataclass(frozen=True)
class End:
    """Ctrl-C, or the like, for what runs on."""

    place: str = "front"


Act = tuple[Step | Write | End, ...]
CHECK = Step("hardtack check /etc/hardtack/hardtack.toml")
FRONT = Step("hardtack front /etc/hardtack/hardtack.toml", until=r"\bready\b")
AGENT = Step("hardtack agent --interface eth0 --key /etc/hardtack/key", "server", until=r"\bready\b")
TEXTFILE = (
    "python3 -P -m hardtack.agent --interface eth0 --key /etc/hardtack/key"
    " --metrics-textfile /var/lib/hardtack/metrics/agent.prom"
)

INSTALL: Act = (
    Step("python3 -m venv /opt/hardtack"),
    Step("ln -s /opt/hardtack/bin/hardtack /usr/local/bin/hardtack"),
    Step("python3 -m zipfile -e dist/hardtack-0.1.0-py3-none-any.whl /opt/hardtack"),
    Step("PYTHONPATH=/opt/hardtack python3 -P -m hardtack.agent --help", says="--interface"),
    Step("install -Dm644 -t /etc/sysusers.d etc/sysusers.d/hardtack.conf"),
    Step("systemd-sysusers"),
    Step("mkdir -p /etc/hardtack"),
    Step("hardtack key /etc/hardtack/key"),
    Step("hardtack key /etc/hardtack/new.key"),
    Step("hardtack example > hardtack.toml"),
    Step("hardtack example > /etc/hardtack/hardtack.toml"),
    Step("hardtack example front > /etc/systemd/system/hardtack-front.service"),
    Step("hardtack example agent > /etc/systemd/system/hardtack-agent@.service"),
    Step("hardtack example target > /etc/systemd/system/hardtack.target"),
)
LOOK: Act = (
    Step("hardtack check etc/hardtack.toml", says="shop"),
    Step("cat bad.toml", says="keyfile"),
    Step("hardtack check bad.toml", status=2, says="did you mean key_file"),
    Step("hardtack filter 'udp and src port 53'", says="instructions"),
    Step("hardtack filter 'udp and src port 53' dump.pcap", says="8.8.8.8"),
    Step("hardtack filter 'udp and src port 53' dump.pcap -w answers.pcap"),
    Step("hardtack filter 'tcp[tcpflags] = tcp-ack and len > 1000 and tcp[12] & 0xf0 = 0x50'", says="instructions"),
    Step(r"printf '203.0.113.0/24 ; AS64500\n2001:db8:f00d::/48\n' > /etc/hardtack/denied.txt"),
    Step(r"printf '203.0.113.7\n' > /etc/hardtack/allowed.txt"),
    Step("sysctl -w net.ipv4.ip_forward=1"),
    Step("sysctl -w net.ipv6.conf.all.forwarding=1"),
    Step("sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding", says="= 1"),
    Step("ip route get 192.0.2.10", says="dev eth1"),
    Step("nft list ruleset"),
    Step("hardtack doctor", says="front"),
    Step("hardtack doctor --interface eth0", says="eth0"),
)
THIS_MACHINE: Act = (
    Write("first-hour.md", 0),
    Step(CHECK.command, "server", says="this-machine"),
    Step(FRONT.command, "server", until=FRONT.until),
    Step("hardtack status", "server", says="this-machine"),
    End("server"),
    Step("hardtack detach", "server", says="eth0"),
)
TO_TCPDUMP = "hardtack capture --host web --filter 'src net 198.51.100.0/24' --write - | tcpdump -nr -"
NETWORK: Act = (
    AGENT,
    Write("first-hour.md", 1),
    CHECK,
    Step("hardtack check --source 203.0.113.9 /etc/hardtack/hardtack.toml", says=r"203\.0\.113\.9"),
    FRONT,
    Step("hardtack status", says="web"),
    Step("hardtack status", "server", says="agent"),
    Step("python3 -P -m hardtack.agent status", "server", says="eth0"),
    Step("python3 -P -m hardtack.agent doctor --interface eth0", "server"),
    Step("hardtack capture --filter 'udp and src port 53' --count 20 --seconds 5", aside=True),
    Step("hardtack capture --sample 1/100 --seconds 5 --write sample.pcapng", says="captured", aside=True),
    Step("hardtack status --all", says="mail"),
    Step("hardtack status --json | jq '.attached[0].hosts.web.reasons.stray_ack'", says=r"^\d+$"),
    Step("hardtack status --json | jq '.attached[0].rules'", says=r"^\["),
    Step("hardtack status --json | jq '.attached[0].connections'", says="capacity"),
    Step("hardtack status --json | jq '.attached[0].failures'", says=r"^\{"),
    Step("hardtack status --json | jq '.attached[] | [.role, .interface, .process, .keys_until]'", says='"front"'),
    Step("hardtack protect", says="web"),
    Step("hardtack protect web on", says="web"),
    Step("hardtack protect web auto", says="web"),
    Step("hardtack reload --diff"),
    Step("ssh web ss -Hnt state established | hardtack seed -"),
    Step("ssh web ss -Hnt state established | hardtack seed --interface eth0"),
    Step("hardtack connections --limit 20", says=r"^\d+ shown, \d+ match, \d+ known$"),
    Step("hardtack connections --client 198.51.100.0/24 --port 80 --limit 20", says=r"198\.51\.100\.2"),
    Step("hardtack connections --state unconfirmed --limit 20"),
    Step("hardtack sources --limit 20"),
    Step("hardtack sources --waiting --limit 20"),
    Step("hardtack sources --source 198.51.100.0/24 --waiting"),
    Step("hardtack capture --verdict drop --count 20 --seconds 5", says="DROP|drop"),
    Step("hardtack capture --filter 'tcp[tcpflags] & tcp-syn != 0' --count 5 --seconds 5", says=r"198\."),
    Step(TO_TCPDUMP, until=r"IP 198\.51\.100\.2"),
    Step("hardtack status --watch 2", until="web"),
    Step("bpftool prog dump xlated name front linum", says=r"^int front\(.*\n; .*line_num"),
    End(),
    Step("hardtack detach", says="eth0"),
    End("server"),
    Step("hardtack detach --interface eth0", "server", says="eth0"),
    Step(TEXTFILE, "server", until=r"\bready\b"),
    End("server"),
)
CHALLENGE: Act = (
    Write("first-hour.md", 2),
    CHECK,
    FRONT,
    Step("hardtack sources --limit 20"),
    End(),
    Step("hardtack detach", says="eth0"),
)
ACTS = {"install": INSTALL, "look": LOOK, "this-machine": THIS_MACHINE, "network": NETWORK, "challenge": CHALLENGE}
TOP = "hardtack top --interface eth0"


def commands(path: Path) -> Iterator[str]:
    """Shell lines of a document: in indented code, and in fenced code of a shell."""
    text = path.read_text(encoding="utf-8")
    shell = [f"    {line}" for block in SHELL_BLOCK.findall(text) for line in block.splitlines()]
    for line in [*CODE_BLOCK.sub("", text).splitlines(), *shell]:
        match = LINE.match(line)
        if match and (match[2] in PROGRAMS or "/" in match[2]):
            yield re.split(r"  +", match[1])[0].rstrip()  # what stands behind blanks is a remark


def steps() -> set[str]:
    """All that are run."""
    return {TOP, *(step.command for act in ACTS.values() for step in act if isinstance(step, Step))}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_run_or_named(path: Path) -> None:
    for command in commands(path):
        known = command in steps() or command in ELSEWHERE or SYNOPSIS.search(command)
        assert known, f"{path.name}: nobody runs {command!r}: add it to an act of this file, or to ELSEWHERE with a reason"


def test_nothing_is_run_that_no_document_says() -> None:
    told = {command for path in PAGES for command in commands(path)}
    assert len(told) > 80
    assert steps() <= told, steps() - told
    assert ELSEWHERE.keys() <= told, ELSEWHERE.keys() - told
    assert not steps() & ELSEWHERE.keys()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    for tool in ("bpftool", "jq", "nsenter", "nginx", "tcpdump", "unshare"):
        if not shutil.which(tool) and not shutil.which(tool, path="/usr/sbin"):
            pytest.skip(f"{tool} is not installed: scripts/setup --lab")
    with world(tmp_path_factory.mktemp("commands")) as made:
        yield made


def play(ground: World, act: Act) -> None:
    """All of an act, in its order. When one of it fails, what it has started is ended: the next act starts its own."""
    try:
        perform(ground, act)
    except BaseException:
        for place in [*ground.daemons]:
            ground.end(place)
        raise


def perform(ground: World, act: Act) -> None:
    """The steps, and in the end those that were run aside."""
    aside: list[tuple[Step, Process]] = []
    for step in act:
        if isinstance(step, Write):
            ground.write(step.page, step.number)
        elif isinstance(step, End):
            ground.end(step.place)
        elif step.aside:
            aside.append((step, Process(ground.line(step.command), ground.place(step.place))))
        elif step.until:
            ground.start(step.command, step.place, step.until)
        else:
            judge(step, *ground.run(step.command, step.place))
    for step, process in aside:
        judge(step, process.wait(PATIENCE), "\n".join(process.lines))


def judge(step: Step, status: int, said: str) -> None:
    """Whether a command has done what its document says."""
    assert status == step.status, f"{step.command}: {status}\n{said}"
    assert re.search(step.says, said, re.MULTILINE), f"{step.command}\n{said}"


@needs_root
@pytest.mark.parametrize("name", ["install", "look", "this-machine"])
def test_commands_work_as_they_are_written(ground: World, name: str) -> None:
    play(ground, ACTS[name])


@needs_root
def test_commands_work_beside_clients_and_a_flood(ground: World) -> None:
    prepared = "install -d -o hardtack /var/lib/hardtack/metrics"  # docs/metrics.md says so in a sentence
    assert ground.run(prepared, "server")[0] == 0
    with ground.traffic():
        play(ground, NETWORK)


@needs_root
def test_commands_of_a_challenge(ground: World) -> None:
    play(ground, CHALLENGE[:3])
    with terminal(ground.line(f"exec {TOP}"), ground.place("front")) as screen:
        screen.until(lambda: "q quit" in screen.lines[-1])
        screen.press("q")
        assert screen.status() == 0
    play(ground, CHALLENGE[3:])


