"""Asking a front's process, by its control socket."""

from __future__ import annotations

import json
import socket
from typing import Any

from hardtack.agent.hold import living, socket_path
from hardtack.control.reception import VERSION, WAITING
from hardtack.kernel.pins import Folder
from hardtack.mistake import Mistake

MOST = 1 << 16  # bytes at a time


class NobodyAnswers(Mistake):
    """No process is there, or it does not answer."""

    status = 1


def ask(folder: Folder, verb: str, **facts: Any) -> dict[str, Any]:
    """Its answer to a request. NobodyAnswers."""
    path = socket_path(folder)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(WAITING)
            line.connect(str(path))
            line.sendall(json.dumps({"version": VERSION, "verb": verb, **facts}).encode() + b"\n")
            answer = b"".join(iter(lambda: line.recv(MOST), b""))
        facts = json.loads(answer)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        if pid := living(folder):
            raise NobodyAnswers(
                f"{path}: the control socket of process {pid} was removed, so nothing was done; the process is running, and "
                f"SIGHUP reloads it: kill -HUP {pid}; a restart, which loses no connection, creates the socket again"
            ) from error
        raise NobodyAnswers(
            f"{folder.interface}: no process is running, only its programs are in place, so nothing was done; start "
            "it with: hardtack front CONFIG, or systemctl start hardtack-front"
        ) from error
    except (OSError, ValueError) as error:
        raise NobodyAnswers(f"{path}: the front's process does not answer: see its log, or restart it") from error
    if "error" in facts:
        raise NobodyAnswers(f"{path}: the front's process is of another version, and answered: {facts['error']}")
    return dict(facts)
