"""The configuration file as inert values. Its keys are a contract; this shape is all that may be written.

All there is to say of one key stands in one place: its type, what to write (for messages), and its default.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from hardtack.control.configuration.cpus import read_cpus
from hardtack.control.configuration.endpoints import read_listen, read_target_url
from hardtack.control.configuration.events import Events as Events
from hardtack.control.configuration.hashed import Hashed, hashed
from hardtack.control.configuration.inert import Inert as Inert
from hardtack.control.configuration.inert import Write as Write
from hardtack.control.configuration.lists import Each, check_once, listed
from hardtack.control.configuration.ports import Ports, read_ports
from hardtack.control.configuration.rules import check_rules, read_expression, read_rule
from hardtack.control.configuration.units import count, duration, rate
from hardtack.control.configuration.values import (
    Address,
    Network,
    Source,
    check_interface,
    check_name,
    check_option,
    check_pattern,
    check_uplinks,
    one_or_several,
    read_handshake,
    read_mac,
    read_source,
    read_target,
    read_vlan,
    resolve,
    resolve_files,
)
from hardtack.kernel.tcp import MOST_SCALE, Speech

SHORTEST_MSS = 536  # bytes; what every host must take, RFC 9293 3.7.1
LONGEST_MSS = 8940  # a jumbo frame of 9,000 bytes less the IPv6 and TCP headers
USUAL_MSS = {4: 1460, 6: 1440}  # IP version -> bytes: 1,500 less the headers
OLD_KEY = "a key whose cookies are also accepted"
REPLIES = rate(8, 1_000_000_000)  # at least one in each window of 128 ms (packet/layout.py)
ATTACK = rate(1, 1_000_000_000)
FRAMES = rate(1_000, 1_000_000_000)  # at least one in each ms
SOURCE_SYNS = rate(2, 4_000)  # in a period of 2.048 s not more than packet/proven_tables.py can count


class KeyFiles(NamedTuple):
    """Where a host's master keys are: cookies are made by that of `new`, and taken of `old`, too, if there is one."""

    new: Path
    old: Path | None = None


TcpOption = Literal["sack", "timestamps", "window_scaling", "ecn"]
KeyFile = Annotated[Path, BeforeValidator(resolve)]
InterfaceName = Annotated[str, BeforeValidator(check_interface)]
InterfaceNames = Annotated[tuple[str, ...], AfterValidator(check_once), BeforeValidator(Each(check_interface))]
Uplinks = Annotated[InterfaceNames, AfterValidator(check_uplinks), BeforeValidator(one_or_several)]
Addresses = Annotated[tuple[Address | Network, ...], BeforeValidator(Each(read_target))]
Excluded = Annotated[tuple[Address | Network, ...], BeforeValidator(Each(read_target, empty=True))]
Sources = Annotated[tuple[Source, ...], AfterValidator(resolve_files), BeforeValidator(Each(read_source, empty=True))]
SomePorts = Annotated[Ports, PlainValidator(read_ports), PlainSerializer(Ports.written)]
HandshakeName = Literal["agent", "challenge", "pass"]
Handshake = Annotated[HandshakeName, BeforeValidator(read_handshake)]
Mac = Annotated[str, BeforeValidator(read_mac)]
Vlan = Annotated[int | Literal["none"], BeforeValidator(read_vlan)]
Mss = Annotated[int, Field(strict=True, ge=SHORTEST_MSS, le=LONGEST_MSS)]
Options = Annotated[tuple[TcpOption, ...], AfterValidator(check_once), BeforeValidator(Each(check_option, empty=True))]
Scale = Annotated[int, Field(strict=True, ge=0, le=MOST_SCALE)]
Rules = Annotated[tuple[str, ...], AfterValidator(check_rules), BeforeValidator(Each(read_rule, empty=True))]
RULES = Write('rules = ["drop udp and src port 53", "limit 5k/s udp"], each an action and a pcap expression')
ALLOW, DENY = (
    Write(f'{key} = ["203.0.113.0/24", "2001:db8:bad::/48"], or paths of files that list prefixes')
    for key in ("allow", "deny")
)


