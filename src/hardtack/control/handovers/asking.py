"""`check_hosts`: before a front takes over, each host is asked by a handshake whether it takes what is handed over to it.

First by SYNs, which port is served; no connection is made of them. Then, where an agent should be, by an ACK with a cookie.
All hosts at once, in less than two seconds, while programs are loaded.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import Path
from threading import Thread

from hardtack import journal
from hardtack.control.configuration.schema import Config, Host
from hardtack.control.handovers.causes import AGENT_REMEDY, NO_AGENT_THERE, OPTION_OFF, OPTION_REMEDY, likely
from hardtack.control.handovers.cookie import Flow, cookie
from hardtack.control.handovers.failures import Failure
from hardtack.control.handovers.judging import Kind
from hardtack.control.handovers.segments import ENDED, LOW_32, OPEN, RST, SYN, bringing, reset, syn
from hardtack.control.handovers.wire import Wire, own_address
from hardtack.control.ways import listed, not_forwarding
from hardtack.diagnosis.finding import Finding
from hardtack.kernel.tcp import OPTIONS, Speech

MOST = 256  # hosts that are asked
PORTS, MOST_PORTS = (443, 80, 22), 3  # that are tried where very many are protected; so many where they are FEW
FEW = 100
PATIENCE, AGAIN = 0.6, 0.25  # s that a question may take, and after which it is repeated once


@dataclass
class Asked:
    """A host, and what it has said so far.

    `served`: of ports that it has answered for, whether somebody listens; `made`: whether a connection was made of the
    cookie of a client that offers these options.
    """

    host: Host
    address: IPv4Address | IPv6Address
    source: bytes = b""
    served: dict[int, bool] = field(default_factory=dict)
    made: dict[tuple[str, ...], bool] = field(default_factory=dict)

    @property
    def port(self) -> int | None:
        """One that somebody listens on."""
        return next((port for port, served in self.served.items() if served), None)

    def ports(self) -> list[int]:
        """Those that are tried."""
        ports = self.host.ports
        if ports and len(ports) <= FEW:
            return [*ports][:MOST_PORTS]
        return [port for port in PORTS if not ports or port in ports]


Question = tuple[Asked, Flow, int, list[bytes]]  # who, on which connection, what it acknowledges, the packets


class Asking(Thread):
    """Asks all of them, beside whatever else a start does. To be begun with CAP_NET_RAW."""

    def __init__(self, config: Config, masters: Mapping[Path, bytes]) -> None:
        super().__init__(name="check-hosts", daemon=True)
        self._config, self._masters = config, masters
        self._found: dict[str, Failure] = {}
        self.start()

    def run(self) -> None:
        """Ask, if that is wanted."""
        if not self._config.front.check_hosts:
            return
        try:
            self._found = dict(failures(self._config, self._masters))
        except PermissionError:
            tell_unchecked(self._config.hosts, "the front lacks CAP_NET_RAW, which this check needs")
        except OSError as error:
            tell_unchecked(self._config.hosts, str(error.strerror))

    def found(self) -> Mapping[str, Failure]:
        """Whose hand-overs fail, by name; waits for it."""
        self.join()
        return self._found


def failures(config: Config, masters: Mapping[Path, bytes]) -> Iterator[tuple[str, Failure]]:
    """Ask all of them. OSError without the right to."""
    several = [*islice(askable(config.hosts), MOST)]
    if len(several) == MOST:
        tell_unchecked([one.host for one in several[-1:]], f"and those after it: at most {MOST} hosts are checked")
    with Wire() as wire:
        inquiry = Inquiry(wire, config, masters)
        ready = [one for one in several if inquiry.is_ready(one)]
        inquiry.ask_ports(ready)
        agents = [one for one in ready if one.port and one.host.handshake == "agent"]
        inquiry.ask_agents(agents, OPTIONS)
        inquiry.ask_agents([one for one in agents if one.made[OPTIONS] is False], ())
    for one in several:
        if found := judged(one):
            kind, finding = found
            yield one.host.name, Failure(kind, time.time(), False, finding.what, finding.remedy)
    silent = [one.host for one in several if {*one.served.values()} == {False}]
    tell_unchecked(silent, "no service listens on the ports tried")


def askable(hosts: Iterable[Host]) -> Iterator[Asked]:
    """Hosts elsewhere with an address of their own: which addresses of a network there are, nobody knows."""
    for host in hosts:
        addresses = [address for address in host.addresses if isinstance(address, IPv4Address | IPv6Address)]
        if addresses and host.via != "local" and not host.dry_run:
            yield Asked(host, addresses[0])


class Inquiry:
    """Questions to several hosts at once."""

    def __init__(self, wire: Wire, config: Config, masters: Mapping[Path, bytes]) -> None:
        self._wire, self._config, self._masters = wire, config, masters
        self._uplink = config.front.uplinks[0]

    def is_ready(self, one: Asked) -> bool:
        """Whether there is a way to it; then it is known from which address."""
        with suppress(OSError):
            by = one.host.out or self._uplink if one.host.via == "mac" else None
            one.source = own_address(one.address, by)
        return bool(one.source)

    def ask_ports(self, several: list[Asked]) -> None:
        """On which ports somebody listens. The half-open connections are reset at once."""
        questions = [(one, flow := self._flow(one, port), 0, [syn(flow)]) for one in several for port in one.ports()]
        for one, flow, flags in self._exchanged(questions):
            if flags & (SYN | RST):
                one.served[flow.destination_port] = bool(flags & SYN)
                self._send(one, [reset(flow, OPEN)] if flags & SYN else [])

    def ask_agents(self, several: list[Asked], offered: tuple[str, ...]) -> None:
        """Whether a connection is made of the cookie of a client that offers these options. It is reset at once."""
        for one, flow, flags in self._exchanged([self._bringing(one, offered) for one in several]):
            if offered not in one.made:
                one.made[offered] = not flags & RST
                self._send(one, [reset(flow, ENDED)] if not flags & RST else [])

    def _bringing(self, one: Asked, offered: tuple[str, ...]) -> Question:
        flow, ms = self._flow(one, one.port or 0), time.time_ns() // 1_000_000
        master = self._masters[self._config.key_files_for(one.host).new]
        made = cookie(master, flow, one.host.promises(Speech()), offered, ms)
        return one, flow, (made.isn + 1) & LOW_32, bringing(flow, made, ms & LOW_32)

    def _flow(self, one: Asked, port: int) -> Flow:
        return Flow(one.source, one.address.packed, self._wire.port, port, secrets.randbits(32))

    def _exchanged(self, questions: Sequence[Question]) -> Iterator[tuple[Asked, Flow, int]]:
        """Ask, once more after a while; answers as they come, their flags, until each has been answered, or for PATIENCE."""
        waiting = {(question[1].destination, question[1].destination_port): question for question in questions}
        begun = time.monotonic()
        for until in (begun + AGAIN, begun + PATIENCE) if questions else ():
            for one, flow, _, packets in questions:
                self._send(one, packets if (flow.destination, flow.destination_port) in waiting else [])
            for answer in self._wire.heard(until):
                question = waiting.get(where := (answer.source, answer.source_port))
                if question and answer.is_to(*question[1:3]):
                    del waiting[where]
                    yield *question[:2], answer.flags
                if not waiting:
                    return

    def _send(self, one: Asked, packets: Iterable[bytes]) -> None:
        for packet in packets:
            with suppress(OSError):  # no way, or a firewall of ours: then there is no answer
                self._wire.send(packet, one.address, one.host, self._uplink)


def judged(one: Asked) -> tuple[Kind, Finding] | None:
    """What is wrong with a host; None if nothing is, or nothing is known."""
    agent = one.host.handshake == "agent"
    asked = one.host.model_copy(update={"addresses": (one.address,)})
    if not one.served or [*not_forwarding([asked])]:
        return "silence", likely(asked, "silence", agent)
    if not agent or one.port is None or one.made.get(OPTIONS):
        return None
    if one.made.get(()):
        return "reset", Finding("hand-over", OPTION_OFF, OPTION_REMEDY)
    if one.made:
        return "reset", Finding("hand-over", NO_AGENT_THERE, AGENT_REMEDY)
    return "silence", likely(asked, "silence")


def tell_unchecked(hosts: Sequence[Host], why: str) -> None:
    """Of some, nothing is known."""
    if hosts:
        journal.note("not-checked", hosts=listed([host.name for host in hosts]), why=why)
