"""The exporter's process: reads the tables when Prometheus asks, and at intervals for InfluxDB. It ends with the front."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from contextlib import suppress
from typing import NoReturn

from hardtack import journal
from hardtack.control.configuration.schema import Metrics
from hardtack.control.metrics.exporting import MOST_HANDED, Handing
from hardtack.control.metrics.exposition import exposition
from hardtack.control.metrics.handed import Handed
from hardtack.control.metrics.influx import Influx
from hardtack.control.metrics.reading import Reader
from hardtack.control.metrics.samples import Facts, Own
from hardtack.control.metrics.sending import Transport, transport_to
from hardtack.control.metrics.server import Server
from hardtack.kernel import interfaces, privileges
from hardtack.kernel.interfaces import InterfaceError
from hardtack.kernel.maps import Map
from hardtack.keys import epoch_of
from hardtack.mistake import Mistake

NAME = b"hardtack-metric"  # as `ps` shows it: 15 letters at most
MOST = 1 << 16  # bytes of a message
KIND = 10  # added to `nice`: the packets' work comes first
UNHEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)  # it ends when the front does


def lived(line: socket.socket, metrics: Metrics) -> NoReturn:
    """All of its life, in the process that was forked for it."""
    status = 1
    try:
        transport = transport_to(metrics.influx) if metrics.influx else None
        keep_only(line)
        if handed := received(line):
            become_nobody()
            serve(line, metrics, transport, *handed)
        status = 0
    except (Mistake, OSError) as error:
        journal.note("exporter-failed", logging.ERROR, why=error)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def keep_only(line: socket.socket) -> None:
    """Hear no signal, and close whatever else was open. OSError."""
    for number in UNHEARD:
        signal.signal(number, signal.SIG_IGN)
    os.closerange(3, line.fileno())
    os.closerange(line.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    privileges.name_process(NAME)


def received(line: socket.socket) -> tuple[Handing, list[int]] | None:
    """What the front hands over, once it protects; None if it has ended before."""
    message, fds, _, _ = socket.recv_fds(line, MOST, MOST_HANDED)
    return (pickle.loads(message), fds) if message else None


def become_nobody() -> None:
    """Give up all rights. NotDropped, OSError."""
    privileges.drop()
    with suppress(OSError):  # a service manager may forbid it
        os.nice(KIND)


def serve(line: socket.socket, metrics: Metrics, transport: Transport | None, told: Handing, fds: list[int]) -> None:
    """Until the front has gone."""
    listener = socket.socket(fileno=fds.pop(0)) if told.listens else None
    maps = {name: Map(fd, table, read_only=True) for (name, table), fd in zip(told.tables, fds, strict=True)}
    exporting = Exporting(told, Reader(Handed(maps)))
    if transport:
        transport.use(told.token)
        exporting.influx = Influx(metrics, transport, exporting.reader, exporting.facts)
    if listener:
        server = Server(listener, exporting.exposition)
        threading.Thread(target=server.serve_forever, name="prometheus", daemon=True).start()
    if exporting.influx:
        exporting.influx.start()
    while message := line.recv(MOST):
        exporting.keys_until = pickle.loads(message)


class Exporting:
    """What is told to whoever asks."""

    def __init__(self, told: Handing, reader: Reader) -> None:
        self.told, self.reader = told, reader
        self.keys_until: float | None = None
        self.influx: Influx | None = None

    def facts(self) -> Facts:
        """As they are now."""
        told, now = self.told, time.time()
        here = tuple((name, mode, is_there(name, index, mode)) for name, index, mode in told.modes)
        return Facts(told.interface, here, told.started, told.version, self.keys_until, epoch_of(now))

    def own(self) -> Own:
        """Likewise."""
        return self.influx.own() if self.influx else Own(time.process_time())

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """For Prometheus."""
        return exposition(self.reader.read(), self.facts(), self.own(), accept)


def is_there(name: str, index: int, mode: str) -> bool:
    """Whether the interface is the one that the program was put on, and has it still, as far as that can be seen."""
    with suppress(InterfaceError, OSError):
        found = interfaces.find(name)
        return found.index == index and (mode == "tcx" or bool(found.attached))
    return False

