"""How to end a process: by systemd, if one of its units runs it, which would start it again otherwise."""

from __future__ import annotations

import re
from pathlib import Path

UNIT = re.compile(r"/([^/]+\.service)(?:/[^/]*)?$")


def unit_of(pid: int, proc: Path = Path("/proc")) -> str:
    """The system's unit that runs it, by its control group: cgroups(7). "" for none."""
    try:
        groups = (proc / str(pid) / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    paths = [group.split(":", 2)[2] for group in groups if group.count(":") >= 2]
    found = (UNIT.search(path) for path in paths if "/user@" not in path)
    return next((match[1] for match in found if match and match[1].startswith("hardtack")), "")


def ending(pid: int, proc: Path = Path("/proc")) -> str:
    """The command that ends it."""
    unit = unit_of(pid, proc)
    return f"systemctl stop {unit}" if unit else f"kill {pid}"
