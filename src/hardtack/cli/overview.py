"""What `hardtack check` shows of a configuration: apart from the command, which others do not wait for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hardtack.cli.screen import MANY, folding, in_columns, screen, table_of
from hardtack.control import proven
from hardtack.control.configuration.endpoints import listen_of
from hardtack.control.configuration.schema import Config, Front, Host, KeyFiles, Metrics
from hardtack.control.networks.prefixes import Content
from hardtack.control.ways import has, listed
from hardtack.kernel.tcp import Speech
from hardtack.printable import printable

Lists = Mapping[Path, Content]


def show(settings: Config, memory: int, lists: Lists) -> None:
    """What will be protected, as a table, and how; `memory` in bytes, `lists`: what is in files of them."""
    console, front = screen(), settings.front
    headings = ("host", "addresses", "ports", "via", "MSS", "not TCP", "SYN-ACKs/s")
    tell(console, f"On {', '.join(front.uplinks)}, with {keys(settings)}:")
    cells = [cells_of(host) for host in settings.hosts]
    if len(cells) > MANY:
        print("\n".join(map(printable, in_columns(headings, cells))))
    else:
        table = table_of(*headings)
        for one in cells:
            table.add_row(*map(escape, one))
        console.print(folding(table, console))
    for line in (
        f"Handshake: {shared(((handshake(host), host) for host in settings.hosts), '; ')}",
        f"Connections: {front.connections:,}, in {memory / 1e6:,.1f} MB of memory",
        f"Learns hosts' own connections from: {learning(settings)}",
        f"Grace period: segments of existing connections pass for {front.grace} s after a start, and are learned",
        f"SYN-ACKs: at most {front.replies_per_second:,} a second for all hosts together, "
        f"{front.replies_per_prefix:,} for a source prefix without recent connections",
        f"New connections: at most {front.connections_per_prefix:,} a second for each source prefix",
        *proven_sources(settings),
        *promises(settings),
        f"Frames from a client: at most {frames(settings)} a second on each connection",
        *sources(settings, lists),
        *rules(settings),
        *metrics(settings.metrics),
        *engine(front),
    ):
        tell(console, line)


def cells_of(host: Host) -> tuple[str, ...]:
    """A host's row."""
    ports = str(host.ports or ("all TCP" if host.protect is None else "see protect"))
    addresses = "\n".join([*map(str, host.addresses), *(f"but not {one}" for one in host.exclude)])
    answers = (mss(host), host.default, f"{host.replies_per_second:,}") if host.answers else ("-", host.default, "-")
    return host.name, addresses, ports, way(host), *answers


def tell(console: Console, line: str) -> None:
    """A line as it is: paths and rules are others' words."""
    console.print(printable(line), markup=False, soft_wrap=True)


def sources(settings: Config, lists: Lists) -> Iterator[str]:
    """How many prefixes may send, and may not: to all hosts, and to each."""
    owners: dict[str, Front | Host] = {"all hosts": settings.front} | {f"host {host.name}": host for host in settings.hosts}
    for name, owner in owners.items():
        if owner.allow or owner.deny:
            yield f"Sources, for {name}: denied {prefixes(owner.deny, lists)}; allowed {prefixes(owner.allow, lists)}"


def prefixes(entries: Iterable[object], lists: Lists) -> str:
    """How many, and from which files."""
    files = {entry: len(lists[entry]) for entry in entries if isinstance(entry, Path)}
    total = sum(files.values()) + sum(not isinstance(entry, Path) for entry in entries)
    told = "; ".join(f"{file}: {count:,}" for file, count in files.items())
    return f"{total:,}" + (f" ({told})" if told else "")


def rules(settings: Config) -> Iterator[str]:
    """Those of all hosts, then each host's, in order; what is protected; and who has a dry run."""
    owners = [("all hosts", settings.front.rules), *((host.name, host.rules) for host in settings.hosts)]
    for name, texts in owners:
        if texts:
            yield f"Rules of {name}, first match wins:"
        yield from (f"  {number}. {text}" for number, text in enumerate(texts, 1))
    for host in settings.hosts:
        if host.protect is not None:
            yield f'Protected on {host.name}: {host.protect}; everything else: {host.default}'
        if host.dry_run:
            yield f"Dry run of {host.name}: nothing is dropped, no SYN is answered"


