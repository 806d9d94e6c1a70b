"""A lab: namespaces, links and processes with one owner, which removes them all, whatever happens.

    with Lab() as lab:
        client, server = lab.namespace("client"), lab.namespace("server")
        here, there = lab.join(client, server)

Leaving the block, an exception, Ctrl-C and SIGTERM all clean up. The first signal ends the block; those that follow are
ignored until all is clean, so that impatience leaves nothing behind. After SIGKILL the next lab sweeps.
"""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any

from pyroute2 import IPRoute

from hardtack.lab import namespaces
from hardtack.lab.links import Interface, join
from hardtack.lab.namespaces import Namespace

# Ports for clients that say by which one they connect: nobody else is given any of them.
NAMED_PORTS = range(10_000, 20_000)

# What every namespace starts with: no delays and no noise that a test would have to wait for or explain.
QUIET: dict[str, int | str] = {
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.router_solicitations": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.tcp_no_metrics_save": 1,  # no connection learns from the one before
    "net.ipv4.ip_local_port_range": f"{NAMED_PORTS.stop} 65535",
}


class Lab:
    """Owner of everything that was made through it. `token` is in every name it gives, so that labs do not collide."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(3)
        self._pid = os.getpid()
        self._belongings = ExitStack()
        self._links = 0
        self._leaving = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Lab:
        namespaces.sweep()
        atexit.register(self.close)
        self._take_signals()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Undo everything, last first. A forked child's copy of the lab does nothing: it owns nothing."""
        if os.getpid() != self._pid:
            return
        self._leaving = True
        self._belongings.close()
        atexit.unregister(self.close)
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def keep(self, undo: Callable[[], Any]) -> None:
        """Call `undo` when the lab closes, before what was made earlier is removed."""
        self._belongings.callback(undo)

    def namespace(self, role: str) -> Namespace:
        """A new namespace, loopback up; `role` in small letters."""
        name = f"ht{self._pid}-{self.token}-{role}"
        self._belongings.callback(namespaces.discard, name)  # first: a signal may come at any time
        made = namespaces.create(name)
        made.call(_prepare)
        for key, value in QUIET.items():
            made.sysctl(key, value)
        return made

    def join(self, first: Namespace, second: Namespace, queues: int = 1) -> tuple[Interface, Interface]:
        """A veth pair from one namespace to the other, both ends up."""
        self._links += 1
        near, far = (f"{end}{self._links}{self.token}" for end in "ab")
        return join(first, near, second, far, queues)

    def _take_signals(self) -> None:
        """Only where nobody else has: an application with handlers of its own, or an outer lab, knows better."""
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) == usual:
                    self._handlers[number] = usual
                    signal.signal(number, self._leave)

    def _leave(self, number: int, _frame: FrameType | None) -> None:
        if not self._leaving:
            self._leaving = True
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def _prepare() -> None:
    with IPRoute() as kernel:
        kernel.link("set", index=1, state="up")  # lo is 1 in every namespace
