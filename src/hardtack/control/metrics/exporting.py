"""The front's end: the exporter's process is started before keys are read, and given its sockets and tables when there are.

A process of its own, because it listens, and because a scrape of many hosts takes longer than the front may be kept from
its work: it has no key and no capability, writes to no table, and may die without harm.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hardtack import __version__, journal
from hardtack.agent.upkeep import Upkeep
from hardtack.control import apply
from hardtack.control.apply import AtWork
from hardtack.control.configuration.endpoints import listen_of
from hardtack.control.configuration.schema import Metrics
from hardtack.control.metrics.handed import AGENTS, tables_of
from hardtack.control.metrics.server import listening
from hardtack.control.token_file import read_token
from hardtack.image import Table
from hardtack.kernel import interfaces, maps

AGAIN, PARTING = 0.02, 50  # s between looks whether it has ended, and how many
MOST_HANDED = 64  # file descriptors in a message


@dataclass(frozen=True)
class Handing:
    """What it is told at its start. `tables`: by name, in the order of the descriptors; before these, one of a socket that
    listens, if `listens`. `modes`: name, index and mode of each interface.
    """

    interface: str
    modes: Sequence[tuple[str, int, str]]
    tables: Sequence[tuple[str, Table]]
    listens: bool
    started: float
    version: str
    token: str | None = field(repr=False)


class Exporter:
    """To be told every second. `line`: to its process; None if nothing is to be exported."""

    def __init__(self, pid: int, line: socket.socket | None) -> None:
        self.pid, self._line = pid, line
        self._listener: socket.socket | None = None
        self._token: str | None = None
        self._upkeep: Upkeep | None = None
        self._told: float | None = None

    def listen(self, metrics: Metrics) -> None:
        """Before anything is changed: what can be wrong is wrong now. CannotListen, TokenFileError."""
        if metrics.influx_token_file:
            self._token = read_token(metrics.influx_token_file)
        if metrics.prometheus:
            self._listener = listening(listen_of(metrics.prometheus))

    def begin(self, here: AtWork) -> None:
        """Hand over what there is to be read. BpfError."""
        if not self._line:
            return
        self._upkeep = here.upkeep
        places = {place.interface: place for place in here.plan.places if place.answers}
        modes = [(name, interfaces.find(name).index, apply.mode(places[name])) for name in here.plan.uplinks]
        tables, fds = [], [self._listener.fileno()] if self._listener else []
        try:
            for name, one in tables_of(here.front, here.agent):
                owner = here.agent if name == AGENTS and here.agent else here.front
                fds.append(maps.for_reading(owner.folder.table_path(one.table, owner.owner), one.table))
                tables.append((name, one.table))
            listens, now = bool(self._listener), time.time()
            told = Handing(here.front.folder.interface, modes, tables, listens, now, __version__, self._token)
            socket.send_fds(self._line, [pickle.dumps(told)], fds)
        except OSError:
            self._lose()
        finally:
            for fd in fds[bool(self._listener) :]:
                os.close(fd)
            self._hang_up()
        self.write()

    def write(self) -> None:
        """Tell it how long the keys last, which it cannot see; and the journal if it has ended."""
        if not self._line or not self._upkeep:
            self._ended()
            return
        try:
            if self._upkeep.until != self._told:
                self._line.send(pickle.dumps(self._upkeep.until), socket.MSG_DONTWAIT)
                self._told = self._upkeep.until
            elif not self._line.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK):
                self._lose()
        except BlockingIOError:
            pass
        except OSError:
            self._lose()

    def _lose(self) -> None:
        assert self._line
        self._line.close()
        self._line = None
        self._ended()
        journal.note("exporter-gone", logging.ERROR, why="no metrics until the front is restarted")

    def _hang_up(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """It ends by itself when nobody is at the other end."""
        self._hang_up()
        if self._line:
            self._line.close()
            self._line = None
        for _ in range(PARTING):
            if self._ended():
                return
            time.sleep(AGAIN)

    def _ended(self) -> bool:
        """Whether its process has, if there was one; it is no corpse any more then."""
        with suppress(ChildProcessError):
            if self.pid and not os.waitpid(self.pid, os.WNOHANG)[0]:
                return False
        self.pid = 0
        return True

    def __enter__(self) -> Exporter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def started(metrics: Metrics) -> Exporter:
    """Fork it, if the configuration wants it. To be called before there are other threads, and keys."""
    if not metrics.wanted:
        return Exporter(0, None)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return Exporter(pid, ours)
    ours.close()
    from hardtack.control.metrics.process import lived  # and with it what only the exporter needs

    lived(theirs, metrics)