def metrics(told: Metrics) -> Iterator[str]:
    """Who listens, and where points are sent."""
    if told.prometheus:
        reach = "this machine only" if listen_of(told.prometheus).address.is_loopback else "other machines"
        yield f"Metrics: Prometheus at http://{told.prometheus}/metrics, reachable from {reach}"
    if told.influx:
        token = f", with the token in {told.influx_token_file}" if told.influx_token_file else ""
        yield f"Metrics: to InfluxDB at {told.influx}, every {told.interval} s{token}"


def engine(front: Front) -> Iterator[str]:
    """If it is not the usual one."""
    downs = {
        "pass": "all frames pass",
        "hold": "new connections are refused, known ones go on",
        "judge": "the kernel's program judges",
    }
    if front.engine == "af_xdp":
        cpus = f"CPUs {', '.join(map(str, front.cpus))}" if front.cpus else "CPUs that are chosen at the start"
        yield f"Engine: af_xdp, workers on {cpus}; while none runs, {downs[front.when_down]}"


def learning(settings: Config) -> str:
    """Where the front sees it."""
    front = settings.front
    inside = [f"traffic received on {', '.join(front.inside)}"] if front.inside else []
    return " and ".join([*inside, *([f"traffic sent on {', '.join(front.uplinks)}"] if settings.leaving else [])])


def frames(settings: Config) -> str:
    """How many, and for whom."""
    return shared(((f"{host.frames_per_connection:,}", host) for host in settings.hosts), ", ")


def handshake(host: Host) -> str:
    """Which one, and when; and how many SYNs may go on, if not all."""
    when = ", only under attack" if host.protect_when == "under-attack" else ""
    most = f", at most {host.syns_per_second:,} SYNs a second forwarded" if host.syns_per_second else ""
    return host.handshake + when + most


def proven_sources(settings: Config) -> Iterator[str]:
    """Sources that have answered a challenge, where there is one."""
    front = settings.front
    if any(host.handshake == "challenge" for host in settings.hosts):
        yield (
            f"Proven sources: {front.sources:,}, in {proven.memory_for(front.sources) / 1e6:,.1f} MB of memory, for "
            f"{front.source_lifetime} s after their last SYN, at most {front.syns_per_source:,} SYNs a second each"
        )


def promises(settings: Config) -> Iterator[str]:
    """Options and window scale, and of whom: of those for whom SYNs are answered with a cookie."""
    promised = [(promise(host), host) for host in settings.hosts if host.handshake == "agent"]
    if promised:
        yield f"TCP options accepted from clients: {shared(promised, '; ')}"


def promise(host: Host) -> str:
    """Of one host."""
    own, promised = "this machine's " if host.via == "local" else "", host.promises(Speech())
    options = own + "options" if own and host.options is None else ", ".join(promised.options) or "no options"
    scale = own + "scale" if own and host.window_scale is None else f"window scale {promised.scale}"
    return f"{options}; {scale}"


def keys(settings: Config) -> str:
    """Which key belongs to whom."""
    owned = ((both(settings.key_files_for(host)), host) for host in settings.hosts)
    return f"the key{'s' * (len(settings.key_pairs) > 1)} in {shared(owned, ', ')}"


def shared(facts: Iterable[tuple[str, Host]], between: str) -> str:
    """What all hosts have; or what each has, and who they are, or some of them."""
    owners: dict[str, list[str]] = {}
    for fact, host in facts:
        owners.setdefault(fact, []).append(host.name)
    if len(owners) == 1:
        return next(iter(owners))
    return between.join(f"{fact} ({listed(names)})" for fact, names in owners.items())


def both(files: KeyFiles) -> str:
    """A key file, and the old one."""
    return f"{files.new}, also accepting cookies of {files.old}" if files.old else str(files.new)


def way(host: Host) -> str:
    """How frames get to the host: `via`, and what belongs to it, each on a line of its own."""
    tags = "" if host.vlan is None else "untagged" if host.vlan == "none" else f"VLAN {host.vlan}"
    return "\n".join(line for line in (host.via, host.mac, host.out and f"out of {host.out}", tags) if line)


def mss(host: Host) -> str:
    """For IPv4, and for IPv6 if that is another one."""
    ipv4, *ipv6 = dict.fromkeys(host.mss_for(version) for version in (4, 6) if has(host, version))
    return f"{ipv4}, IPv6 {ipv6[0]}" if ipv6 else str(ipv4)
