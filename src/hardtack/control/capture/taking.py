"""Frames as they come in from taps on several fronts, told by name."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from hardtack.control import listing
from hardtack.control.capture.request import BadRequest, Request
from hardtack.control.pinned import Interfaces, Tables, fronts
from hardtack.control.taps import Fate, PinnedTap, Sample
from hardtack.kernel import links
from hardtack.kernel.pins import Folder
from hardtack.packet.reasons import Reason, Verdict, verdict
from hardtack.pcap.libpcap import Link

LOOK = 0.05  # s between looks into the ring buffers
RENEW = 1.0  # s
OUTBOUND = ("outbound", "taught")  # so begin the names of reasons of frames that hosts have sent
ETHERNET = 14  # bytes
REASONS = {int(one): one for one in Reason}


@dataclass(frozen=True)
class Taken:
    """A frame, and what became of it. `when`: unix time in ns; `host`: "" is nobody's; `link`: what the frame begins with.

    `outbound`: it leaves by the interface. `action`: what the program returned: enum xdp_action; at `tcx` tcx_action_base.
    """

    when: int
    front: str
    interface: str
    host: str
    verdict: Verdict
    reason: Reason
    cpu: int
    length: int
    frame: bytes
    link: Link
    outbound: bool
    tcx: bool
    action: int


class Taking:
    """A tap on each front that has the host, or on the front of an interface. NothingHere, BadRequest, AllTaken."""

    def __init__(self, request: Request, interface: Interfaces = None) -> None:
        self._parts = ExitStack()
        self._taps: list[tuple[Folder, PinnedTap, list[str]]] = []
        self._names: dict[int, str] = {}
        try:
            for folder in fronts(interface):
                self._watch(folder, request)
            if not self._taps:
                raise BadRequest(f'no front here has a host "{request.host}": hardtack status lists them')
        except BaseException:
            self.close()
            raise

    def frames(self) -> Generator[Taken | None, None, None]:
        """Each as it comes; None from time to time, also while none comes. The taps go on as long as somebody asks."""
        due = time.monotonic() + RENEW
        while True:
            yield from self.there()
            yield None
            if time.monotonic() >= due:
                due = time.monotonic() + RENEW
                for _, tap, _ in self._taps:
                    tap.renew()
            time.sleep(LOOK)

    def there(self) -> Iterator[Taken]:
        """What has come since, and no more."""
        for folder, tap, hosts in self._taps:
            to_unix = time.time_ns() - time.monotonic_ns()
            for sample in tap.samples():
                yield self._told(folder, sample, hosts, to_unix)

    def fate(self) -> Fate:
        """Of all frames so far."""
        fates = [tap.fate() for _, tap, _ in self._taps]
        return Fate(sum(one.taken for one in fates), sum(one.lost for one in fates), sum(one.over for one in fates))

    def close(self) -> None:
        """All taps off."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _watch(self, folder: Folder, request: Request) -> None:
        with Tables(folder) as tables:
            hosts = tables.hosts()
        if request.host is not None and request.host not in hosts:
            return
        number = hosts.index(request.host) + 1 if request.host is not None else None
        tap = PinnedTap(folder, partial(request.wish, host=number), request.every)
        self._taps.append((folder, self._parts.enter_context(tap), hosts))

    def _told(self, folder: Folder, sample: Sample, hosts: list[str], to_unix: int) -> Taken:
        reason = REASONS[sample.reason]
        before = 0 if sample.begin == ETHERNET else sample.begin
        return Taken(
            when=sample.when + to_unix,
            front=folder.interface,
            interface=self._name(sample.interface),
            host=listing.name_of(sample.host, hosts) if sample.host else "",
            verdict=verdict(reason),
            reason=reason,
            cpu=sample.cpu,
            length=sample.length - before,
            frame=sample.frame[before:],
            link="ethernet" if sample.begin == ETHERNET else "ip",
            outbound=bool(sample.tcx) and sample.begin == ETHERNET and reason.name.startswith(OUTBOUND),
            tcx=bool(sample.tcx),
            action=sample.action,
        )

    def _name(self, index: int) -> str:
        if index not in self._names:
            self._names[index] = links.interface_name(index)
        return self._names[index]