class Front(Inert):
    """`[front]`: this machine, as it faces the internet.

    `grace` in seconds; `replies_per_second` of all hosts together; what is per prefix, in a second. `cpus` of workers, none:
    chosen automatically; `when_down`: of the af_xdp engine, as packet/steer_tables.py has it.
    """

    interface: Annotated[
        Uplinks, Write('interface = "eth0", a name that `ip link` shows, or ["eth0", "eth1"] if there are several uplinks')
    ]
    key_file: Annotated[KeyFile, Write('key_file = "/etc/hardtack/key", a file created with `hardtack key`')]
    old_key_file: Annotated[
        KeyFile | None, Write(f'old_key_file = "/etc/hardtack/old.key", {OLD_KEY}', "only cookies of key_file are accepted")
    ] = None
    inside: Annotated[InterfaceNames, Write('inside = ["eth1"], the interfaces towards the hosts')] = ()
    connections: Annotated[int, count(1_000, 100_000_000), Write("connections = 1_000_000")] = 1_000_000
    grace: Annotated[int, duration(0, 600), Write('grace = "30s"')] = 30
    replies_per_second: Annotated[int, REPLIES, Write("replies_per_second = 20_000_000")] = 20_000_000
    replies_per_prefix: Annotated[int, REPLIES, Write("replies_per_prefix = 1_000")] = 1_000
    connections_per_prefix: Annotated[int, REPLIES, Write("connections_per_prefix = 2_000")] = 2_000
    sources: Annotated[int, count(1_000, 100_000_000), Write("sources = 1_000_000")] = 1_000_000
    source_lifetime: Annotated[int, duration(10, 86_400), Write('source_lifetime = "10m"')] = 600
    syns_per_source: Annotated[int, SOURCE_SYNS, Write("syns_per_source = 100")] = 100
    check_hosts: Annotated[bool, Field(strict=True), Write("check_hosts = true or check_hosts = false")] = True
    allow: Annotated[Sources, ALLOW] = ()
    deny: Annotated[Sources, DENY] = ()
    reload: Annotated[Literal["auto", "manual"], Write('reload = "auto" or reload = "manual"')] = "auto"
    rules: Annotated[Rules, RULES] = ()
    engine: Annotated[Literal["xdp", "af_xdp"], Write('engine = "xdp" or engine = "af_xdp"')] = "xdp"
    cpus: Annotated[
        tuple[int, ...],
        BeforeValidator(read_cpus),
        Write('cpus = [2, 3, "8-11"], a list of CPUs for workers', "chosen automatically"),
    ] = ()
    when_down: Annotated[
        Literal["pass", "hold", "judge"], Write('when_down = "pass" or when_down = "hold" or when_down = "judge"')
    ] = "pass"

    @property
    def uplinks(self) -> tuple[str, ...]:
        """The interfaces that face the internet."""
        return self.interface


class Metrics(Inert):
    """`[metrics]`: where monitoring gets them. Without it nothing listens and nothing is sent. `interval` in seconds."""

    prometheus: Annotated[
        Annotated[str, BeforeValidator(read_listen)] | None,
        Write('prometheus = "127.0.0.1:9790", an address and a port', "no listener"),
    ] = None
    influx: Annotated[
        Annotated[str, BeforeValidator(read_target_url)] | None,
        Write(
            'influx = "http://influx.example:8086/write?db=hardtack", '
            '"http://influx.example:8086/api/v2/write?org=o&bucket=b" or "udp://influx.example:8089"',
            "nothing is sent",
        ),
    ] = None
    influx_token_file: Annotated[
        KeyFile | None, Write('influx_token_file = "/etc/hardtack/influx.token", a file of mode 0600', "no token is sent")
    ] = None
    interval: Annotated[int, duration(1, 3_600), Write('interval = "10s"')] = 10

    @property
    def wanted(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.prometheus or self.influx)


