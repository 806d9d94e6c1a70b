"""What the figures were measured on: without it they mean nothing."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hardtack import __version__


def machine() -> dict[str, object]:
    """Kernel, processor, versions, date (UTC)."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardtack": __version__,
        "kernel": f"{platform.system()} {platform.release()}",
        "processor": processor(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        **{tool: _version(tool) for tool in ("numba", "llvmlite", "numpy")},
    }


def processor() -> str:
    """As /proc/cpuinfo names it, with family and model where a hypervisor hides the name."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    name = facts.get("model name", platform.machine())
    family = f" (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else ""
    return name + family


def stolen() -> tuple[int, int]:
    """Ticks that the hypervisor gave to others, and all ticks, since boot."""
    ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    return ticks[7], sum(ticks)


def _version(tool: str) -> str:
    try:
        return version(tool)
    except PackageNotFoundError:
        return "none"
