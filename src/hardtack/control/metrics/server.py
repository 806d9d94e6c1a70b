"""The HTTP server that Prometheus asks: GET /metrics. So many clients at once, each for so long, and no more.

A new client is never kept waiting by old ones: where there are too many, the oldest is hung up on.
"""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from hardtack.control.configuration.endpoints import Listen
from hardtack.mistake import Mistake

MOST_CLIENTS = 16
LONGEST = 10  # s for a request to come in, and for the answer to go out
WAITING = 64  # connections that the kernel takes before we do
QUICK = 1  # gzip's level: twenty times smaller; better ones take far more time than they save on a network
PATH = "/metrics"
TEXT = "text/plain; charset=utf-8"

Render = Callable[[str], tuple[bytes, str]]


class CannotListen(Mistake):
    """The address of [metrics] prometheus cannot be had."""

    status = 1


def listening(listen: Listen) -> socket.socket:
    """A socket that listens there. CannotListen."""
    family = socket.AF_INET6 if listen.address.version == 6 else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((str(listen.address), listen.port))
        made.listen(WAITING)
    except OSError as error:
        made.close()
        remedy = f"find the listener with `ss -tlnp sport = {listen.port}`, or write another address or port"
        raise CannotListen(f'[metrics] prometheus = "{listen}": cannot listen there: {error.strerror}; {remedy}') from error
    return made


class Server(ThreadingMixIn, HTTPServer):
    """Serves what `render` makes, by a socket that listens already. `render` is called for one client at a time."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, render: Render) -> None:
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.render, self.turn = render, threading.Lock()
        self._clients: dict[Any, None] = {}  # the oldest first
        self._changing = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own; the oldest client makes room."""
        with self._changing:
            self._clients[request] = None
            oldest = next(iter(self._clients)) if len(self._clients) > MOST_CLIENTS else None
            self._clients.pop(oldest, None)
        if oldest:
            with suppress(OSError):  # its thread then reads the end, and closes it
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """It is over."""
        with self._changing:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or dawdles, is no news."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request; then the connection is closed."""

    timeout = LONGEST
    server: Server

    def do_GET(self) -> None:
        """/metrics, and a word of where it is."""
        path = self.path.partition("?")[0]
        if path == PATH:
            with self.server.turn:
                body, kind = self.server.render(self.headers.get("Accept", ""))
            self._answer(200, body, kind)
        elif path == "/":
            self._answer(200, f"hardtack: metrics for Prometheus are at {PATH}\n".encode(), TEXT)
        else:
            self._answer(404, f"not found; metrics are at {PATH}\n".encode(), TEXT)

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, QUICK)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Of the Server header."""
        return "hardtack"

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape each few seconds is nothing for the journal."""