class Host(Inert):
    """`[[host]]`: one protected server, or network.

    `ports` None: all of them. `key_file`, `old_key_file` None: see Config.key_files_for. `out` None: back out of the
    interface that it came in by. `vlan` None: frames keep their tags. `options`, `window_scale` None: every option,
    and USUAL_SCALE; if this machine is the host, what it has.
    """

    name: Annotated[str, AfterValidator(check_name), Write('name = "web"')]
    addresses: Annotated[Addresses, Write('addresses = ["192.0.2.10", "203.0.113.0/24", "2001:db8::10"]')]
    exclude: Annotated[
        Excluded, Write('exclude = ["203.0.113.1"]', "nothing is excluded")
    ] = ()
    ports: Annotated[
        SomePorts | None, Write('ports = [80, 443, "8000-8099"], or ports = "all but 22, 5000-5999"', "all TCP ports")
    ] = None
    handshake: Annotated[
        Handshake,
        Write(
            'handshake = "agent" (the host runs the agent), "challenge" (nothing runs on the host) '
            'or "pass" (SYNs are forwarded)'
        ),
    ]
    protect_when: Annotated[
        Literal["always", "under-attack"], Write('protect_when = "always" or protect_when = "under-attack"')
    ] = "always"
    attack_syns: Annotated[
        int | None, ATTACK, Write('attack_syns = "5k/s"', "the front learns the baseline")
    ] = None
    attack_strays: Annotated[
        int | None, ATTACK, Write('attack_strays = "5k/s"', "the front learns the baseline")
    ] = None
    on_failure: Annotated[
        Literal["pass", "protect"] | None,
        Write('on_failure = "pass" or on_failure = "protect"', '"protect" during an attack, otherwise "pass"'),
    ] = None
    syns_per_second: Annotated[int | None, REPLIES, Write("syns_per_second = 5_000", "unlimited")] = None
    via: Annotated[
        Literal["kernel", "local", "direct", "mac"],
        Write('via = "kernel" (Linux routes to the host), "local" (this machine is the host), "direct" or "mac"'),
    ]
    mac: Annotated[Mac | None, Write('mac = "52:54:00:12:34:56", the host\'s own', None)] = None
    out: Annotated[
        InterfaceName | None,
        Write('out = "eth1", a name that `ip link` shows', "the interface that the frame came in on"),
    ] = None
    vlan: Annotated[Vlan | None, Write('vlan = 100, from 1 to 4094, or vlan = "none"', "VLAN tags are unchanged")] = None
    key_file: Annotated[
        KeyFile | None, Write('key_file = "/etc/hardtack/key", a file created with `hardtack key`', "the front's")
    ] = None
    old_key_file: Annotated[
        KeyFile | None,
        Write(f'old_key_file = "/etc/hardtack/old.key", {OLD_KEY}', "the front's, unless key_file is set here"),
    ] = None
    mss: Annotated[Mss | None, Write(f"mss = 1460, from {SHORTEST_MSS} to {LONGEST_MSS}")] = None
    options: Annotated[
        Options | None, Write('options = ["sack", "timestamps", "window_scaling", "ecn"]', "all of them")
    ] = None
    window_scale: Annotated[Scale | None, Write(f"window_scale = 7, from 0 to {MOST_SCALE}")] = None
    default: Annotated[Literal["pass", "drop"], Write('default = "pass" or default = "drop"')] = "pass"
    replies_per_second: Annotated[int, REPLIES, Write("replies_per_second = 5_000_000")] = 5_000_000
    frames_per_connection: Annotated[int, FRAMES, Write("frames_per_connection = 5_000")] = 5_000
    rules: Annotated[Rules, RULES] = ()
    protect: Annotated[
        Annotated[str, BeforeValidator(read_expression)] | None,
        Write('protect = "tcp and dst port 80", a pcap expression', "TCP to the `ports`"),
    ] = None
    dry_run: Annotated[bool, Field(strict=True), Write("dry_run = true or dry_run = false")] = False
    allow: Annotated[Sources, ALLOW] = ()
    deny: Annotated[Sources, DENY] = ()

    @cached_property
    def networks(self) -> tuple[Hashed, ...]:
        """Its addresses, each as a network."""
        return tuple(map(hashed, self.addresses))

    @property
    def answers(self) -> bool:
        """Whether SYNs for it may be answered here."""
        return self.handshake != "pass"

    @property
    def has_agent_here(self) -> bool:
        """Whether it is this machine, with an agent."""
        return self.via == "local" and self.handshake == "agent"

    @property
    def one_armed(self) -> bool:
        """Whether what it sends comes in by an interface that faces the internet, and goes out by one again."""
        return self.via == "mac" and not self.out

    def mss_for(self, version: int) -> int:
        """The MSS, in bytes, that clients of addresses of this IP version are told."""
        return self.mss or USUAL_MSS[version]

    def promises(self, here: Speech) -> Speech:
        """What TCP its clients are promised, if they offer it. `here`: what this machine speaks."""
        own = here if self.via == "local" else Speech()
        options = own.options if self.options is None else self.options
        return Speech(options, own.scale if self.window_scale is None else self.window_scale)


class Config(Inert):
    """The whole file, and what it includes."""

    include: Annotated[
        tuple[str, ...],
        BeforeValidator(Each(check_pattern)),
        Write('include = ["hosts.d/*.toml"], files with [[host]] tables; wildcards only in file names'),
    ] = ()
    front: Annotated[Front, Write("a [front] table with interface and key_file")]
    hosts: Annotated[
        tuple[Host, ...],
        BeforeValidator(listed),
        Write("a [[host]] table, in double brackets, for each protected server"),
    ] = Field(alias="host")
    metrics: Annotated[Metrics, Write("a [metrics] table with prometheus or influx", "nothing is exported")] = Metrics()
    events: Annotated[Events, Write("an [events] table with webhook or command", "no webhook, no command")] = Events()

    def key_files_for(self, host: Host) -> KeyFiles:
        """Where a host's master keys are: of several spellings of one file, the first.

        The front's old key goes with the front's key: not with a host's own.
        """
        if host.key_file is None and host.old_key_file is None:
            return self._common_keys
        new, old = written_for(self.front, host)
        return KeyFiles(self.spellings[new], self.spellings[old] if old else None)

    @cached_property
    def _common_keys(self) -> KeyFiles:
        """Of hosts without their own."""
        new, old = self.front.key_file, self.front.old_key_file
        return KeyFiles(self.spellings[new], self.spellings[old] if old else None)

    @property
    def has_agent(self) -> bool:
        """Whether an agent is to be at work here: this machine is a host itself, by that handshake."""
        return any(host.has_agent_here for host in self.hosts)

    def promised_here(self, here: Speech) -> Speech:
        """What clients of this machine's agent are promised, if it has one: of all its hosts together."""
        promised = [host.promises(here) for host in self.hosts if host.has_agent_here]
        options = {name for one in promised for name in one.options}
        return Speech(tuple(sorted(options)), promised[0].scale)

    @property
    def leaving(self) -> bool:
        """Whether what leaves by an uplink teaches: unless `inside` shows all that hosts send."""
        return not self.front.inside or any(host.via == "local" or host.one_armed for host in self.hosts)

    def hears(self, host: Host) -> bool:
        """Whether all that this host sends is seen here, so that what it does not confirm is nothing.

        Not if its frames leave by an interface that is none of `inside`: its answers will not come in there either.
        """
        inside = self.front.inside
        return host.via == "local" or (bool(inside) and (host.via != "mac" or host.out in inside))

    @property
    def key_files(self) -> tuple[Path, ...]:
        """The master keys' files, each once. The first is the agent's, if there is one here."""
        return tuple(dict.fromkeys(self.spellings.values()))

    @cached_property
    def key_pairs(self) -> tuple[KeyFiles, ...]:
        """What hosts have of them, each pair once, in the same order."""
        return tuple(dict.fromkeys(map(self.key_files_for, self.ours_first)))

    @property
    def ours_first(self) -> list[Host]:
        """The hosts, those of this machine's agent before others."""
        return sorted(self.hosts, key=lambda host: not host.has_agent_here)

    @cached_property
    def spellings(self) -> dict[Path, Path]:
        """Each key file as it is written, that of this machine's agent first -> how it was written the first time."""
        real: dict[str, Path] = {}
        files = dict.fromkeys(file for host in self.ours_first for file in written_for(self.front, host) if file)
        return {file: real.setdefault(os.path.realpath(file), file) for file in files}


def written_for(front: Front, host: Host) -> KeyFiles:
    """A host's key files as they are written."""
    if host.key_file or host.old_key_file:
        return KeyFiles(host.key_file or front.key_file, host.old_key_file)
    return KeyFiles(front.key_file, front.old_key_file)


TABLES: dict[str, type[Inert]] = {  # "": the file itself
    **{"": Config, "front": Front, "host": Host, "metrics": Metrics, "events": Events},
}
